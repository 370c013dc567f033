"""WebVTT (W3C, "WebVTT: The Web Video Text Tracks Format") → words, one entry a cue."""

from __future__ import annotations

import html
import re

from ser_core.sound.transcripts.words import TranscriptError, Words, words_of

_TIME = r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d\.\d{3})"
_TIMING = re.compile(rf"{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t].*)?")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]+)>")
_TAG = re.compile(r"<[^>]*>")


def read_vtt(text: str) -> list[Words]:
    """The cues of a file. A voice tag (`<v Agent>`) tells whose words a cue holds; other tags are dropped.

    Raises:
        TranscriptError: the file does not begin with WEBVTT.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", lines[0]):
        raise TranscriptError("the file does not begin with the line WEBVTT, as the format wants it")
    blocks = re.split(r"\n{2,}", "\n".join(lines[1:]))
    found = (_cue(block.strip("\n").split("\n")) for block in blocks)
    return [words for words in found if words is not None]


def _cue(lines: list[str]) -> Words | None:
    """A cue's first or second line holds its times; notes, styles and regions have none."""
    for place, line in enumerate(lines[:2]):
        timing = _TIMING.fullmatch(line.strip())
        if timing:
            payload = " ".join(lines[place + 1 :])
            voice = _VOICE.search(payload)
            said = html.unescape(_TAG.sub("", payload))
            return words_of(
                said, _seconds(*timing.groups()[:3]), _seconds(*timing.groups()[3:]), None, voice and voice[1]
            )
    return None


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)
