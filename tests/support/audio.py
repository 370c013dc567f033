"""Signals and files made for tests."""

import io
import struct

import numpy as np
import soundfile as sf


def tone(frequency: float, sr: int, duration_s: float, level: float = 0.3) -> np.ndarray:
    """A sine, shape (n,), float32."""
    t = np.arange(round(duration_s * sr)) / sr
    return (level * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def noise(sr: int, duration_s: float, level: float = 0.1, seed: int = 0) -> np.ndarray:
    """White noise, shape (n,), float32."""
    return (level * np.random.default_rng(seed).standard_normal(round(duration_s * sr))).astype(np.float32)


def encode(y: np.ndarray, sr: int, container: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """A file of `y`, shape (n,) or (n, channels); written in pieces, as libsndfile's Vorbis encoder wants it."""
    if subtype not in ("FLOAT", "DOUBLE"):
        y = np.clip(y, -1, 1)  # libsndfile's G.711 encoder crashes beyond full scale
    file = io.BytesIO()
    channels = 1 if y.ndim == 1 else y.shape[1]
    with sf.SoundFile(file, "w", sr, channels, format=container, subtype=subtype) as out:
        for start in range(0, len(y), 20000):
            out.write(y[start : start + 20000])
    return file.getvalue()


def with_data_size(wav: bytes, riff_size: int, data_size: int) -> bytes:
    """The WAV with other sizes in its header."""
    changed = bytearray(wav)
    at = wav.index(b"data")
    changed[4:8] = struct.pack("<I", riff_size)
    changed[at + 4 : at + 8] = struct.pack("<I", data_size)
    return bytes(changed)
