"""Clips of segments, cut from a recording."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import soundfile as sf

from ser_core.sound.audio import AudioReader

Array = npt.NDArray[np.float32]
Span = tuple[int, float, float]
"""Channel, and start and end in seconds."""

_BLOCK_S = 10.0


def cut(reader: AudioReader, spans: Sequence[Span]) -> list[Array]:
    """The samples of each span, (n,) at the recording's own rate; decoding stops at the last span's end.

    Raises:
        Refusal: the recording is broken before that end.
    """
    sr = reader.info.sample_rate
    samples = [(channel, round(start_s * sr), round(end_s * sr)) for channel, start_s, end_s in spans]
    last = max(end for _, _, end in samples)
    pieces: list[list[Array]] = [[] for _ in samples]
    offset = 0
    for block in reader.blocks(_BLOCK_S):
        for parts, (channel, start, end) in zip(pieces, samples, strict=True):
            parts.append(block[max(0, start - offset) : max(0, end - offset), channel].copy())
        offset += len(block)
        if offset >= last:
            break
    return [np.concatenate(parts) for parts in pieces]


def wav(y: Array, sr: int) -> bytes:
    """`y` (n,) as a WAV of 16-bit PCM."""
    file = io.BytesIO()
    sf.write(file, np.clip(y, -1.0, 1.0), sr, format="WAV", subtype="PCM_16")
    return file.getvalue()
