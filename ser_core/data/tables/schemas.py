"""Schemas of all tables. Every table and column is named here only.

Snake case; seconds end in `_s`, decibels in `_dbfs`, shares are 0 to 1, times are UTC. Changes are additive only, and
raise `SCHEMA_VERSION`. Columns that partition a table are in the path of a file and not in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from ser_core.data.tables.run_schemas import DATES, RUNS
from ser_core.data.tables.table import SCHEMA_VERSION, SPAN, TIME, Table, columns_of, table_schema
from ser_core.emotions import EMOTIONS

__all__ = ["DATES", "RUNS", "SCHEMA_VERSION", "Table"]

AS_RECORDED = "as_recorded"


def probability(emotion: str) -> str:
    """The column of a posterior."""
    return f"p_{emotion}"


def share(emotion: str) -> str:
    """The column of a share of speech time."""
    return f"share_{emotion}"


RECORDINGS = Table(
    "recordings",
    "derived",
    ("recording_id",),
    table_schema(
        *columns_of(pa.string(), "recording_id", "uri", "version"),
        ("size_bytes", pa.int64()),
        ("modified_at", TIME),
        *columns_of(pa.string(), "call_id"),
        ("call_date", pa.date32()),
        *columns_of(pa.string(), "call_date_source"),
        ("started_at", TIME),
        *columns_of(pa.string(), "agent_id", "queue"),
        ("extra", pa.map_(pa.string(), pa.string())),
        *columns_of(pa.string(), "duplicate_of"),
        ("gone_at", TIME),
        *columns_of(pa.string(), "run_id"),
    ),
    ("call_date",),
)

CHANNELS = Table(
    "channels",
    "log",
    ("recording_id", "version", "channel", "feature_set", "condition"),
    table_schema(
        *columns_of(pa.string(), "recording_id", "version"),
        ("channel", pa.int16()),
        *columns_of(pa.string(), "feature_set", "condition", "call_id"),
        ("call_date", pa.date32()),
        *columns_of(pa.string(), "role", "codec"),
        ("sample_rate", pa.int32()),
        ("narrowband", pa.bool_()),
        ("duration_s", pa.float64()),
        ("speech", pa.list_(SPAN)),
        ("syllables", pa.int32()),
        ("loudness_dbfs", pa.float32()),
        ("segments", pa.int32()),
        *columns_of(pa.string(), "run_id"),
    ),
    ("call_date",),
)

QUARANTINE = Table(
    "quarantine",
    "log",
    ("recording_id", "version", "run_id"),
    table_schema(
        *columns_of(pa.string(), "recording_id", "version", "run_id", "uri", "reason", "detail"),
        ("attempt", pa.int32()),
        ("seen_at", TIME),
        ("call_date", pa.date32()),
        *columns_of(pa.string(), "refused_by"),
    ),
    ("call_date",),
)
"""`refused_by` is a fingerprint of the rule that refused: where that rule changes, the recording is tried again."""

LABELS = Table(
    "labels",
    "log",
    ("recording_id", "channel", "start_s", "end_s", "annotator"),
    table_schema(
        *columns_of(pa.string(), "recording_id"),
        ("channel", pa.int16()),
        *columns_of(pa.float64(), "start_s", "end_s"),
        *columns_of(pa.string(), "annotator", "corpus", "speaker", "emotion", "intensity", "language"),
        ("extra", pa.map_(pa.string(), pa.string())),
    ),
)

SEGMENT_EMOTIONS = Table(
    "segment_emotions",
    "derived",
    ("model_version", "recording_id", "channel", "segment_no"),
    table_schema(
        *columns_of(pa.string(), "model_version", "recording_id"),
        ("channel", pa.int16()),
        ("segment_no", pa.int32()),
        *columns_of(pa.string(), "call_id"),
        ("call_date", pa.date32()),
        *columns_of(pa.string(), "role"),
        *columns_of(pa.float64(), "start_s", "end_s"),
        *columns_of(pa.string(), "emotion"),
        ("confidence", pa.float32()),
        *((probability(emotion), pa.float32()) for emotion in EMOTIONS),
        *columns_of(pa.float32(), "valence", "arousal"),
        *columns_of(pa.string(), "label_scheme", "run_id"),
        ("scored_at", TIME),
        ("text_valence", pa.float32()),
        ("familiarity", pa.float32()),
        *columns_of(pa.string(), "domain_version"),
    ),
    ("model_version", "call_date"),
)

_QUARTERS = tuple(f"{axis}_q{quarter}" for axis in ("valence", "arousal") for quarter in (1, 2, 3, 4))

CALL_EMOTIONS = Table(
    "call_emotions",
    "derived",
    ("model_version", "call_date", "call_id", "role"),
    table_schema(
        *columns_of(pa.string(), "model_version", "call_id", "role"),
        ("call_date", pa.date32()),
        *columns_of(pa.string(), "agent_id", "queue"),
        ("segments", pa.int32()),
        ("speech_s", pa.float64()),
        *columns_of(pa.string(), "dominant_emotion"),
        ("confidence", pa.float32()),
        *((share(emotion), pa.float32()) for emotion in EMOTIONS),
        *columns_of(pa.float32(), "valence", "arousal"),
        *((name, pa.float32()) for name in _QUARTERS),
        *columns_of(pa.float32(), "valence_change", "arousal_change"),
        ("longest_negative_s", pa.float64()),
        *columns_of(pa.bool_(), "escalated", "recovered"),
        ("engagement", pa.float32()),
        *columns_of(pa.string(), "label_scheme", "run_id"),
        ("undecided_s", pa.float64()),
        ("familiarity", pa.float32()),
        *columns_of(pa.string(), "domain_version"),
    ),
    ("model_version", "call_date"),
)

CALL_TALK = Table(
    "call_talk",
    "derived",
    ("call_date", "call_id"),
    table_schema(
        *columns_of(pa.string(), "call_id"),
        ("call_date", pa.date32()),
        *columns_of(pa.string(), "agent_id", "queue"),
        *columns_of(pa.float64(), "duration_s", "customer_talk_s", "agent_talk_s", "silence_s"),
        ("silences", pa.int32()),
        ("crosstalk_s", pa.float64()),
        *columns_of(pa.int32(), "interruptions_by_agent", "interruptions_by_customer"),
        *columns_of(pa.float32(), "speaking_rate", "articulation_rate", "loudness_dbfs"),
        *columns_of(pa.string(), "run_id"),
    ),
    ("call_date",),
)


def features_schema(dimension: int) -> pa.Schema:
    """Schema of a `features` file whose vectors have `dimension` values; its call_date is in the path."""
    return table_schema(
        ("recording_id", pa.string()),
        ("version", pa.string()),
        ("channel", pa.int16()),
        ("feature_set", pa.string()),
        ("condition", pa.string()),
        ("segment_no", pa.int32()),
        *columns_of(pa.float64(), "start_s", "end_s"),
        ("loudness_dbfs", pa.float32()),
        ("vector", pa.list_(pa.float32(), dimension)),
    )


FEATURES = Table(
    "features",
    "log",
    ("recording_id", "version", "channel", "feature_set", "condition", "segment_no"),
    features_schema(1).append(pa.field("call_date", pa.date32())),
    ("call_date",),
)
"""The vector has one value here; in a file, as many as the feature set (`features_schema`)."""

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            RECORDINGS, CHANNELS, FEATURES, QUARANTINE, LABELS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK, DATES, RUNS,
        )
    }
)  # fmt: skip
