"""`paper-180` against the recipe of tutorials: three calls of librosa, each with its own spectrum."""

from __future__ import annotations

import io
from functools import lru_cache

import librosa

from ser_core.config import load_settings
from ser_core.sound.extraction import ExtractedRecording, ExtractionPlan, extract
from ser_core.sound.features import feature_set
from tests.benchmarks.material import audio_s, calls, clips
from tests.benchmarks.registry import Measured, benchmark, in_turn, versus
from tests.reference.paper import paper_vector

PAPER = ["--features.set", "paper-180"]
BOTH_SIDES = [*PAPER, "--scoring.roles", "[customer, agent]", "--scoring.purpose", "benchmark"]


@benchmark(
    "paper_48k_vs_tutorial", "paper-180 of 48 kHz clips / the tutorial recipe; both without decoding", at_least=6
)
def paper_48k_vs_tutorial() -> Measured:
    return _on_clips(48000)


@benchmark("paper_16k_vs_tutorial", "the same at 16 kHz", at_least=6)
def paper_16k_vs_tutorial() -> Measured:
    return _on_clips(16000)


@benchmark(
    "paper_8k_vs_tutorial",
    "paper-180@8k of calls, all channels, with speech activity / the recipe on the segments it found; both decode",
    at_least=8,
)
def paper_8k_vs_tutorial() -> Measured:
    runs, seconds, speech_s = _on_calls()
    return Measured([run["tutorial"] / run["ser"] for run in runs], {"share of speech": speech_s / seconds})


@benchmark("paper_8k_realtime", "ser's side of the same: seconds of channel a second", at_least=3000)
def paper_8k_realtime() -> Measured:
    runs, seconds, _ = _on_calls()
    return Measured([seconds / run["ser"] for run in runs])


def _on_clips(sr: int) -> Measured:
    settings = load_settings([*PAPER, "--features.sample-rate-hz", str(sr)], environ={})
    ours, n_fft, hop_length = (
        feature_set(settings.features, settings.segments),
        settings.features.n_fft,
        settings.features.hop_length,
    )
    ys = clips(sr)
    return versus(
        lambda: ours.extract(ys),
        lambda: [paper_vector(y, sr, n_fft, hop_length, htk=False) for y in ys],
        audio_s(ys, sr),
    )


@lru_cache(maxsize=1)
def _on_calls() -> tuple[list[dict[str, float]], float, float]:
    """Runs of both sides, seconds of all channels, and seconds of speech in them."""
    settings = load_settings(BOTH_SIDES, environ={})
    plan, n_fft, hop_length = ExtractionPlan.of(settings), settings.features.n_fft, settings.features.hop_length
    files = calls()

    def ours() -> list[ExtractedRecording]:
        return [extract(io.BytesIO(data), len(data), plan) for data in files]

    def tutorial() -> None:
        for data, cut in zip(files, found, strict=True):
            y, sr = librosa.load(io.BytesIO(data), sr=None, mono=False)
            for channel in cut.channels:
                for start_s, end_s in zip(channel.start_s, channel.end_s, strict=True):
                    part = y[channel.channel, round(start_s * sr) : round(end_s * sr)]
                    paper_vector(part, int(sr), n_fft, hop_length, htk=False)

    found = ours()
    channels = [channel for recording in found for channel in recording.channels]
    speech_s = sum(float((channel.end_s - channel.start_s).sum()) for channel in channels)
    return in_turn({"ser": ours, "tutorial": tutorial}), sum(channel.duration_s for channel in channels), speech_s
