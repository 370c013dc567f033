"""Naming what libsndfile cannot decode, from the first bytes of a recording and from the format tag of a WAV."""

from __future__ import annotations

from typing import BinaryIO

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"#!AMR-WB", "AMR-WB"),
    (0, b"#!AMR", "AMR"),
    (0, b"#!EVS", "EVS"),
    (0, b"#!SILK_V3", "SILK"),
    (1, b"#!SILK_V3", "SILK"),
    (4, b"ftyp", "MP4 (M4A, usually AAC)"),
    (0, b"ADIF", "AAC (ADIF)"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF (WMA)"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska (WebM)"),
    (0, b".RMF", "RealMedia"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b"\x02dss", "DSS"),
    (0, b"\x03ds2", "DSS (DS2)"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (28, b"Speex   ", "Speex"),
)
"""Offset, bytes, name. An Ogg page's first packet begins at byte 28."""

_HEAD_BYTES = 4096
_TEXT = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\n\r")
_DOCUMENTS = (b"PK\x03\x04", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"\x1f\x8b", b"\xef\xbb\xbf", b"\xfd7zXZ", b"PAR1")
"""Zip, PDF, PNG, JPEG, gzip, UTF-8 with a byte order mark, xz, Parquet."""

_WAV_TAGS = {
    0x0014: "G.723 ADPCM",
    0x0022: "TrueSpeech",
    0x0042: "G.723.1",
    0x0055: "MP3 in WAV",
    0x0057: "AMR-NB",
    0x0058: "AMR-WB",
    0x0064: "G.726",
    0x0065: "G.722",
    0x0083: "G.729",
    0x00FF: "AAC",
    0x0111: "G.723 (Vivo)",
    0x0130: "ACELP.net",
    0x0133: "G.729A",
    0x0140: "G.726",
    0x0161: "WMA",
    0x0162: "WMA Professional",
    0x028F: "G.722",
    0x1600: "AAC (ADTS)",
    0x1602: "AAC (LOAS)",
    0x1610: "HE-AAC",
    0x2000: "AC-3",
    0x7361: "AMR-NB",
    0x7A21: "AMR (constant rate)",
    0x7A22: "AMR (variable rate)",
    0xA109: "Speex",
}
"""Names by WAVE format tag (Microsoft mmreg.h; RFC 2361) of codecs in contact centres that libsndfile cannot read."""

_DECODED_WAV_TAGS = frozenset({0x0001, 0x0002, 0x0003, 0x0006, 0x0007, 0x0011, 0x0031, 0x0040})


def unsupported_codec(head: bytes) -> str | None:
    """The name of a container or codec that libsndfile cannot decode, or None where the first bytes show none."""
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return name
    # ADTS (ISO/IEC 13818-7): twelve bits of sync, and a layer of 0, which no MPEG audio frame has
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "AAC (ADTS)"
    return None


def undecoded_wav_tag(tag: int | None) -> str | None:
    """The name of a WAV's codec, or None where the tag is missing or one that libsndfile decodes."""
    if tag is None or tag in _DECODED_WAV_TAGS:
        return None
    return _WAV_TAGS.get(tag, f"WAV format tag 0x{tag:04X}")


def is_document(source: BinaryIO) -> bool:
    """Whether the first bytes are those of a text (an error page, a transcript), an archive or a picture.

    G.711 audio, which has no header, is recognised by its bytes: a third of them are not printable characters.
    """
    source.seek(0)
    head = source.read(_HEAD_BYTES)
    printable = sum(byte in _TEXT for byte in head)
    return head.startswith(_DOCUMENTS) or (len(set(head)) > 1 and printable > 0.9 * len(head))
