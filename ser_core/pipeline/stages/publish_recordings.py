"""Writes what has changed of `recordings`, and brings the rows of moved recordings to their new dates."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.data.tables.packed import unpacked
from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore, bucket_key, log_key
from ser_core.pipeline.engine.cluster import Cluster, Rows
from ser_core.pipeline.stages.moved_recordings import COPIED, CopyMoved
from ser_core.pipeline.state.moves import begin_moves, end_moves, mark_moved, unfinished_moves

_log = logging.getLogger(__name__)
_WRITTEN = pa.schema([("files", pa.int64())])
_DATES = ("old_date", "new_date")
_TASKS_A_SLOT = 4


def publish_recordings(cluster: Cluster, store: TableStore, run_id: str, merged: Rows, moves: Rows) -> int:
    """Writes the changed buckets and the new refusals.

    Of recordings that move, first their rows of other tables are copied to the new dates, then they are added to the
    new dates, then they are removed from the old ones. A run that is killed in between has left a recording on both
    dates, and a note of them, by which the next run ends the move.

    Args:
        cluster: where the work runs.
        store: the tables.
        run_id: of the run.
        merged: rows of `MERGED`.
        moves: rows of `MOVES`.

    Returns:
        Number of moves.
    """
    moved, dates = _moved(moves)
    if moved:
        begin_moves(store, dates)
        copied = cluster.each(CopyMoved(store, run_id), _by_date(cluster, moves), COPIED)
        _log.info("%d recordings have another call date now: %d files copied", moved, pc.sum(copied["files"]).as_py())
        mark_moved(store, dates)
    write = _Write(store, run_id)
    cluster.each(write, _of_phase(cluster, merged, 0), _WRITTEN)
    if moved:
        cluster.each(write, _of_phase(cluster, merged, 1), _WRITTEN)
        mark_moved(store, dates)
    if unfinished_moves(store):
        end_moves(store)
    return moved


def _moved(moves: Rows) -> tuple[int, list[dt.date]]:
    """Number of moves, and the dates that recordings come from or go to."""
    if isinstance(moves.source, pa.Table):
        pairs = moves.source.group_by(list(_DATES)).aggregate([([], "count_all")])
    else:
        pairs = moves.source.groupBy(*_DATES).agg(F.count("*").alias("count_all")).toArrow()
    dates = {date for name in _DATES for date in pairs[name].to_pylist()}
    return pc.sum(pairs["count_all"], min_count=0).as_py(), sorted(dates)


def _by_date(cluster: Cluster, moves: Rows) -> Rows:
    """The moves in the order of their dates, those from one date in one task."""
    if isinstance(moves.source, pa.Table):
        return cluster.rows(moves.source.sort_by([(name, "ascending") for name in _DATES]))
    tasks = _TASKS_A_SLOT * cluster.session.sparkContext.defaultParallelism
    return cluster.rows(moves.source.repartition(tasks, "old_date").sortWithinPartitions(*_DATES))


def _of_phase(cluster: Cluster, merged: Rows, phase: int) -> Rows:
    """Rows to write in a phase."""
    if isinstance(merged.source, pa.Table):
        rows = merged.source
        return cluster.rows(rows.filter(pc.and_(pc.equal(rows["phase"], phase), pc.is_valid(rows["rows"]))))
    return cluster.rows(merged.source.where((F.col("phase") == phase) & F.col("rows").isNotNull()))


@dataclass(frozen=True)
class _Write:
    """`mapInArrow` over rows of `MERGED`: writes buckets of `recordings` and files of `quarantine`."""

    store: TableStore
    run_id: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        files = 0
        for batch in batches:
            for row in batch.to_pylist():
                rows, date = unpacked([row["rows"]]), row["call_date"]
                if row["bucket"] < 0:
                    self.store.write(log_key(QUARANTINE, self.run_id, 0, call_date=date), rows)
                else:
                    self.store.write(bucket_key(RECORDINGS, {"call_date": date}, row["bucket"]), rows)
                files += 1
        yield pa.RecordBatch.from_pylist([{"files": files}], schema=_WRITTEN)
