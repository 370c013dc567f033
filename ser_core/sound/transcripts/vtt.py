"""WebVTT (W3C, "WebVTT: The Web Video Text Tracks Format") → words, one entry per cue."""

from __future__ import annotations

import html

import webvtt

from ser_core.sound.transcripts.words import TranscriptError, Words, words_of


def read_vtt(text: str) -> list[Words]:
    """The cues of a file. The voice tag that a cue begins with (`<v Agent>`) names its speaker; other tags are dropped.

    Raises:
        TranscriptError: the file does not begin with WEBVTT, or a character reference has too many digits.
    """
    try:
        cues = [_words(caption) for caption in webvtt.from_string(text).captions]
    except webvtt.errors.MalformedFileError:
        raise TranscriptError("the file does not begin with the line WEBVTT, as the format requires") from None
    except ValueError:  # a character reference of thousands of digits
        raise TranscriptError("it is not WebVTT of a transcriber: a number has too many digits") from None
    return [words for words in cues if words is not None]


def _words(caption: webvtt.Caption) -> Words | None:
    start_s, end_s = (time.in_milliseconds() / 1000 for time in (caption.start_time, caption.end_time))
    return words_of(html.unescape(" ".join(caption.text.split("\n"))), start_s, end_s, None, caption.voice)
