"""What each transcriber writes, cut down to one customer's and one agent's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ser_core.sound.transcripts import Words, read_transcript


def spoken(start: str, end: str, text: str, channel: str | None = None) -> dict[str, Any]:
    word = {"type": "pronunciation", "start_time": start, "end_time": end, "alternatives": [{"content": text}]}
    return word if channel is None else {**word, "channel_label": channel}


STOP = {"type": "punctuation", "alternatives": [{"content": "!"}]}
BOTH = [Words(0.5, 0.9, "awful!", 0), Words(1.25, 1.5, "sorry", 1)]

AMAZON = {
    "results": {
        "transcripts": [{"transcript": "awful! sorry"}],
        "channel_labels": {
            "channels": [
                {"channel_label": "ch_0", "items": [spoken("0.5", "0.9", "awful", "ch_0"), STOP]},
                {"channel_label": "ch_1", "items": [spoken("1.25", "1.5", "sorry", "ch_1")]},
            ]
        },
        "items": [spoken("0.5", "0.9", "awful"), STOP, spoken("1.25", "1.5", "sorry")],
    }
}
AMAZON_MONO = {"results": {"items": [spoken("0.5", "0.9", "awful"), STOP]}}
CONTACT_LENS = {
    "Participants": [{"ParticipantId": "p1", "ParticipantRole": "CUSTOMER"}],
    "Transcript": [
        {"ParticipantId": "p1", "Content": "This is awful!", "BeginOffsetMillis": 500, "EndOffsetMillis": 900},
        {"ParticipantId": "AGENT", "Content": "Sorry", "BeginOffsetMillis": 1250, "EndOffsetMillis": 1500},
    ],
}
GOOGLE = {
    "results": [
        {"channelTag": 1, "alternatives": [{"words": [{"endTime": "0.900s", "word": "awful!"}]}]},
        {"channelTag": 2, "alternatives": [{"words": [{"startTime": "1.25s", "endTime": "1.5s", "word": "sorry"}]}]},
    ]
}
GOOGLE_V2 = {
    "results": [
        {
            "channelTag": 1,
            "alternatives": [
                {"transcript": "awful!", "words": [{"startOffset": "0.5s", "endOffset": "0.9s", "word": "awful!"}]},
                {"words": [{"startOffset": "0.5s", "endOffset": "0.9s", "word": "lawful"}]},
            ],
        }
    ]
}
AZURE_BATCH = {
    "recognizedPhrases": [
        {"channel": 0, "offsetInTicks": 5e6, "durationInTicks": 4e6, "nBest": [{"display": "awful!"}]},
        {
            "channel": 1,
            "offsetInTicks": 0,
            "durationInTicks": 9e7,
            "nBest": [
                {"display": "x", "words": [{"word": "sorry", "offsetInTicks": 12500000, "durationInTicks": 2500000}]}
            ],
        },
    ]
}
AZURE_FAST = {
    "phrases": [
        {"channel": 0, "offsetMilliseconds": 500, "durationMilliseconds": 400, "text": "awful!"},
        {
            "channel": 1,
            "text": "x",
            "words": [{"text": "sorry", "offsetMilliseconds": 1250, "durationMilliseconds": 250}],
        },
    ]
}
DEEPGRAM = {
    "metadata": {"channels": 2},
    "results": {
        "channels": [
            {"alternatives": [{"words": [{"word": "awful", "punctuated_word": "awful!", "start": 0.5, "end": 0.9}]}]},
            {"alternatives": [{"words": [{"word": "sorry", "start": 1.25, "end": 1.5}]}]},
        ]
    },
}
WHISPER = {"text": "awful!", "language": "en", "segments": [{"id": 0, "start": 0.5, "end": 0.9, "text": " awful!"}]}
WHISPERX = {
    "segments": [
        {
            "start": 0.0,
            "end": 2.0,
            "text": "Awful! 24",
            "speaker": "SPEAKER_00",
            "words": [{"word": "awful!", "start": 0.5, "end": 0.9}, {"word": "24"}],
        }
    ],
    "word_segments": [{"word": "awful!", "start": 0.5, "end": 0.9}],
}
TURNS = [
    {"start_s": 0.5, "end_s": 0.9, "text": "awful!", "speaker": "Caller"},
    {"start": 1.25, "end": 1.5, "text": "sorry", "role": "agent"},
    {"start": 3, "end": 4, "text": " "},
    {"text": "without a time"},
    "not a turn",
]


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        (AMAZON, BOTH),
        (AMAZON_MONO, [Words(0.5, 0.9, "awful!")]),
        (CONTACT_LENS, [Words(0.5, 0.9, "This is awful!", None, "customer"), Words(1.25, 1.5, "Sorry", None, "agent")]),
        (GOOGLE, [Words(0.0, 0.9, "awful!", 0), BOTH[1]]),
        (GOOGLE_V2, BOTH[:1]),
        (AZURE_BATCH, BOTH),
        (AZURE_FAST, BOTH),
        (DEEPGRAM, BOTH),
        (WHISPER, [Words(0.5, 0.9, "awful!")]),
        (WHISPERX, [Words(0.5, 0.9, "awful!")]),
        (TURNS, [Words(0.5, 0.9, "awful!", None, "customer"), Words(1.25, 1.5, "sorry", None, "agent")]),
        ({"turns": TURNS[:1]}, [Words(0.5, 0.9, "awful!", None, "customer")]),
    ],
    ids=lambda value: None,
)
def test_the_words_of_a_form(doc: Any, expected: list[Words]) -> None:
    words = read_transcript(json.dumps(doc).encode(), "call.json")
    rounded = [Words(round(w.start_s, 6), round(w.end_s, 6), w.text, w.channel, w.role) for w in words]
    assert rounded == expected


@pytest.mark.parametrize("doc", [[], {"segments": []}, {"results": []}, {"Transcript": []}])
def test_nobody_spoke(doc: Any) -> None:
    assert read_transcript(json.dumps(doc).encode(), "call.json") == []


def test_words_are_ordered_by_their_start() -> None:
    doc = [{"start": 4, "end": 5, "text": "b"}, {"start": 1, "end": 2, "text": "a"}]
    assert [w.text for w in read_transcript(json.dumps(doc).encode(), "x.json")] == ["a", "b"]
