"""Another voice and another pace."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from ser_core.sound.audio.fourier import hann

Array = npt.NDArray[np.float32]

_FRAME_S = 0.04
_REACH_S = 0.01
"""The furthest a frame is moved either way: a period of 100 Hz."""
_STEP = 2
"""Every second sample is compared: most of the energy is below a quarter of the sampling rate."""


def speed(y: Array, sr: int, factor: float) -> Array:
    """`y` (n,) at `sr`, played `factor` times as fast: (n / factor,).

    Pitch and formants rise by the same factor, as with a shorter vocal tract.
    """
    return np.asarray(soxr.resample(y, sr * factor, sr, quality="MQ"), dtype=np.float32)


def tempo(y: Array, sr: int, factor: float) -> Array:
    """`y` (n,) at `sr`, spoken `factor` times as fast: (n / factor,); pitch and formants stay.

    Frames of 40 ms overlap by half. Each is taken where it continues the wave best, within 10 ms of its due place
    (WSOLA; Verhelst & Roelands 1993). The wave itself is kept, so that its periods stay as regular as they were, unlike
    with a phase vocoder. Audio shorter than two frames is returned unchanged.
    """
    half = round(_FRAME_S * sr) // 2
    if len(y) < 4 * half:
        return y
    reach = round(_REACH_S * sr)
    length = round(len(y) / factor)
    window = hann(2 * half).astype(np.float32)  # overlapped by half, it adds up to one
    padded = np.pad(y, (half + reach, 2 * (half + reach) + round(half * factor)))
    out = np.zeros(length + 3 * half, dtype=np.float32)
    at = reach
    for start in range(0, length + half, half):
        if start:
            due = round(start * factor)  # the first place in `padded` that the frame may come from
            at = due + _best_match(padded[due : due + 2 * reach + 2 * half], padded[at + half : at + 3 * half])
        out[start : start + 2 * half] += padded[at : at + 2 * half] * window
    return out[half : half + length]


def _best_match(within: Array, wanted: Array) -> int:
    """The place in `within` where a frame is most like `wanted`: the greatest cross-correlation."""
    likeness: Any = np.correlate(within[::_STEP], wanted[::_STEP], mode="valid")
    return _STEP * int(np.argmax(likeness))
