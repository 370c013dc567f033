"""Scored segments as rows of the tables. Arrow in, Arrow out; knows nothing of Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ser_core.scoring.calls import summarise_call
from ser_core.scoring.segments import score_segments
from ser_core.tables.schemas import CALL_EMOTIONS, SCHEMA_VERSION, SEGMENT_EMOTIONS, probability, share
from ser_core.training.bundle import Model

_CARRIED = (pa.field("agent_id", pa.string()), pa.field("queue", pa.string()), pa.field("bucket", pa.int32()))
SEGMENT_ROWS = pa.schema([*SEGMENT_EMOTIONS.schema, *_CARRIED])
"""`segment_emotions` and what `call_emotions` needs beside it."""


def vectors(table: pa.Table) -> npt.NDArray[np.float32]:
    """The column `vector` of a features table as a matrix, shape (rows, dimension)."""
    dimension = table.schema.field("vector").type.list_size
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table.column("vector").chunks]
    flat = np.concatenate([np.empty(0, np.float32), *chunks])
    return np.asarray(flat.reshape(-1, dimension), dtype=np.float32)


def segment_table(features: pa.Table, model: Model, run_id: str, now: dt.datetime) -> pa.Table:
    """Posteriors of every segment.

    Args:
        features: rows of `features` with call_id, call_date, role, agent_id, queue and bucket beside them.
        model: what scores them.
        run_id: of the run.
        now: time of scoring, UTC.

    Returns:
        Rows of `SEGMENT_ROWS`.
    """
    count = len(features)
    if not count:
        return SEGMENT_ROWS.empty_table()
    posteriors = model.predict_proba(vectors(features))
    winner, confidence, valence, arousal = score_segments(posteriors, model.classes)
    columns: dict[str, Any] = {name: features.column(name) for name in features.column_names if name != "vector"}
    columns |= {
        "model_version": _constant(model.model_version, count),
        "emotion": pa.DictionaryArray.from_arrays(winner.astype(np.int32), pa.array(model.classes)).cast(pa.string()),
        "confidence": confidence,
        "valence": valence,
        "arousal": arousal,
        "label_scheme": _constant(model.label_scheme, count),
        "run_id": _constant(run_id, count),
        "scored_at": pa.array([now] * count, pa.timestamp("us", tz="UTC")),
        "schema_version": np.full(count, SCHEMA_VERSION, np.int32),
    }
    columns |= {probability(name): posteriors[:, index] for index, name in enumerate(model.classes)}
    return _table(SEGMENT_ROWS, columns, count)


def call_table(segments: pa.Table, classes: Sequence[str]) -> pa.Table:
    """One row a call and role.

    Args:
        segments: rows of `SEGMENT_ROWS`, sorted by call_id and role, of one model.
        classes: of the model's label scheme.
    """
    if not len(segments):
        return CALL_EMOTIONS.schema.empty_table()
    posteriors = np.column_stack([segments.column(probability(name)).to_numpy() for name in classes])
    start_s, end_s = (segments.column(name).to_numpy() for name in ("start_s", "end_s"))
    keys = list(zip(segments.column("call_id").to_pylist(), segments.column("role").to_pylist(), strict=True))
    edges = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1]), len(keys)]
    same = ("model_version", "call_id", "role", "call_date", "agent_id", "queue", "label_scheme", "run_id")
    firsts = segments.select(list(same)).take(edges[:-1]).to_pylist()
    rows = [
        {**first, **_call(start_s[a:b], end_s[a:b], posteriors[a:b], classes), "schema_version": SCHEMA_VERSION}
        for first, (a, b) in zip(firsts, pairwise(edges), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=CALL_EMOTIONS.schema)


def _call(
    start_s: npt.NDArray[np.float64],
    end_s: npt.NDArray[np.float64],
    posteriors: npt.NDArray[np.float32],
    classes: Sequence[str],
) -> Mapping[str, Any]:
    found = summarise_call(start_s, end_s, posteriors, classes)
    row = {name: getattr(found, name) for name in _SUMMARY}
    row |= {share(name): value for name, value in found.shares.items()}
    for axis in ("valence", "arousal"):
        quarters = getattr(found, f"{axis}_quarters")
        row |= {f"{axis}_q{number}": value for number, value in enumerate(quarters, start=1)}
    return row


_SUMMARY = (
    "segments", "speech_s", "dominant_emotion", "confidence", "valence", "arousal", "valence_change", "arousal_change",
    "longest_negative_s", "escalated", "recovered",
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
