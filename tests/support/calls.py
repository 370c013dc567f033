"""Calls of real voices with known extents of speech, and what a detector is measured by."""

import io
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from ser_core.sound.segments import open_segmenter
from tests.support.audio import encode

CLIP_RATE, CALL_RATE, FRAMES = 16000, 8000, 100
DOWN_DB, PAUSE_S, BURST_S = 30.0, 0.3, 0.1


def clip_paths(actors):
    folder = Path(os.environ["SER_CORPORA"]) / "ravdess" / "speech-16k"
    return [path for actor in actors for path in sorted((folder / f"Actor_{actor:02d}").glob("*.flac"))]


@lru_cache(maxsize=2000)
def read_clip(path):
    y, _ = sf.read(path, dtype="float32", always_2d=True)
    return y[:, 0] - y[:, 0].mean()


def speech_truth(y, sr):
    """Stretches of speech in a studio clip, (start_s, end_s): frames of 20 ms within 30 dB of the loudest one, joined
    over pauses of 0.3 s; an isolated burst shorter than 0.1 s is a click or a breath. The room lies 45 dB and
    more below the voice, so energy alone separates them.
    """
    n, hop = round(0.02 * sr), sr // FRAMES
    energy = np.concatenate([[0], np.cumsum(y.astype(float) ** 2)])
    at = np.arange(0, len(y) - n + 1, hop)
    level = 10 * np.log10((energy[at + n] - energy[at]) / n + 1e-12)
    edges = np.flatnonzero(np.diff((level > level.max() - DOWN_DB).astype(int), prepend=0, append=0))
    spans = []
    for start, end in zip(edges[::2] / FRAMES, edges[1::2] / FRAMES + 0.01, strict=True):
        if spans and start - spans[-1][1] <= PAUSE_S:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return [span for span in spans if span[1] - span[0] >= BURST_S] or spans


def make_call(paths, rng, snr_db=None, subtype="ULAW"):
    """One channel of 8 kHz: whole clips, their rooms included, between gaps of 0.2 to 2 s of digital silence, and white
    noise `snr_db` below the mean power of all speech in the call. Returns the decoded `y` and the spans of speech.
    """
    parts, spans, powers, at = [], [], [], 0
    for path in paths:
        clip = read_clip(path)
        gap = np.zeros(round(rng.uniform(0.2, 2) * CALL_RATE), np.float32)
        x = soxr.resample(clip, CLIP_RATE, CALL_RATE)
        start = (at + len(gap)) / CALL_RATE
        for a, b in speech_truth(clip, CLIP_RATE):
            spans.append((start + a, start + b))
            powers.append(np.square(x[round(a * CALL_RATE) : round(b * CALL_RATE)]))
        parts += [gap, x]
        at += len(gap) + len(x)
    y = np.concatenate(parts)
    if snr_db is not None:
        level = np.sqrt(np.concatenate(powers).mean()) * 10 ** (-snr_db / 20)
        y = y + level * rng.standard_normal(len(y)).astype(np.float32)
    decoded, _ = sf.read(io.BytesIO(encode(y, CALL_RATE, "WAV", subtype)), dtype="float32")
    return decoded, spans


def detect(y, sr, settings, block_s=10.0):
    """Spans of the segments that `settings` cut from `y`."""
    segmenter, size = open_segmenter(settings, sr), round(block_s * sr)
    segments = [s for at in range(0, len(y), size) for s in segmenter.push(y[at : at + size])]
    return [(s.start_s, s.end_s) for s in [*segments, *segmenter.finish()]]


def mask(spans, frames):
    inside = np.zeros(frames, bool)
    for start, end in spans:
        inside[round(start * FRAMES) : round(end * FRAMES)] = True
    return inside


def measure(calls):
    """`calls`: (duration_s, truth, detected). Share of speech frames detected, share of silence kept, and the median
    distance in seconds of a true stretch's ends from the detected ends (within half a second on either side).
    """
    hit = speech = kept = silence = 0
    errors = []
    for duration_s, truth, detected in calls:
        t, f = mask(truth, round(duration_s * FRAMES)), mask(detected, round(duration_s * FRAMES))
        hit, speech, kept, silence = hit + (t & f).sum(), speech + t.sum(), kept + (f & ~t).sum(), silence + (~t).sum()
        edges = np.array(detected).reshape(-1, 2)
        for start, end in truth:
            near = edges[(edges[:, 1] > start) & (edges[:, 0] < end)]
            if len(near):
                errors += [abs(near[0, 0] - start), abs(near[-1, 1] - end)]
    return hit / speech, kept / silence, float(np.median(errors))
