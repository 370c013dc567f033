from __future__ import annotations

import datetime as dt
import pickle
import time

import pytest

from ser_core.data.archive.path_pattern import PathPattern

DAY = dt.date(2026, 11, 21)


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("{call_id}.wav", "a.b.wav", {"call_id": "a.b"}),
        ("{call_id}.wav", "x/a.wav", None),
        ("{call_id}.wav", "axwav", None),
        ("{call_id}_{agent_id}.wav", "a_b_c.wav", {"call_id": "a_b", "agent_id": "c"}),
        ("{call_id}__{agent_id}.wav", "a_b__c_d.wav", {"call_id": "a_b", "agent_id": "c_d"}),
        ("{call_id}_{agent_id}.wav", "ab.wav", None),
        (
            "{queue}/{call_id}-{role}.{ext}",
            "q 1/通話-agent.WAV",
            {"queue": "q 1", "call_id": "通話", "role": "agent", "ext": "WAV"},
        ),
        ("[x](y)+{call_id}$^.wav", "[x](y)+1$^.wav", {"call_id": "1"}),
        ("{{{call_id}}}.wav", "{1}.wav", {"call_id": "1"}),
        (r"C:\calls\{call_id}.wav", r"C:\calls\7.wav", {"call_id": "7"}),
        ("{call_date:%Y/%m/%d}/{call_id}.wav", "2026/11/21/7.wav", {"call_id": "7", "call_date": DAY}),
        ("y={call_date:%Y/m=%m/d=%d}/{call_id}", "y=2026/m=11/d=21/7", {"call_id": "7", "call_date": DAY}),
        ("{call_date:%Y%j}-{call_id}", "2026325-7", {"call_id": "7", "call_date": DAY}),
        ("{call_date:%Y/%m/%d}/{call_id}.wav", "2026/02/30/7.wav", None),
        ("{call_date:%Y/%m/%d}/{call_id}.wav", "2026/2/3/7.wav", None),
        ("{call_date:%Y/%m/%d}/{call_id}.wav", "２０２６/11/21/7.wav", None),
        (
            "{call_id}_{started_at:%Y%m%dT%H%M%S}_{agent_id}.wav",
            "a_b_20261121T093005_c.wav",
            {"call_id": "a_b", "started_at": dt.datetime(2026, 11, 21, 9, 30, 5), "agent_id": "c"},
        ),
        (
            "{call_date:%Y-%m-%d}/{started_at:%H%M}{call_id}",
            "2026-11-21/0930x",
            {"call_id": "x", "call_date": DAY, "started_at": dt.datetime(2026, 11, 21, 9, 30)},
        ),
        (
            "{started_at:%Y%m%d%H%z}/{call_id}",
            "2026112109+0100/x",
            {"call_id": "x", "started_at": dt.datetime(2026, 11, 21, 9, tzinfo=dt.timezone(dt.timedelta(hours=1)))},
        ),
    ],
)
def test_match(pattern: str, key: str, expected: dict[str, object] | None) -> None:
    assert PathPattern(pattern).match(key) == expected
    assert pickle.loads(pickle.dumps(PathPattern(pattern))).match(key) == expected


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{call_id", "brace"),
        ("call_id}", "brace"),
        ("{agent_id}.wav", "no {call_id}"),
        ("", "no {call_id}"),
        ("{call_id}/{call_id}", "twice"),
        ("{}/{call_id}", "no name"),
        ("{call_id!r}", "no name"),
        ("{call_id.x}", "no name"),
        ("{call_id[0]}", "no name"),
        ("{call_id:%Y}", "only call_date and started_at"),
        ("{call_id}{agent_id}", "there must be text between"),
        ("/{call_id}", "begins with '/'"),
        ("{call_id}{call_date}", "needs a format"),
        ("{started_at}/{call_id}", "needs a format"),
        ("{call_date:%Y-%m}/{call_id}", "year, month and day"),
        ("{call_date:x}/{call_id}", "year, month and day"),
        ("{call_date:%Y%m%d%H}/{call_id}", "no time of day"),
        ("{started_at:%H}/{call_id}", "with call_date"),
        ("{started_at:x}/{call_id}", "year, month, day and hour"),
        ("{started_at:%Y%m%d}/{call_id}", "hour"),
        ("{call_date:%Y%m%d}/{started_at:%m%H}/{call_id}", "hour"),
        ("{call_date:%Y/%b/%d}/{call_id}", "known are"),
        ("{call_date:%Y/%m/%Y%m%d}/{call_id}", "two directives"),
        ("{call_date:%Y%m%d%}/{call_id}", "known are"),
        ("{call_date:%Y{x}}/{call_id}", "year"),
    ],
)
def test_faults(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PathPattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{call_date:%Y/%m/%d}/{call_id}.wav", ["2026/11/21/"]),
        ("calls/{call_date:%Y%m%d}_{call_id}.wav", ["calls/20261121_"]),
        ("{call_date:%Y%m%d}{call_id}", ["20261121"]),
        ("{queue}/{call_date:%Y%m%d}/{call_id}", None),
        ("{call_id}", None),
    ],
)
def test_prefixes(pattern: str, expected: list[str] | None) -> None:
    assert PathPattern(pattern).prefixes([DAY]) == expected


def test_a_hostile_name_takes_no_time() -> None:
    pattern = PathPattern("{a}_{b}-{c}_{d}-{e}_{call_id}.wav")
    start = time.perf_counter()
    assert pattern.match("_-" * 500 + "x") is None
    assert time.perf_counter() - start < 1.0
