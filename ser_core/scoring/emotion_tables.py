"""Scored segments as rows of the tables. Arrow in, Arrow out, without Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ser_core.config.talk_settings import EngagementSettings
from ser_core.data.tables.schemas import CALL_EMOTIONS, SCHEMA_VERSION, SEGMENT_EMOTIONS, probability, share
from ser_core.learning.training.archive_domain import DomainPopulations
from ser_core.learning.training.bundle import Model
from ser_core.learning.training.fitted_model import Scores
from ser_core.scoring.call_summary import CallSummary, summarise_call
from ser_core.scoring.engagement import engagement
from ser_core.scoring.priors import PriorShift
from ser_core.scoring.segment_scores import UNDECIDED, HeardAffect, fuse_valence, heard_affect, score_segments

_CARRIED = (
    pa.field("agent_id", pa.string()),
    pa.field("queue", pa.string()),
    pa.field("talk_share", pa.float64()),
    pa.field("bucket", pa.int32()),
)
SEGMENT_ROWS = pa.schema([*SEGMENT_EMOTIONS.schema, *_CARRIED])
"""`segment_emotions`, and the further columns that `call_emotions` needs."""


def vectors(table: pa.Table) -> npt.NDArray[np.float32]:
    """The column `vector` of a features table as a matrix, shape (rows, dimension)."""
    dimension = table.schema.field("vector").type.list_size
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table.column("vector").chunks]
    flat = np.concatenate([np.empty(0, np.float32), *chunks])
    return np.asarray(flat.reshape(-1, dimension), dtype=np.float32)


@dataclass(frozen=True)
class SegmentRules:
    """What vectors are measured from, and how posteriors become decisions.

    Attributes:
        shift: of priors; None for those of training.
        min_confidence: the least confidence of a decision.
        domain: the archive's populations; None for that of the training corpora.
    """

    shift: PriorShift | None
    min_confidence: float
    domain: DomainPopulations | None = None


def segment_table(features: pa.Table, model: Model, rules: SegmentRules, run_id: str, now: dt.datetime) -> pa.Table:
    """Posteriors and decisions of every segment.

    Args:
        features: rows of `features` with call_id, call_date, role, agent_id, queue, talk_share and bucket beside them,
            `text_valence` where there are transcripts, and `line` where there is a domain.
        model: the model.
        rules: for measuring and decisions.
        run_id: of the run.
        now: time of scoring, UTC.

    Returns:
        Rows of `SEGMENT_ROWS`.
    """
    count = len(features)
    if not count:
        return SEGMENT_ROWS.empty_table()
    scores = _scores(features, model, rules.domain)
    posteriors = scores.posteriors if rules.shift is None else rules.shift(scores.posteriors)
    decision, confidence, *_ = score_segments(posteriors, model.classes, rules.min_confidence)
    heard = heard_affect(posteriors, model.classes, scores.arousal_high, scores.valence_negative)
    indices = pa.array(decision.astype(np.int32), mask=decision == UNDECIDED)
    columns: dict[str, Any] = {name: features.column(name) for name in features.column_names if name != "vector"}
    columns |= {
        "model_version": _constant(model.model_version, count),
        "emotion": pa.DictionaryArray.from_arrays(indices, pa.array(model.classes)).cast(pa.string()),
        "confidence": confidence,
        "valence": heard.valence,
        "arousal": heard.arousal,
        "familiarity": scores.familiarity,
        "domain_version": None if rules.domain is None else _constant(rules.domain.version, count),
        "label_scheme": _constant(model.label_scheme, count),
        "run_id": _constant(run_id, count),
        "scored_at": pa.array([now] * count, pa.timestamp("us", tz="UTC")),
        "schema_version": np.full(count, SCHEMA_VERSION, np.int32),
    }
    columns |= {probability(name): posteriors[:, index] for index, name in enumerate(model.classes)}
    return _table(SEGMENT_ROWS, columns, count)


def _scores(features: pa.Table, model: Model, domain: DomainPopulations | None) -> Scores:
    """Scores of every segment, measured from the population of its line. A voice has one line."""
    X, voices = vectors(features), _voices(features)
    if domain is None:
        return model.scores(X, voices, None)
    lines = features.column("line").combine_chunks()
    coded = lines if pa.types.is_dictionary(lines.type) else lines.dictionary_encode()
    measuring = domain.of_rows(coded.dictionary.to_pylist(), coded.indices.to_numpy())
    return model.scores(X, voices, measuring)


def _voices(features: pa.Table) -> npt.NDArray[np.intp]:
    """A number (rows,) for each channel of a recording, whose rows are of one speaker and normalised together."""
    recording = features.column("recording_id").combine_chunks().dictionary_encode().indices.to_numpy()
    channel = features.column("channel").to_numpy()
    return np.asarray(recording.astype(np.intp) * (int(channel.max()) + 1) + channel, dtype=np.intp)


@dataclass(frozen=True)
class CallRules:
    """The settings of a call's summary: `text_weight` of the words' valence, 0 to 1, and the `min_confidence` of a
    decision."""

    engagement: EngagementSettings
    text_weight: float
    min_confidence: float


def call_table(segments: pa.Table, classes: Sequence[str], rules: CallRules) -> pa.Table:
    """One row per call and role. Valence is of voice and words together, where there are words.

    Args:
        segments: rows of `SEGMENT_ROWS`, sorted by call_id and role, of one model.
        classes: of the model's label scheme.
        rules: for engagement, words and decisions.
    """
    if not len(segments):
        return CALL_EMOTIONS.schema.empty_table()
    posteriors = np.column_stack([segments.column(probability(name)).to_numpy() for name in classes])
    start_s, end_s, voice, words, arousal, familiarity = (
        segments.column(name).to_numpy()
        for name in ("start_s", "end_s", "valence", "text_valence", "arousal", "familiarity")
    )
    valence = fuse_valence(voice, words, rules.text_weight)
    keys = list(zip(segments.column("call_id").to_pylist(), segments.column("role").to_pylist(), strict=True))
    edges = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1]), len(keys)]
    same = (
        "model_version",
        "call_id",
        "role",
        "call_date",
        "agent_id",
        "queue",
        "label_scheme",
        "run_id",
        "domain_version",
    )
    firsts = segments.select([*same, "talk_share"]).take(edges[:-1]).to_pylist()
    rows = []
    for first, (a, b) in zip(firsts, pairwise(edges), strict=True):
        affect = HeardAffect(valence[a:b], arousal[a:b])
        summary = summarise_call(start_s[a:b], end_s[a:b], posteriors[a:b], classes, rules.min_confidence, affect)
        first["familiarity"] = _mean(familiarity[a:b], end_s[a:b] - start_s[a:b])
        index = engagement(summary.arousal, summary.valence_change, first.pop("talk_share"), rules.engagement)
        rows.append({**first, **_columns(summary), "engagement": index, "schema_version": SCHEMA_VERSION})
    return pa.Table.from_pylist(rows, schema=CALL_EMOTIONS.schema)


def _mean(values: npt.NDArray[np.float32], duration: npt.NDArray[np.float64]) -> float | None:
    """Mean by duration; None where a value is not known."""
    mean = float(np.average(values, weights=duration))
    return None if np.isnan(mean) else mean


def _columns(summary: CallSummary) -> Mapping[str, Any]:
    row = {name: getattr(summary, name) for name in _SUMMARY}
    row |= {share(name): value for name, value in summary.shares.items()}
    for axis in ("valence", "arousal"):
        quarters = getattr(summary, f"{axis}_quarters")
        row |= {f"{axis}_q{number}": value for number, value in enumerate(quarters, start=1)}
    return row


_SUMMARY = (
    "segments", "speech_s", "undecided_s", "dominant_emotion", "confidence", "valence", "arousal", "valence_change",
    "arousal_change", "longest_negative_s", "escalated", "recovered",
)  # fmt: skip


def _constant(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), count)


def _table(schema: pa.Schema, columns: Mapping[str, Any], count: int) -> pa.Table:
    arrays = []
    for field in schema:
        value = columns.get(field.name)
        if value is None:
            arrays.append(pa.nulls(count, field.type))
        elif isinstance(value, pa.ChunkedArray):
            arrays.append(value.cast(field.type))
        else:
            arrays.append(pa.array(value).cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
