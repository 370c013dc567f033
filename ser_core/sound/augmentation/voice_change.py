"""Another voice and another pace."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

Array = npt.NDArray[np.float32]

_FRAME_S = 0.04
_REACH_S = 0.01
"""How far a frame is moved at the most: a period of 100 Hz either way would be 0.02 s in all."""
_STEP = 2
"""Of the comparison, in samples: what is compared is below a quarter of the sampling rate mostly."""


def speed(y: Array, sr: int, factor: float) -> Array:
    """`y` (n,) at `sr`, played `factor` times as fast: (n / factor,).

    Pitch and formants rise by the same factor, as of a shorter vocal tract.
    """
    return np.asarray(soxr.resample(y, sr * factor, sr, quality="MQ"), dtype=np.float32)


def tempo(y: Array, sr: int, factor: float) -> Array:
    """`y` (n,) at `sr`, spoken `factor` times as fast: (n / factor,); pitch and formants stay.

    Frames of 40 ms are overlapped by half where the wave continues best within 10 ms of the place it is due (WSOLA;
    Verhelst & Roelands 1993). The wave itself is kept, so that its periods are as regular as they were, which a phase
    vocoder does not grant. What is shorter than two frames is left as it is.
    """
    half = round(_FRAME_S * sr) // 2
    if len(y) < 4 * half:
        return y
    reach = round(_REACH_S * sr)
    length = round(len(y) / factor)
    window = np.hanning(2 * half + 1)[:-1].astype(np.float32)  # overlapped by half, it adds up to one
    padded = np.pad(y, (half + reach, 2 * (half + reach) + round(half * factor)))
    out = np.zeros(length + 3 * half, dtype=np.float32)
    at = reach
    for start in range(0, length + half, half):
        if start:
            due = round(start * factor)  # the first place in `padded` that the frame may come from
            at = due + _best(padded[due : due + 2 * reach + 2 * half], padded[at + half : at + 3 * half])
        out[start : start + 2 * half] += padded[at : at + 2 * half] * window
    return out[half : half + length]


def _best(within: Array, wanted: Array) -> int:
    """Where in `within` a frame is most like `wanted`: the greatest cross-correlation."""
    likeness: Any = np.correlate(within[::_STEP], wanted[::_STEP], mode="valid")
    return _STEP * int(np.argmax(likeness))
