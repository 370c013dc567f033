"""Settings for jobs on small roots, and what the tables hold after them."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from ser_core.config import Settings, load_settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import TABLES, Table
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.stages.job import Work, execute
from tests.support.synth import LABELS

SMALL: Mapping[str, Any] = {
    "segments": {"mode": "window"},  # tones and noise are no speech
    "tables": {"buckets": 2},
    "features": {"set": "paper-180", "sample_rate_hz": 8000},
    "augmentation": {"varied": 0, "line": 0},
    "training": {
        "members": 1,
        "calibration_members": 0,
        "feature_share": 1.0,
        "copies": 0,
        "speaker_directions": 0,
        "hidden_layers": [16],
        "alpha": 0.01,
        "batch_size": 256,
        "learning_rate": 0.001,
        "max_iter": 100,
        "group_folds": 3,
        "speaker_normalisation": {
            "strength_mean": 1.0,
            "strength_deviation": 0.5,
            "prior_segments": 10.0,
            "anchor": 0.0,
            "train_on": "speakers",
        },
    },
    "isolation": {"enabled": False},  # a child a worker takes a second to start; on where that is what is tested
    "spark": {"master": "local[2]"},
}
PATTERN = "{call_date:%Y/%m/%d}/{call_id}_{agent_id}.wav"
_OF_A_RUN = frozenset(
    (
        *("run_id", "parent_run_id", "settings_hash", "published_by", "held_by", "wall_s"),
        *("scored_at", "seen_at", "started_at", "finished_at", "updated_at", "modified_at"),
        *("listed_at", "published_at", "held_since"),
    )
)
_TOLERANCE = 1e-5


def merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """`high` over `low`, section by section."""
    both = dict(low)
    for key, value in high.items():
        both[key] = merged(both.get(key) or {}, value) if isinstance(value, Mapping) else value
    return both


def layout(root: str | Path) -> dict[str, Any]:
    """Archive, tables, models and a manifest corpus below one root."""
    places = {
        "archive": {"uri": f"{root}/archive"},
        "tables": {"uri": f"{root}/tables"},
        "models": {"uri": f"{root}/models"},
        "corpus": {"kind": "manifest", "uri": f"{root}/corpus/{LABELS}", "tables_uri": f"{root}/corpus-tables"},
    }
    return merged(SMALL, places)


def job_settings(root: str | Path, changes: Mapping[str, Any] | None = None) -> Settings:
    """The shipped defaults, made small, for the layout below `root`, with `changes` on top."""
    return Settings(**merged(merged(_defaults(), layout(root)), changes or {}))


@functools.cache
def _defaults() -> Mapping[str, Any]:
    return load_settings(environ={}).model_dump(by_alias=True)


def run(session: SparkSession, work: type[Work], settings: Settings) -> dict[str, Any]:
    """Runs one job in the shared session; its row of `runs`."""
    return dict(execute(work(settings), settings, session))


def store_of(settings: Settings) -> TableStore:
    """The tables of `settings`."""
    return TableStore(open_storage(settings.tables.uri, settings.storage))


def read_rows(source: Settings | TableStore, table: Table) -> list[dict[str, Any]]:
    """Every row of `table`, in the order of its key."""
    store = source if isinstance(source, TableStore) else store_of(source)
    parts = [store.read(key) for key in store.files(table)]
    rows = pa.concat_tables(parts).to_pylist() if parts else []
    return sorted(rows, key=lambda row: [str(row[name]) for name in table.key])


def file_marks(root: Path) -> dict[str, int]:
    """Every file below `root` with the time it was last written, in nanoseconds."""
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def same_tables(a: TableStore, b: TableStore, but: Collection[str] = ()) -> None:
    """Fails unless every table, `but` some, is the same but for the run's name and times, floats within 1e-5."""
    for table in TABLES.values():
        if table.name not in but:
            same_rows(a, b, table)


def same_rows(a: TableStore, b: TableStore, table: Table, but: Collection[str] = ()) -> None:
    """As `same_tables`, for one table, without the columns `but`."""
    equal_rows(read_rows(a, table), read_rows(b, table), table, but)


def equal_rows(
    a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]], table: Table, but: Collection[str] = ()
) -> None:
    """As `same_rows`, for rows that have been read."""
    ours, theirs = (_comparable(rows, table, but) for rows in (a, b))
    assert len(ours) == len(theirs), f"{table.name}: {len(ours)} rows and {len(theirs)}"
    for left, right in zip(ours, theirs, strict=True):
        assert left.keys() == right.keys()
        for name, value in left.items():
            assert _same(value, right[name]), f"{table.name}.{name}: {value!r} and {right[name]!r} in {left}"


def _comparable(whole: Sequence[Mapping[str, Any]], table: Table, but: Collection[str]) -> list[dict[str, Any]]:
    """Rows without what differs by run; whether a recording is gone stays, when does not."""
    rows = [{name: value for name, value in row.items() if name not in {*_OF_A_RUN, *but}} for row in whole]
    for row in rows:
        if "gone_at" in row:
            row["gone_at"] = row["gone_at"] is not None
    first = [name for name in (*table.key, "job", "listed", "extracted") if rows and name in rows[0]]
    return sorted(rows, key=lambda row: [str(row[name]) for name in first])


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    return bool(a == b)
