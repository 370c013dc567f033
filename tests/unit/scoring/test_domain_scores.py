"""Vectors measured from the population of their line; arousal and valence as they are heard."""

from __future__ import annotations

import datetime as dt
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from ser_core.emotions import AFFECT
from ser_core.learning.training.archive_domain import ArchiveDomain, DomainPopulations, DomainRules
from ser_core.learning.training.bundle import Model
from ser_core.learning.training.fitted_model import Scores
from ser_core.learning.training.line_populations import LinePopulations
from ser_core.learning.training.population import Measuring, Population
from ser_core.scoring.emotion_tables import SegmentRules, segment_table
from ser_core.scoring.segment_scores import heard_affect

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
D = 2
TRAINING = Population.of(np.random.default_rng(3).normal(0, 1, (400, D)).astype(np.float32))
OFFSET = {"narrowband ulaw": np.array([3.0, -1.0]), "wideband opus": np.array([-2.0, 6.0])}


class Relative:
    """Posteriors by how a vector lies in its population."""

    model_version = "emotions/1"
    label_scheme = "corpus"
    classes = ("neutral", "angry")

    def scores(self, X: np.ndarray, speaker: np.ndarray, population: Measuring | None) -> Scores:
        assert len(speaker) == len(X)
        Z = (population or TRAINING).standardised(X)
        odds = np.exp(Z - Z.max(axis=1, keepdims=True))
        posteriors = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
        return Scores(posteriors, posteriors[:, 1], posteriors[:, 0], posteriors[:, 1])


def archive() -> DomainPopulations:
    """Two lines with the same voices, each line with its offset."""
    voices = np.random.default_rng(5).normal(0, 3, (30_000, D))
    X = np.concatenate([voices + offset for offset in OFFSET.values()]).astype(np.float32)
    line = np.repeat(list(OFFSET), len(voices))
    recording = np.array([f"r{row // 20}" for row in range(len(X))])
    dates = {NOW.date(): ("made", LinePopulations.of(X, line, recording))}
    return ArchiveDomain.of("set@8k", dates, DomainRules(2000, 500.0)).measured(TRAINING)


def scored(X: np.ndarray, line: list[str], domain: DomainPopulations | None) -> pa.Table:
    count = len(X)
    columns = {
        "recording_id": [f"r-{place}" for place in range(count)],
        "channel": np.zeros(count, np.int16),
        "start_s": np.arange(count) * 2.0,
        "end_s": np.arange(count) * 2.0 + 2,
        "line": pa.array(line),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(X.astype(np.float32).ravel()), D),
    }
    return segment_table(pa.table(columns), cast(Model, Relative()), SegmentRules(None, 0.0, domain), "run", NOW)


def test_a_voice_has_the_same_posteriors_over_either_line() -> None:
    voices = np.random.default_rng(6).normal(0, 3, (40, D))
    lines = list(OFFSET)
    over = np.stack([voices + OFFSET[line] for line in lines], axis=1).reshape(-1, D)  # the lines take turns
    rows = scored(over, lines * len(voices), archive())
    angry = rows["p_angry"].to_numpy()
    assert angry[::2] == pytest.approx(angry[1::2], abs=0.03)  # of 30,500 segments each, 500 are of elsewhere
    assert angry.std() > 0.2
    assert rows["arousal"].to_numpy()[::2] == pytest.approx(rows["arousal"].to_numpy()[1::2], abs=0.03)
    untold = scored(over, lines * len(voices), None)["p_angry"].to_numpy()
    assert np.abs(untold[::2] - untold[1::2]).max() > 0.9  # the line alone decides


def test_rows_name_the_domain_and_keep_their_order() -> None:
    voices = np.random.default_rng(7).normal(0, 3, (9, D))
    lines = ["wideband opus", "narrowband ulaw", "never heard"] * 3
    X = np.stack([voice + OFFSET.get(line, 0.0) for voice, line in zip(voices, lines, strict=True)])
    domain = archive()
    together = scored(X, lines, domain)
    one_by_one = [scored(X[n : n + 1], lines[n : n + 1], domain).to_pylist()[0] for n in range(9)]
    for name in ("p_angry", "valence", "arousal", "familiarity"):
        assert together[name].to_pylist() == pytest.approx([row[name] for row in one_by_one], rel=1e-6)
    assert set(together["domain_version"].to_pylist()) == {domain.version}
    assert set(scored(X, lines, None)["domain_version"].to_pylist()) == {None}


CLASSES = ("neutral", "happy", "sad", "angry")


def heard(posteriors: list[float], high: float, negative: float) -> tuple[float, float]:
    affect = heard_affect(np.array([posteriors]), CLASSES, np.array([high]), np.array([negative]))
    return float(affect.valence[0]), float(affect.arousal[0])


def test_what_is_heard_decides_and_posteriors_only_within() -> None:
    sure_angry = [0.0, 0.0, 0.0, 1.0]
    assert heard(sure_angry, 1.0, 1.0) == pytest.approx((AFFECT["angry"].valence, AFFECT["angry"].arousal), abs=1e-4)
    low = heard(sure_angry, 0.0, 0.0)  # the classes say angry, the heads do not hear it
    assert low == pytest.approx((0.81 / 2, -0.27 / 2), abs=1e-4)
    calm = [heard([0.25] * 4, high, 0.5)[1] for high in (0.0, 0.3, 0.7, 1.0)]
    assert calm == sorted(calm) and calm[-1] - calm[0] > 0.5


def test_nothing_flat_is_pleasant_or_sleepy() -> None:
    assert heard([1.0, 0.0, 0.0, 0.0], 0.02, 0.02) == pytest.approx((0.0, 0.0), abs=0.03)


def test_where_nothing_is_heard_the_classes_places_count() -> None:
    posteriors = np.array([[0.1, 0.2, 0.3, 0.4]])
    unknown = np.array([np.nan])
    affect = heard_affect(posteriors, CLASSES, unknown, unknown)
    assert affect.arousal == pytest.approx(posteriors @ [AFFECT[name].arousal for name in CLASSES])
    one_side = heard_affect(np.array([[0.5, 0.5]]), ("neutral", "sad"), np.array([0.9]), np.array([0.1]))
    assert one_side.arousal == pytest.approx([-0.135])  # no class is high: nothing can be heard
