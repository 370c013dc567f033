"""What a container's own header says about its sound data: where it begins and how long it claims to be.

libsndfile silently shortens a WAV, AIFF or AU whose data chunk is cut off, so the claimed length is read here.
RIFF/WAVE: Microsoft & IBM 1991; RF64: EBU Tech 3306; W64: Sonic Foundry; AIFF: Apple 1989; AU: Sun; Ogg: RFC 3533.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_MAX_CHUNKS = 1000
_UNKNOWN_SIZES = frozenset({0, 0xFFFFFFFF})
"""Data sizes written by programs that stream and cannot go back to fill in the length."""
_SOX_UNKNOWN_SIZE = 0x7FFFF000
"""SoX writes this for the same purpose, rounded down to whole blocks."""
_OGG_PAGE_MAX = 65307


@dataclass(frozen=True)
class SoundData:
    """The data chunk: its first byte, the bytes it claims (None: unknown length) and the bytes present."""

    offset: int
    claimed: int | None
    present: int
    format_tag: int | None = None
    size_is_zero: bool = False

    @property
    def missing(self) -> int:
        """Bytes claimed but not present."""
        return 0 if self.claimed is None else max(0, self.claimed - self.present)


def sound_data(source: BinaryIO, size_bytes: int) -> SoundData | None:
    """The sound data of a WAV, RF64, W64, AIFF or AU; None for other containers or a truncated header."""
    source.seek(0)
    head = source.read(12)
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        return _riff(source, size_bytes, "<")
    if head[:4] == b"RIFX" and head[8:] == b"WAVE":
        return _riff(source, size_bytes, ">")
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return _aiff(source, size_bytes)
    if head[:4] == b"riff":
        return _w64(source, size_bytes)
    if head[:4] == b".snd" and len(head) == 12:
        offset, claimed = struct.unpack(">II", head[4:])
        return SoundData(offset, None if claimed == 0xFFFFFFFF else claimed, max(0, size_bytes - offset))
    return None


def ogg_is_complete(source: BinaryIO, size_bytes: int) -> bool:
    """Whether the last page of an Ogg file is whole and marked as the end of its stream (RFC 3533, section 6)."""
    start = max(0, size_bytes - 2 * _OGG_PAGE_MAX)
    source.seek(start)
    tail = source.read(size_bytes - start)
    at = tail.rfind(b"OggS")
    header = tail[at : at + 27]
    if at < 0 or len(header) < 27:
        return False
    lacing = tail[at + 27 : at + 27 + header[26]]
    whole = len(lacing) == header[26] and at + 27 + len(lacing) + sum(lacing) <= len(tail)
    return whole and bool(header[5] & 0x04)


def mp3_announces_length(source: BinaryIO) -> bool:
    """Whether the first frame of an MP3 carries a Xing, Info or VBRI header; without one, its length is an estimate."""
    source.seek(0)
    head = source.read(10)
    at = 0
    if head[:3] == b"ID3" and len(head) == 10:  # ID3v2: a size of four times seven bits
        at = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    source.seek(at)
    first = source.read(64)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def _chunks(source: BinaryIO, size_bytes: int, order: str) -> list[tuple[bytes, int, int]]:
    """Identifier, first byte and claimed size of each chunk, including one that runs past the end."""
    chunks: list[tuple[bytes, int, int]] = []
    at = 12
    while at + 8 <= size_bytes and len(chunks) < _MAX_CHUNKS:
        source.seek(at)
        name, size = struct.unpack(order + "4sI", source.read(8))
        chunks.append((name, at + 8, size))
        if name in (b"data", b"SSND"):
            break
        at += 8 + size + size % 2
    return chunks


def _riff(source: BinaryIO, size_bytes: int, order: str) -> SoundData | None:
    tag, long_size = None, None
    for name, offset, size in _chunks(source, size_bytes, order):
        source.seek(offset)
        if name == b"fmt ":
            tag = _format_tag(source.read(40), order)
        elif name == b"ds64":
            body = source.read(16)
            long_size = struct.unpack("<Q", body[8:])[0] if len(body) == 16 else None
        elif name == b"data":
            present = size_bytes - offset
            zero = size == 0 and present > 0 and not _chunk_follows(source, offset, size_bytes, order)
            claimed = long_size if size == 0xFFFFFFFF and long_size else size
            unknown = zero or claimed == 0xFFFFFFFF or 0 <= _SOX_UNKNOWN_SIZE - claimed < 0x1000
            return SoundData(offset, None if unknown else claimed, present, tag, zero)
    return SoundData(size_bytes, None, 0, tag) if tag is not None else None


def _w64(source: BinaryIO, size_bytes: int) -> SoundData | None:
    at = 40  # a chunk begins at a multiple of 8 with a GUID and a size of 8 bytes, which counts both
    for _ in range(_MAX_CHUNKS):
        if at + 24 > size_bytes:
            return None
        source.seek(at)
        header = source.read(24)
        size = int(struct.unpack("<Q", header[16:])[0])
        if header[:4] == b"data":
            return SoundData(at + 24, max(0, size - 24), size_bytes - at - 24)
        at += max(24, size + -size % 8)
    return None


def _format_tag(body: bytes, order: str) -> int | None:
    if len(body) < 2:
        return None
    tag = int(struct.unpack(order + "H", body[:2])[0])
    if tag == 0xFFFE and len(body) >= 26:  # WAVE_FORMAT_EXTENSIBLE: the tag opens the sub-format's GUID
        tag = int(struct.unpack(order + "H", body[24:26])[0])
    return tag


def _chunk_follows(source: BinaryIO, at: int, size_bytes: int, order: str) -> bool:
    """Whether the bytes at `at` are a chunk that fits the file: then a data chunk of size 0 is truly empty."""
    source.seek(at)
    header = source.read(8)
    if len(header) < 8:
        return False
    name, size = struct.unpack(order + "4sI", header)
    return bool(name.isascii() and name.decode("ascii").isprintable() and at + 8 + size <= size_bytes)


def _aiff(source: BinaryIO, size_bytes: int) -> SoundData | None:
    for name, offset, size in _chunks(source, size_bytes, ">"):
        if name == b"SSND":
            unknown = size in _UNKNOWN_SIZES
            return SoundData(offset, None if unknown else size, size_bytes - offset)
    return None
