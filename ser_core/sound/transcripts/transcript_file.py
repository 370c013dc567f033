"""A transcript's bytes → its words."""

from __future__ import annotations

import json

from ser_core.sound.transcripts.transcriber_json import FORMS
from ser_core.sound.transcripts.vtt import read_vtt
from ser_core.sound.transcripts.words import TranscriptError, Words


def read_transcript(data: bytes, name: str) -> list[Words]:
    """The words of a transcript, by their start.

    Args:
        data: JSON or WebVTT, in UTF-8.
        name: the file name; the ending `.vtt` means WebVTT, any other JSON.

    Raises:
        TranscriptError: it is neither, or its form is not known. The message does not quote the transcript.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TranscriptError(f"byte {error.start} is not UTF-8; expected JSON or WebVTT in UTF-8") from None
    words = read_vtt(text) if name.lower().endswith(".vtt") else _read_json(text)
    return sorted(words, key=lambda entry: (entry.start_s, entry.end_s))


def _read_json(text: str) -> list[Words]:
    try:
        doc = json.loads(text)
    except json.JSONDecodeError as error:
        raise TranscriptError(f"line {error.lineno}, column {error.colno} is not JSON: {error.msg}") from None
    except ValueError:  # a number of thousands of digits
        raise TranscriptError("it is not JSON of a transcriber: a number has too many digits") from None
    except RecursionError:
        raise TranscriptError("it is nested too deeply for a transcript") from None
    for form in FORMS:
        words = [entry for entry in form(doc) if entry is not None]
        if words:
            return words
    if _is_empty(doc):
        return []
    raise TranscriptError(
        "it has no words with times; expected the JSON of Amazon, Google, Azure, Deepgram or Whisper, or a list of "
        "objects with text, start and end in seconds"
    )


def _is_empty(doc: object) -> bool:
    """Whether `doc` is an empty list, or holds one under a common name: nobody spoke."""
    if isinstance(doc, dict):
        return any(doc.get(name) == [] for name in ("segments", "words", "results", "Transcript", "phrases"))
    return doc == []
