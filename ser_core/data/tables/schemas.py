"""Schemas of all tables. Every table and column is named here only.

Snake case; seconds end in `_s`, decibels in `_dbfs`, shares are 0 to 1, times are UTC. Changes are additive only, and
raise `SCHEMA_VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from ser_core.emotions import EMOTIONS

SCHEMA_VERSION = 2
AS_RECORDED = "as_recorded"

_TIME = pa.timestamp("us", tz="UTC")
_SPAN = pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())])


def probability(emotion: str) -> str:
    """The column of a posterior."""
    return f"p_{emotion}"


def share(emotion: str) -> str:
    """The column of a share of speech time."""
    return f"share_{emotion}"


@dataclass(frozen=True)
class Table:
    """A table of the public contract.

    `kind` is `log` (append only, one file a task) or `derived` (partitioned, one file a bucket). `partitions` are path
    levels of a derived table; the columns are kept inside the files too. `key` identifies a row.
    """

    name: str
    kind: str
    key: tuple[str, ...]
    schema: pa.Schema
    partitions: tuple[str, ...] = ()


def _of(kind: pa.DataType, *names: str) -> list[tuple[str, pa.DataType]]:
    return [(name, kind) for name in names]


def _schema(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([*(pa.field(name, kind) for name, kind in fields), pa.field("schema_version", pa.int32())])


RECORDINGS = Table(
    "recordings",
    "derived",
    ("recording_id",),
    _schema(
        *_of(pa.string(), "recording_id", "uri", "version"),
        ("size_bytes", pa.int64()),
        ("modified_at", _TIME),
        *_of(pa.string(), "call_id"),
        ("call_date", pa.date32()),
        *_of(pa.string(), "call_date_source"),
        ("started_at", _TIME),
        *_of(pa.string(), "agent_id", "queue"),
        ("extra", pa.map_(pa.string(), pa.string())),
        *_of(pa.string(), "duplicate_of"),
        ("gone_at", _TIME),
        *_of(pa.string(), "run_id"),
    ),
    ("call_date",),
)

CHANNELS = Table(
    "channels",
    "log",
    ("recording_id", "version", "channel", "feature_set", "condition"),
    _schema(
        *_of(pa.string(), "recording_id", "version"),
        ("channel", pa.int16()),
        *_of(pa.string(), "feature_set", "condition", "call_id"),
        ("call_date", pa.date32()),
        *_of(pa.string(), "role", "codec"),
        ("sample_rate", pa.int32()),
        ("narrowband", pa.bool_()),
        ("duration_s", pa.float64()),
        ("speech", pa.list_(_SPAN)),
        ("syllables", pa.int32()),
        ("loudness_dbfs", pa.float32()),
        ("segments", pa.int32()),
        *_of(pa.string(), "run_id"),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "log",
    ("recording_id", "version", "run_id"),
    _schema(
        *_of(pa.string(), "recording_id", "version", "run_id", "uri", "reason", "detail"),
        ("attempt", pa.int32()),
        ("seen_at", _TIME),
    ),
)

LABELS = Table(
    "labels",
    "log",
    ("recording_id", "channel", "start_s", "end_s", "annotator"),
    _schema(
        *_of(pa.string(), "recording_id"),
        ("channel", pa.int16()),
        *_of(pa.float64(), "start_s", "end_s"),
        *_of(pa.string(), "annotator", "corpus", "speaker", "emotion", "intensity", "language"),
        ("extra", pa.map_(pa.string(), pa.string())),
    ),
)

SEGMENT_EMOTIONS = Table(
    "segment_emotions",
    "derived",
    ("model_version", "recording_id", "channel", "segment_no"),
    _schema(
        *_of(pa.string(), "model_version", "recording_id"),
        ("channel", pa.int16()),
        ("segment_no", pa.int32()),
        *_of(pa.string(), "call_id"),
        ("call_date", pa.date32()),
        *_of(pa.string(), "role"),
        *_of(pa.float64(), "start_s", "end_s"),
        *_of(pa.string(), "emotion"),
        ("confidence", pa.float32()),
        *((probability(emotion), pa.float32()) for emotion in EMOTIONS),
        *_of(pa.float32(), "valence", "arousal"),
        *_of(pa.string(), "label_scheme", "run_id"),
        ("scored_at", _TIME),
        ("text_valence", pa.float32()),
    ),
    ("model_version", "call_date"),
)

_QUARTERS = tuple(f"{axis}_q{quarter}" for axis in ("valence", "arousal") for quarter in (1, 2, 3, 4))

CALL_EMOTIONS = Table(
    "call_emotions",
    "derived",
    ("model_version", "call_id", "role"),
    _schema(
        *_of(pa.string(), "model_version", "call_id", "role"),
        ("call_date", pa.date32()),
        *_of(pa.string(), "agent_id", "queue"),
        ("segments", pa.int32()),
        ("speech_s", pa.float64()),
        *_of(pa.string(), "dominant_emotion"),
        ("confidence", pa.float32()),
        *((share(emotion), pa.float32()) for emotion in EMOTIONS),
        *_of(pa.float32(), "valence", "arousal"),
        *((name, pa.float32()) for name in _QUARTERS),
        *_of(pa.float32(), "valence_change", "arousal_change"),
        ("longest_negative_s", pa.float64()),
        *_of(pa.bool_(), "escalated", "recovered"),
        ("engagement", pa.float32()),
        *_of(pa.string(), "label_scheme", "run_id"),
        ("undecided_s", pa.float64()),
    ),
    ("model_version", "call_date"),
)

CALL_TALK = Table(
    "call_talk",
    "derived",
    ("call_id",),
    _schema(
        *_of(pa.string(), "call_id"),
        ("call_date", pa.date32()),
        *_of(pa.string(), "agent_id", "queue"),
        *_of(pa.float64(), "duration_s", "customer_talk_s", "agent_talk_s", "silence_s"),
        ("silences", pa.int32()),
        ("crosstalk_s", pa.float64()),
        *_of(pa.int32(), "interruptions_by_agent", "interruptions_by_customer"),
        *_of(pa.float32(), "speaking_rate", "articulation_rate", "loudness_dbfs"),
        *_of(pa.string(), "run_id"),
    ),
    ("call_date",),
)

RUNS = Table(
    "runs",
    "log",
    ("run_id",),
    _schema(
        *_of(pa.string(), "run_id", "job"),
        ("call_date", pa.date32()),
        ("started_at", _TIME),
        ("finished_at", _TIME),
        *_of(pa.string(), "status", "model_version", "feature_set", "purpose"),
        *_of(
            pa.int64(),
            "listed",
            "done_before",
            "extracted",
            "refused_now",
            "refused_before",
            "scored_segments",
            "scored_calls",
        ),
        *_of(pa.float64(), "audio_s", "wall_s"),
        *_of(pa.string(), "detail", "priors", "drift"),
    ),
)


def features_schema(dimension: int) -> pa.Schema:
    """Schema of a `features` file whose vectors have `dimension` values."""
    return _schema(
        ("recording_id", pa.string()),
        ("version", pa.string()),
        ("channel", pa.int16()),
        ("feature_set", pa.string()),
        ("condition", pa.string()),
        ("segment_no", pa.int32()),
        *_of(pa.float64(), "start_s", "end_s"),
        ("loudness_dbfs", pa.float32()),
        ("vector", pa.list_(pa.float32(), dimension)),
    )


FEATURES = Table(
    "features",
    "log",
    ("recording_id", "version", "channel", "feature_set", "condition", "segment_no"),
    features_schema(1),
)
"""The vector has one value here; in a file, as many as the feature set (`features_schema`)."""

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            RECORDINGS, CHANNELS, FEATURES, QUARANTINE, LABELS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK, RUNS,
        )
    }
)  # fmt: skip
