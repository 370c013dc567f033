"""Fundamental frequency and voicing of every frame.

Boersma 1993, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound": the peak of the autocorrelation divided by the window's own. Instead of the best path through candidates, a
second pass weights each lag by its distance from the segment's median, which needs no loop over frames.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy import ndimage

from ser_core.sound.features.functionals.source_plan import LAG_MARGIN, N_FFT, SourceFrames, SourcePlan

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Lags = npt.NDArray[np.intp]

SEMITONES_FROM_HZ = 27.5
"""A0, from which eGeMAPS counts semitones."""

_OCTAVE_COST = np.float32(0.03)
_SURE, _VOICED = 0.6, 0.5
_BELOW_LOUDEST_DB = 35.0
_TYPICAL_HZ = 180.0
_PRIOR_OCTAVES, _PRIOR_WEIGHT = np.float32(0.45), np.float32(0.15)
_FEWEST = 5
_MULTIPLES = np.array([2, 3, 4], np.float32)
_TAPS = 8
_OFFSETS = np.linspace(-0.7, 0.7, 8)


class Pitch(NamedTuple):
    """The pitch of each frame, shape (frames,)."""

    semitones: Array  # above 27.5 Hz, smoothed, carried over unvoiced frames
    raw_semitones: Array  # of each frame alone
    strength: Array  # height of the normalised autocorrelation's peak, 0 to 1: the share of periodic power
    voiced: Mask

    @property
    def hz(self) -> Array:
        """The fundamental frequency in hertz."""
        return np.asarray(SEMITONES_FROM_HZ * 2 ** (self.semitones / 12), np.float32)


def pitch(frames: SourceFrames, every: int = 1) -> Pitch:
    """The course of F0, 65 to 650 Hz. Where fewer than five frames are voiced, the five most periodic ones count.

    The segment's median is that of one frame in `every`.
    """
    plan, n = frames.plan, len(frames)
    correlation, energy = autocorrelation(frames)
    level = 10 * np.log10(energy)
    loud = level > level.max() - _BELOW_LOUDEST_DB
    lag, strength = _refined(correlation, _best_lags(correlation, loud, plan, every))
    raw = 12 * np.log2(plan.sr / lag / SEMITONES_FROM_HZ)
    voiced = ndimage.median_filter(((strength > _VOICED) & loud).view(np.int8), 5, mode="nearest").view(np.bool_)
    if voiced.sum() < _FEWEST:
        voiced = np.zeros(n, np.bool_)
        voiced[np.argsort(-strength, kind="stable")[:_FEWEST]] = True
    at = np.flatnonzero(voiced)
    course = np.interp(np.arange(n), at, ndimage.median_filter(raw, 5, mode="nearest")[at])
    return Pitch(course.astype(np.float32), raw.astype(np.float32), strength, voiced)


def autocorrelation(frames: SourceFrames) -> tuple[Array, Array]:
    """Normalised autocorrelation by lag in samples, shape (frames, longest + 10), and the energy, shape (frames,)."""
    plan = frames.plan
    raw = scipy.fft.irfft(frames.power, N_FFT, axis=1)[:, : plan.longest + LAG_MARGIN]
    energy = raw[:, 0] + np.float32(1e-9)
    return np.asarray(raw * plan.window_lags / energy[:, None], np.float32), energy


def _best_lags(correlation: Array, loud: Mask, plan: SourcePlan, every: int) -> Lags:
    """The lag of each frame in whole samples, shape (frames,), between the shortest and the longest."""
    low, high = plan.shortest, plan.longest
    octaves = plan.lags[low:high]
    score = correlation[:, low:high] - _OCTAVE_COST * octaves  # prefers the shorter of two multiples of a period
    first, strength = _one_period(correlation[::every], score[::every].argmax(axis=1) + low, plan)
    sure = loud[::every] & (strength > _SURE)
    enough = np.count_nonzero(sure) >= _FEWEST
    middle = np.float32(np.log2(np.median(first[sure]) if enough else plan.sr / _TYPICAL_HZ))
    score += ndimage.uniform_filter1d(score, 3, axis=0, mode="nearest")
    score *= np.float32(0.5)
    score -= _PRIOR_WEIGHT * np.square((octaves - middle) / _PRIOR_OCTAVES)
    return np.asarray(score.argmax(axis=1) + low)


def _one_period(correlation: Array, lags: Lags, plan: SourcePlan) -> tuple[Array, Array]:
    """Lag and height of the best of each peak and of the peaks at a half, a third and a quarter of its lag.

    Whole lags miss the narrow peak of a bright, high voice, and a multiple of its period looks better.
    """
    whole, height = _refined(correlation, lags)
    parts = np.rint(whole / _MULTIPLES[:, None]).astype(np.intp)
    lag, part_height = _refined(correlation, np.maximum(parts, plan.shortest))
    gain = np.where(parts >= plan.shortest, part_height + _OCTAVE_COST * np.log2(_MULTIPLES)[:, None] - height, 0)
    best, rows = gain.argmax(axis=0), np.arange(len(lags))
    better = gain[best, rows] > 0
    return np.where(better, lag[best, rows], whole), np.where(better, part_height[best, rows], height)


def _refined(correlation: Array, lags: Lags) -> tuple[Array, Array]:
    """Lag and height, 0 to below 1, of the peak near each of `lags`, shape (..., frames): a windowed sinc (Boersma
    1993, eq. 22) at steps of 0.2, and a parabola through the three highest."""
    frames = np.broadcast_to(np.arange(len(correlation)), lags.shape).ravel()
    around = np.lib.stride_tricks.sliding_window_view(correlation, 2 * _TAPS + 1, axis=1)
    fine = around[frames, lags.ravel() - _TAPS] @ _sinc()
    top = np.clip(fine.argmax(axis=1), 1, fine.shape[1] - 2) + np.arange(0, fine.size, fine.shape[1])
    before, middle, after = (fine.ravel()[top + step] for step in (-1, 0, 1))
    curve = np.minimum(before - 2 * middle + after, np.float32(-1e-6))
    shift = np.clip(np.float32(0.5) * (before - after) / curve, -1, 1)
    height = np.clip(middle - np.float32(0.25) * (before - after) * shift, 0, np.float32(0.9999))
    place = lags.ravel() + _OFFSETS[0] + (_OFFSETS[1] - _OFFSETS[0]) * (top % fine.shape[1] + shift)
    return place.astype(np.float32).reshape(lags.shape), height.reshape(lags.shape)


@lru_cache(maxsize=1)
def _sinc() -> Array:
    """Weights of 17 neighbouring lags for each offset from the middle one, shape (17, offsets)."""
    distance = _OFFSETS - np.arange(-_TAPS, _TAPS + 1)[:, None]
    window = 0.5 + 0.5 * np.cos(np.pi * distance / (_TAPS + 1))
    return (np.sinc(distance) * window).astype(np.float32)
