"""Whether a stretch that rises above the noise is a voice: periodic in part, and neither steady nor made of tones.

Hiss, breath and clicks have no period. Tones, hum and most music keep spectrum and level from one twentieth of a second
to the next, which a voice does not. Dual tones of a keypad (ITU-T Q.23) are two lines at known frequencies.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft

from ser_core.sound.audio.fourier import hann, power_of
from ser_core.sound.audio.levels import decibels
from ser_core.sound.speech.quantiles import quantiles

Array = npt.NDArray[np.float32]

FEWEST_PAIRS = 1
"""Neighbouring loud frames that are periodic and at about the same pitch. Breath, hiss and clicks have none."""
SAME_SHARE, PLATEAU_SHARE = 0.25, 0.35
"""A stretch of which so much keeps its spectrum over 60 ms, or so much of whose periodic part keeps its pitch, is a
tone or music, unless its level moves. Of voices both shares are below 0.2, or the level moves."""
STEADY = ((25, 0.65), (55, 1.6), (75, 2.4))
"""For how many frames it does so, at least, and by how many decibels the level moves over 60 ms, at most: a tone of
half a second moves by less than a held vowel, and music of a second and a half by less than speech."""
HELD_MOVE_DB, HELD_SHARE, HELD_PAIRS = 1.1, 0.45, 90
"""Neither is anything a voice that is periodic for so much of the time, two seconds at least, and moves by less:
music with a vibrato. A word may be one held vowel."""
KEYPAD_SHARE = 0.35
"""Of the loud frames, those that hold little but a keypad's two tones."""

_FRAME_S, _STEP_S, _LAG = 0.04, 0.02, 3
_PITCH_HZ = (70.0, 500.0)
_LOUD_DB = 20.0
_SAME, _VOICED, _KEYPAD = 0.97, 0.5, 0.8
_PERIODIC_TO_HZ = 1500.0
"""The noise of a line drowns the harmonics above first."""
_NEAR_SEMITONES, _PLATEAU_SEMITONES = 1.0, 0.06
_OCTAVE_COST = np.float32(0.01)
_LOW_HZ, _HIGH_HZ = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0, 1633.0)
_FLOOR = np.float32(1e-12)


def is_voice(y: Array, sr: int) -> bool:
    """Whether the stretch `y`, shape (n,), is a voice. One of less than a tenth of a second of loud frames is not."""
    power, lag, periodicity = _periods(y, sr)
    level = decibels(power.sum(axis=1))
    loud = level > level.max() - _LOUD_DB
    if np.count_nonzero(loud) < round(0.1 / _STEP_S):
        return False
    neighbours = loud[1:] & loud[:-1]
    periodic = neighbours & (np.minimum(periodicity[1:], periodicity[:-1]) > _VOICED)
    step = 12 * np.abs(np.diff(np.log2(lag)))
    pairs = np.count_nonzero(periodic & (step < _NEAR_SEMITONES))
    if pairs < FEWEST_PAIRS:
        return False
    share = power / (power.sum(axis=1, keepdims=True) + _FLOOR)
    if float(np.mean(_keypad(share[loud], sr) > _KEYPAD)) > KEYPAD_SHARE:
        return False
    both = loud[_LAG:] & loud[:-_LAG]
    if not both.any():
        return True
    moves = float(quantiles(np.abs(level[_LAG:] - level[:-_LAG])[both], (0.5,))[0])
    if moves < HELD_MOVE_DB and pairs > max(HELD_PAIRS, HELD_SHARE * np.count_nonzero(neighbours)):
        return False
    roots = np.sqrt(share)
    same = np.count_nonzero(np.einsum("ij,ij->i", roots[_LAG:], roots[:-_LAG])[both] > _SAME)
    level_pitch = np.count_nonzero(periodic & (step < _PLATEAU_SEMITONES))
    steady = max(
        same if same > SAME_SHARE * np.count_nonzero(both) else 0,
        level_pitch if level_pitch > PLATEAU_SHARE * np.count_nonzero(periodic) else 0,
    )
    return not any(steady > frames and moves < most_db for frames, most_db in STEADY)


def _periods(y: Array, sr: int) -> tuple[Array, Array, Array]:
    """Power spectra every 20 ms, shape (frames, bins); the period of each frame in samples, and its autocorrelation
    there, divided by that of the window (Boersma 1993), each (frames,)."""
    n, step = round(_FRAME_S * sr), round(_STEP_S * sr)
    shortest, longest = round(sr / _PITCH_HZ[1]), round(sr / _PITCH_HZ[0])
    window, own, size = _window(n, longest)
    y = np.pad(y, (0, max(0, n - len(y))))
    frames = np.lib.stride_tricks.sliding_window_view(y, n)[::step]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    power = power_of(scipy.fft.rfft(frames, size, axis=1))
    low = power.copy()
    low[:, round(_PERIODIC_TO_HZ * size / sr) :] = 0
    lags = scipy.fft.irfft(low, size, axis=1)[:, : longest + 2]
    lags = lags / np.maximum(lags[:, :1], _FLOOR) / own
    octaves = np.log2(np.arange(shortest, longest + 1, dtype=np.float32))
    best = (lags[:, shortest : longest + 1] - _OCTAVE_COST * octaves).argmax(axis=1) + shortest
    left, peak, right = (lags[np.arange(len(lags)), best + k] for k in (-1, 0, 1))
    shift = np.float32(0.5) * (left - right) / np.minimum(left - 2 * peak + right, np.float32(-1e-6))
    return power, np.asarray(best + np.clip(shift, -1, 1), np.float32), np.asarray(peak, np.float32)


def _keypad(share: Array, sr: int) -> Array:
    """Share of a frame's power near one low and one high tone of a keypad, shape (frames,); 0 where one is missing."""
    size = 2 * (share.shape[1] - 1)
    running = np.pad(np.cumsum(share, axis=1), ((0, 0), (1, 0)))
    best = []
    for group in (_LOW_HZ, _HIGH_HZ):
        low = np.array([round((hz - 45) * size / sr) for hz in group])
        high = np.array([round((hz + 45) * size / sr) + 1 for hz in group])
        best.append((running[:, high] - running[:, low]).max(axis=1))
    return np.asarray(np.where(np.minimum(*best) > 0.1, best[0] + best[1], 0), np.float32)


@lru_cache(maxsize=8)
def _window(n: int, longest: int) -> tuple[Array, Array, int]:
    """A Hann window of `n` samples, its own autocorrelation past the lag `longest`, and the length of the transform."""
    window, size = hann(n).astype(np.float32), scipy.fft.next_fast_len(n + longest + 1, real=True)
    size += size % 2
    own = scipy.fft.irfft(power_of(scipy.fft.rfft(window[np.newaxis], size, axis=1)), size, axis=1)[0, : longest + 2]
    return window, np.asarray(own / own[0], np.float32), size
