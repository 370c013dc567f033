"""What every short-time spectrum is made with: the window, and the power of the transform."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt


@lru_cache(maxsize=16)
def hann(n: int) -> npt.NDArray[np.float64]:
    """The periodic Hann window, shape (n,)."""
    window: npt.NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    return window


def power_of(spectrum: npt.NDArray[np.complexfloating[Any, Any]]) -> npt.NDArray[Any]:
    """The squared magnitude of `spectrum`, of the same shape and precision."""
    power: npt.NDArray[Any] = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power
