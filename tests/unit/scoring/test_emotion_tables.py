"""What the tables hold of segments that are decided on, and of those that are not."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from ser_core.config import load_settings
from ser_core.data.tables.schemas import SCHEMA_VERSION, probability, share
from ser_core.emotions import EMOTIONS
from ser_core.learning.training.bundle import Model
from ser_core.learning.training.fitted_model import Scores
from ser_core.learning.training.population import Measuring
from ser_core.scoring.emotion_tables import CallRules, SegmentRules, call_table, segment_table
from ser_core.scoring.priors import PriorShift

CLASSES = ("neutral", "angry")
NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
NONE = SegmentRules(None, 0.0)


class Echo:
    """A model whose posteriors are the vectors."""

    model_version = "emotions/1"
    label_scheme = "corpus"
    classes = CLASSES

    def scores(self, X: np.ndarray, speaker: np.ndarray, population: Measuring | None) -> Scores:
        unknown = np.full(len(X), np.nan, np.float32)  # it hears neither arousal nor valence
        return Scores(X, unknown, unknown, np.full(len(X), 0.5, np.float32))


def segments(angry: list[float], rules: SegmentRules) -> pa.Table:
    """One call of segments of 2 s, one after the other, which are angry with these posteriors."""
    count = len(angry)
    scores = np.array([[1 - p, p] for p in angry], np.float32)
    start = np.arange(count) * 2.0
    columns = {
        "recording_id": pa.chunked_array([["r"] * count]),
        "channel": np.zeros(count, np.int16),
        "segment_no": np.arange(count, dtype=np.int32),
        "call_id": ["c"] * count,
        "call_date": [dt.date(2026, 3, 2)] * count,
        "role": ["customer"] * count,
        "start_s": start,
        "end_s": start + 2,
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), 2),
    }
    return segment_table(pa.table(columns), cast(Model, Echo()), rules, "run", NOW)


def call(rows: pa.Table, min_confidence: float) -> dict[str, Any]:
    rules = CallRules(load_settings(environ={}).engagement, 0.3, min_confidence)
    (row,) = call_table(rows, CLASSES, rules).to_pylist()
    return dict(row)


def test_an_undecided_segment_keeps_all_but_its_emotion() -> None:
    plain = segments([0.9, 0.55], NONE).to_pylist()
    strict = segments([0.9, 0.55], SegmentRules(None, 0.6)).to_pylist()
    assert [row["emotion"] for row in plain] == ["angry", "angry"]
    assert [row["emotion"] for row in strict] == ["angry", None]
    assert [{**row, "emotion": 0} for row in plain] == [{**row, "emotion": 0} for row in strict]
    assert strict[1]["confidence"] == pytest.approx(0.55)
    assert strict[1][probability("neutral")] == pytest.approx(0.45)
    assert {row["schema_version"] for row in strict} == {SCHEMA_VERSION}


def test_priors_change_posteriors_and_all_that_follows() -> None:
    shift = PriorShift({"neutral": 0.9, "angry": 0.1}, (1.8, 0.2))
    plain, calmer = (segments([0.8], rules).to_pylist()[0] for rules in (NONE, SegmentRules(shift, 0.0)))
    assert (plain["emotion"], calmer["emotion"]) == ("angry", "neutral")
    assert calmer[probability("angry")] == pytest.approx(0.16 / (0.16 + 0.36))
    assert calmer["confidence"] == pytest.approx(0.36 / (0.16 + 0.36))
    assert calmer["arousal"] < plain["arousal"]


def test_a_calls_shares_are_of_what_is_decided() -> None:
    rows = segments([0.9, 0.55, 0.1, 0.2], SegmentRules(None, 0.6))
    row = call(rows, 0.6)
    assert (row["dominant_emotion"], row["speech_s"], row["undecided_s"]) == ("neutral", 8, 2)
    assert (row[share("neutral")], row[share("angry")]) == pytest.approx((2 / 3, 1 / 3))


def test_a_call_in_which_nothing_is_decided_has_nulls() -> None:
    rows = segments([0.5, 0.55], SegmentRules(None, 0.6))
    row = call(rows, 0.6)
    assert row["dominant_emotion"] is row["confidence"] is None
    assert all(row[share(name)] is None for name in EMOTIONS)
    assert (row["segments"], row["undecided_s"]) == (2, 4)
    assert row["valence"] == pytest.approx(0.525 * -0.51)


@pytest.mark.parametrize("asked", [0.1, 0.6, 0.7, 1 / 3])
def test_a_segment_and_its_call_decide_equally_on_the_threshold(asked: float) -> None:
    rows = segments([1 - asked, asked], SegmentRules(None, asked))
    undecided = sum(2 for row in rows.to_pylist() if row["emotion"] is None)
    assert call(rows, asked)["undecided_s"] == undecided
