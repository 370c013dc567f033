"""Voices made for tests: harmonics whose pitch, level and formants are known."""

import numpy as np


def harmonics(f0: float, sr: int, duration_s: float, level: float = 0.1, top_hz: float = 3400.0) -> np.ndarray:
    """Equal cosines at the multiples of `f0` up to `top_hz`: a band-limited pulse train of the RMS `level`, float32."""
    t = np.arange(round(duration_s * sr)) / sr
    y = sum(np.cos(2 * np.pi * k * f0 * t) for k in range(1, int(top_hz / f0) + 1))
    return (level * y / np.sqrt(np.mean(y**2))).astype(np.float32)


def vowel(f0: float, formants: list[tuple[float, float]], sr: int, duration_s: float, level: float = 0.1) -> np.ndarray:
    """A pulse train through resonances (hertz, bandwidth) in cascade (Klatt 1980), of the RMS `level`, float32."""
    y = np.zeros(round(duration_s * sr))
    y[np.round(np.arange(0, len(y), sr / f0)).astype(int)[:-1]] = 1
    for hz, width in formants:
        c = -np.exp(-2 * np.pi * width / sr)
        b = 2 * np.exp(-np.pi * width / sr) * np.cos(2 * np.pi * hz / sr)
        out = np.zeros(len(y) + 2)
        for i, value in enumerate(y):
            out[i + 2] = (1 - b - c) * value + b * out[i + 1] + c * out[i]
        y = out[2:]
    return (level * y / np.sqrt(np.mean(y**2))).astype(np.float32)


def syllables(
    f0: float, sr: int, duration_s: float, rate_hz: float = 4.0, seed: int = 0, level: float = 0.1
) -> np.ndarray:
    """Syllables of changing vowels, float32: harmonics of `f0` whose balance moves `rate_hz` times a second."""
    t = np.arange(round(duration_s * sr)) / sr
    rng = np.random.default_rng(seed)
    at = (t * rate_hz).astype(int)
    y = np.zeros(len(t))
    for k in range(1, int(0.45 * sr / f0)):
        y += np.sin(2 * np.pi * f0 * k * t) * rng.uniform(0, 1, at.max() + 1)[at] ** 3 / k
    return (level * y * (0.3 + np.abs(np.sin(np.pi * rate_hz * t)))).astype(np.float32)
