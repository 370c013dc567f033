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


def sung_vowel(f0: float, formants: list[tuple[float, float]], sr: int, duration_s: float) -> np.ndarray:
    """Harmonics of a source that falls by 6 dB an octave where it radiates (Fant 1960), each as loud as the resonances
    (hertz, bandwidth) and one at 3.5 kHz let it be: no pulse falls on a sample. RMS 0.1, float32."""
    t = np.arange(round(duration_s * sr)) / sr
    y = np.zeros(len(t))
    for hz in np.arange(f0, 3900, f0):
        gain = hz / 100 / (1 + (hz / 150) ** 2)
        for middle, width in (*formants, (3500.0, 180.0)):
            pole = np.exp(2j * np.pi * (middle + 0.5j * width) / 16000)
            z = np.exp(2j * np.pi * hz / 16000)
            gain *= abs(1 - pole) ** 2 / abs((1 - pole / z) * (1 - np.conj(pole) / z))
        y += gain * np.cos(2 * np.pi * hz * t)
    return (0.1 * y / np.sqrt(np.mean(y**2))).astype(np.float32)
