"""Audio for benchmarks: clips, and calls built from them."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from tests.benchmarks.registry import NotMeasuredError
from tests.support.audio import encode
from tests.support.calls import CALL_RATE, CLIP_RATE, clip_paths, read_clip, speech_truth

CLIPS, CALLS, TURNS, SNR_DB = 24, 10, 14, 25.0


def corpus() -> Path:
    """The folder of RAVDESS."""
    root = os.environ.get("SER_CORPORA")
    if not root:
        raise NotMeasuredError("needs SER_CORPORA, a folder that holds ravdess/ (see CONTRIBUTING.md)")
    return Path(root, "ravdess")


@lru_cache(maxsize=4)
def clips(sr: int) -> tuple[np.ndarray, ...]:
    """24 clips over all speakers and emotions at `sr` hertz, from the originals where that is their rate."""
    pattern = "original-48k/*/*.wav" if sr == 48000 else "speech-16k/*/*.flac"
    paths = sorted(corpus().glob(pattern))
    if not paths:
        raise NotMeasuredError(f"needs {pattern} below {corpus()}")
    resampled = []
    for path in paths[:: max(1, len(paths) // CLIPS)][:CLIPS]:
        y, rate = sf.read(path, dtype="float32", always_2d=True)
        y = np.ascontiguousarray(y[:, 0])
        resampled.append(y if rate == sr else np.asarray(soxr.resample(y, rate, sr), np.float32))
    return tuple(resampled)


def audio_s(ys: tuple[np.ndarray, ...], sr: int) -> float:
    """Total duration in seconds."""
    return sum(map(len, ys)) / sr


@lru_cache(maxsize=1)
def calls() -> tuple[bytes, ...]:
    """Two speakers, a channel each, 8 kHz µ-law in WAV, one to two minutes: turns of one to three utterances with
    pauses between, over a line whose noise lies 25 dB below the voices."""
    corpus()
    rng = np.random.default_rng(0)
    return tuple(encode(_call(rng, 2 * i + 1), CALL_RATE, "WAV", "ULAW") for i in range(CALLS))


def _call(rng: np.random.Generator, actor: int) -> np.ndarray:
    paths = [clip_paths([actor + side]) for side in (0, 1)]
    placed, at = [], 0.5
    for turn in range(TURNS):
        side = turn % 2
        for _ in range(rng.integers(1, 4)):
            y = _utterance(paths[side][rng.integers(len(paths[side]))])
            placed.append((round(at * CALL_RATE), side, y))
            at += len(y) / CALL_RATE + rng.uniform(0.2, 0.8)
        at += rng.uniform(0, 0.5)
    out = np.zeros((round((at + 0.5) * CALL_RATE), 2), np.float32)
    for start, side, y in placed:
        out[start : start + len(y), side] += y
    for side in (0, 1):
        voice = np.concatenate([y for _, whose, y in placed if whose == side])
        level = np.sqrt(np.mean(np.square(voice))) * 10 ** (-SNR_DB / 20)
        out[:, side] += level * rng.standard_normal(len(out)).astype(np.float32)
    return out


def _utterance(path: Path) -> np.ndarray:
    clip = read_clip(path)
    spans = speech_truth(clip, CLIP_RATE)
    y = clip[round(spans[0][0] * CLIP_RATE) : round(spans[-1][1] * CLIP_RATE)]
    return np.asarray(soxr.resample(y, CLIP_RATE, CALL_RATE), np.float32)
