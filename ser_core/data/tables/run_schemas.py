"""The tables about the work itself: runs, and the state of each call date."""

from __future__ import annotations

import pyarrow as pa

from ser_core.data.tables.table import TIME, Table, columns_of, table_schema

RUNS = Table(
    "runs",
    "log",
    ("run_id",),
    table_schema(
        *columns_of(pa.string(), "run_id", "job"),
        ("call_date", pa.date32()),
        ("started_at", TIME),
        ("finished_at", TIME),
        *columns_of(pa.string(), "status", "model_version", "feature_set", "purpose"),
        *columns_of(
            pa.int64(),
            "listed",
            "done_before",
            "extracted",
            "refused_now",
            "refused_before",
            "scored_segments",
            "scored_calls",
        ),
        *columns_of(pa.float64(), "audio_s", "wall_s"),
        *columns_of(pa.string(), "detail", "priors", "drift"),
        *columns_of(pa.string(), "month", "parent_run_id", "host", "settings_hash", "code_version", "stage"),
        *columns_of(pa.int64(), "units_done", "units_total"),
        ("updated_at", TIME),
        *columns_of(pa.string(), "domain_version"),
        ("familiarity", pa.float64()),
    ),
    ("month",),
)
"""One file a run, from its start; `status` is running, done, incomplete, refused or failed. `month` is of the start,
`2026-11`. Progress is `units_done` of `units_total` (recordings, dates or Spark's tasks) in `stage`, by `updated_at`.
`domain_version` is the population that the run measured from, null for that of training; `familiarity` the mean of the
segments that it published.
"""

DATES = Table(
    "dates",
    "single",
    ("call_date",),
    table_schema(
        ("call_date", pa.date32()),
        *columns_of(pa.int64(), "listed", "extracted", "refused", "silent", "scored", "segments"),
        ("models", pa.list_(pa.string())),
        *columns_of(pa.string(), "model_version"),
        ("published_at", TIME),
        *columns_of(pa.string(), "published_by", "held_back", "held_by"),
        ("held_since", TIME),
        ("accepted", pa.list_(pa.string())),
        ("open", pa.bool_()),
        ("listed_at", TIME),
        *columns_of(pa.string(), "run_id"),
    ),
)
"""What is due and what is missing, a row a call date. `silent` are extracted recordings without speech, `scored` calls
with a row, `models` the model versions that have published rows, the newest last. `held_back` is a rule and its facts,
such as `few_recordings: …`; `accepted` are rules that a person has let pass for this date. `open` is true while a later
run has work to do here."""
