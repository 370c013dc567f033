"""The JSON that common transcribers write → words. One function per form, which yields nothing for other forms.

Values of an unexpected type are skipped, so that a new field of a transcriber breaks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ser_core.sound.transcripts.words import Words, scaled, words_of

_TICK_S = 1e-7
_MS = 1e-3
_LISTS = ("segments", "utterances", "turns", "words", "items", "transcript")
_START = ("start", "start_s", "start_time", "startTime", "begin", "from")
_END = ("end", "end_s", "end_time", "endTime", "to")
_TEXT = ("punctuated_word", "text", "word", "transcript", "content")
_SPEAKER = ("role", "participant", "speaker", "speaker_label")

Parsed = Iterator[Words | None]


def amazon(doc: Any) -> Parsed:
    """Amazon Transcribe: words in `results.items`, a channel's own in `results.channel_labels`."""
    channels = _maps(doc, "results", "channel_labels", "channels")
    for items in [_maps(channel, "items") for channel in channels] or [_maps(doc, "results", "items")]:
        for i, item in enumerate(items):
            text = _at(item, "alternatives", 0, "content")
            following = items[i + 1] if i + 1 < len(items) else {}
            if following.get("type") == "punctuation" and isinstance(text, str):
                text += str(_at(following, "alternatives", 0, "content") or "")
            label = re.fullmatch(r"ch_(\d+)", str(item.get("channel_label")))
            channel = int(label[1]) if label else None
            yield words_of(text, item.get("start_time"), item.get("end_time"), channel, item.get("speaker_label"))


def amazon_calls(doc: Any) -> Parsed:
    """Amazon Transcribe Call Analytics and Contact Lens: turns in `Transcript`, in milliseconds."""
    roles = {entry.get("ParticipantId"): entry.get("ParticipantRole") for entry in _maps(doc, "Participants")}
    for turn in _maps(doc, "Transcript"):
        start, end = (scaled(turn.get(name), _MS) for name in ("BeginOffsetMillis", "EndOffsetMillis"))
        participant = turn.get("ParticipantId")
        role = turn.get("ParticipantRole") or (roles.get(participant) if isinstance(participant, str) else None)
        yield words_of(turn.get("Content"), start, end, None, role or participant)


def google(doc: Any) -> Parsed:
    """Google Speech-to-Text, v1 and v2: words of the first alternative; `channelTag` counts from 1."""
    for result in _maps(doc, "results"):
        tag = result.get("channelTag")
        channel = tag - 1 if isinstance(tag, int) and tag > 0 else None
        for word in _maps(result, "alternatives", 0, "words"):
            start, end = _first(word, ("startTime", "startOffset")), _first(word, ("endTime", "endOffset"))
            # protobuf's JSON leaves out zeros: the first word may have no start
            yield words_of(word.get("word"), "0s" if start is None else start, end, channel)


def azure(doc: Any) -> Parsed:
    """Azure AI Speech: phrases of a batch (`recognizedPhrases`, in ticks of 100 ns) or of fast transcription."""
    for phrase in _maps(doc, "recognizedPhrases"):
        best = _at(phrase, "nBest", 0)
        parts = _maps(best, "displayWords") or _maps(best, "words") or [phrase]
        for part in parts:
            text = _first(part, ("displayText", "word")) if part is not phrase else _at(best, "display")
            yield _with_duration(part, text, "InTicks", _TICK_S, phrase.get("channel"))
    for phrase in _maps(doc, "phrases"):
        for part in _maps(phrase, "words") or [phrase]:
            yield _with_duration(part, part.get("text"), "Milliseconds", _MS, phrase.get("channel"))


def deepgram(doc: Any) -> Parsed:
    """Deepgram: words of each of `results.channels`; a single channel has no number."""
    channels = _maps(doc, "results", "channels")
    for number, channel in enumerate(channels):
        for word in _maps(channel, "alternatives", 0, "words"):
            yield _plain(word, {"channel": number if len(channels) > 1 else None})


def plain(doc: Any) -> Parsed:
    """Whisper, WhisperX and the like: a list of words or turns in seconds, at the top level or under a common name.

    The words of a turn are used instead of the turn, where they have times.
    """
    lists = [_maps(doc, name) for name in _LISTS] if isinstance(doc, Mapping) else [_maps(doc)]
    for turn in next((entries for entries in lists if entries), []):
        timed = [words for words in (_plain(word, turn) for word in _maps(turn, "words")) if words is not None]
        if timed:
            yield from timed
        else:
            yield _plain(turn, {})


FORMS: tuple[Callable[[Any], Parsed], ...] = (amazon_calls, amazon, google, azure, deepgram, plain)


def _plain(entry: Mapping[str, Any], turn: Mapping[str, Any]) -> Words | None:
    channel = entry.get("channel", turn.get("channel"))
    speaker = _first(entry, _SPEAKER) or _first(turn, _SPEAKER)
    return words_of(_first(entry, _TEXT), _first(entry, _START), _first(entry, _END), channel, speaker)


def _with_duration(part: Mapping[str, Any], text: Any, unit: str, unit_s: float, channel: Any) -> Words | None:
    start, length = (scaled(part.get(f"{name}{unit}"), unit_s) for name in ("offset", "duration"))
    return words_of(text, start, None if start is None or length is None else start + length, channel)


def _at(value: Any, *path: str | int) -> Any:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _maps(value: Any, *path: str | int) -> list[Mapping[str, Any]]:
    entries = _at(value, *path)
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


def _first(entry: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((entry[name] for name in names if entry.get(name) is not None), None)
