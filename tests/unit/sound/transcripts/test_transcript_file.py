from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.sound.transcripts import TranscriptError, Words, read_transcript
from ser_core.sound.transcripts.words import role_of, seconds

VTT = """\ufeffWEBVTT - a call

NOTE not --> a cue

1
00:01.000 --> 00:02.500 align:start
<v Customer>This is <b>bad</b> &amp; wrong</v>

01:00:00.250 --> 01:00:01.000
two
lines

00:09.000 --> 00:08.000
ends before it starts
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_vtt(newline: str) -> None:
    assert read_transcript(VTT.replace("\n", newline).encode(), "call.VTT") == [
        Words(1.0, 2.5, "This is bad & wrong", None, "customer"),
        Words(3600.25, 3601.0, "two lines"),
    ]


def test_a_vtt_without_cues_has_no_words() -> None:
    assert read_transcript(b"WEBVTT", "call.vtt") == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("0:0:0.5 --> 0:0:1.26\n<v Agent>Hi</v>\n", [Words(0.5, 1.26, "Hi", None, "agent")]),
        ("00:01.000-->00:02.000\nHi\n00:03.000 --> 00:04.000\nyou\n", [Words(1, 2, "Hi"), Words(3, 4, "you")]),
        ("00:01.000 --> 00:02.000\n\n00:03.000 --> 00:04.000\nyou\n", [Words(3, 4, "you")]),
        ("00:01.000 --> 00:02.000\n" + "<v" * 100_000 + "\n", [Words(1, 2, "<v" * 100_000)]),
    ],
    ids=["short times", "no blank lines", "no text", "a hundred thousand tags"],
)
def test_unusual_vtt(body: str, expected: list[Words]) -> None:
    assert read_transcript(f"WEBVTT\n\n{body}".encode(), "call.vtt") == expected


SECRET = "my card number is 4111"


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"\xff\xfe\x00", "a.json", "not UTF-8"),
        (f'{{"text": "{SECRET}"'.encode(), "a.json", "line 1, column 34 is not JSON"),
        (json.dumps({"text": SECRET}).encode(), "a.json", "no words with times"),
        (json.dumps([{"text": SECRET}]).encode(), "a.json", "no words with times"),
        (b"[" * 100_000, "a.json", "nested too deeply"),
        (b"[" + b"4111" * 2000 + b"]", "a.json", "not JSON"),
        (SECRET.encode(), "a.vtt", "WEBVTT"),
        (b"", "a.vtt", "WEBVTT"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n&#" + b"4111" * 2000 + b";", "a.vtt", "too many digits"),
    ],
)
def test_what_cannot_be_read_is_refused_and_not_quoted(data: bytes, name: str, message: str) -> None:
    with pytest.raises(TranscriptError, match=message) as caught:
        read_transcript(data, name)
    assert "4111" not in str(caught.value)


_keys = st.sampled_from(
    [
        *("results", "channels", "alternatives", "words", "items", "segments", "Transcript", "phrases", "nBest"),
        *("recognizedPhrases", "channel_labels", "start", "end", "text", "word", "startTime", "channel", "channelTag"),
    ]
)
_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)


@given(_anything)
def test_any_json_is_read_or_refused(doc: Any) -> None:
    try:
        entries = read_transcript(json.dumps(doc).encode(), "a.json")
    except TranscriptError:
        return
    assert all(0 <= words.start_s <= words.end_s and words.text for words in entries)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        ("4.86", 4.86),
        ("1.400s", 1.4),
        (-1, None),
        (float("nan"), None),
        (True, None),
        ("soon", None),
        (10**400, None),
        ("9" * 400, None),
    ],
)
def test_seconds(value: Any, expected: float | None) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("name", "role"),
    [("AGENT", "agent"), ("Caller 1", "customer"), ("Customer Service", "agent"), ("spk_0", None), (3, None)],
)
def test_roles_by_name(name: Any, role: str | None) -> None:
    assert role_of(name) == role
