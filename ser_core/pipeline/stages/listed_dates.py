"""The listing of an archive by call date, compared with where its recordings are known."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.engine.arrow_map import map_arrow
from ser_core.pipeline.engine.cluster import Cluster, Rows
from ser_core.pipeline.stages.merge_recordings import CAME_FROM, MERGED, PLACED, WITHOUT_METADATA, MergeDate
from ser_core.pipeline.stages.moved_recordings import MOVES
from ser_core.pipeline.state.scope import Scope

_PLACE = ("recording_id", "call_date_source", "run_id")
_PLACES = pa.schema(
    [("recording_id", pa.string()), ("known_date", pa.date32()), ("source", pa.string()), ("run_id", pa.string())]
)
_TASKS_A_SLOT = 4
_DATED = [*PLACED.names, "leaves"]
"""A row of `PLACED`; or, where `leaves`, the id of a recording that is known on this date and belongs to another."""

Row = Mapping[str, Any]


class ListedDates:
    """The listed recordings of the dates that a run changes. A context manager that frees what Spark holds of them.

    A recording that is known on other dates moves. Where the metadata has given it its date, and has no row of its call
    any more, it stays there.

    Args:
        cluster: where the work runs.
        listed: rows of `LISTED`.
        store: the tables.
        scope: of the run.
        known: dates that a listed recording may be known on, beside its own.
        size: about how many recordings these dates have.
    """

    def __init__(
        self, cluster: Cluster, listed: Rows, store: TableStore, scope: Scope, known: Sequence[dt.date], size: int
    ) -> None:
        self._cluster, self._scope, self._store = cluster, scope, store
        places = cluster.of_dates(partial(_places, store), known, _PLACES, size if known else 0)
        if isinstance(listed.source, pa.Table) and isinstance(places.source, pa.Table):
            self._rows = cluster.rows(_on_driver(listed.source, places.source, scope))
        else:
            self._rows = cluster.rows(_on_spark(listed.frame(), places.frame() if known else None, scope))

    def __enter__(self) -> ListedDates:
        self._rows.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._rows.__exit__(*error)

    def moves(self) -> Rows:
        """Rows of `MOVES`."""
        if isinstance(self._rows.source, pa.Table):
            moving = self._rows.source.select(["recording_id", CAME_FROM, "call_date"]).to_pylist()
            every = [(row["recording_id"], old, row["call_date"]) for row in moving for old in row[CAME_FROM] or ()]
            named = [dict(zip(MOVES.names, move, strict=True)) for move in every]
            return self._cluster.rows(pa.Table.from_pylist(named, schema=MOVES))
        old, new = F.explode(CAME_FROM).alias("old_date"), F.col("call_date").alias("new_date")
        return self._cluster.rows(self._rows.source.select("recording_id", old, new))

    def merged(self, merge: MergeDate, moves: Rows) -> Rows:
        """Rows of `MERGED` for every date of the run."""
        by_date = _MergeDates(merge, self._scope)
        dates = self._scope.listed(self._store)
        if isinstance(self._rows.source, pa.Table):
            rows: dict[dt.date, list[Row]] = {date: [] for date in dates}
            for row in self._rows.source.to_pylist():
                rows.setdefault(row["call_date"], []).append(row)
            away: dict[dt.date, set[str]] = defaultdict(set)
            for row in moves.table().to_pylist():
                away[row["old_date"]].add(row["recording_id"])
            every = [by_date.of(date, rows.get(date, []), away[date]) for date in sorted({*rows, *away})]
            return self._cluster.rows(pa.concat_tables([MERGED.empty_table(), *every]))
        session = self._cluster.session
        leaving = moves.frame().select(
            "recording_id", F.col("old_date").alias("call_date"), F.lit(True).alias("leaves")
        )
        empty = session.createDataFrame(pa.table({"call_date": pa.array(dates, pa.date32())}))
        both = self._rows.source.unionByName(leaving, allowMissingColumns=True)
        every_date = both.unionByName(empty, allowMissingColumns=True).select(_DATED)
        most = _TASKS_A_SLOT * session.sparkContext.defaultParallelism
        tasks = min(len(dates), most) if self._scope.dates is not None else most
        together = every_date.repartition(max(tasks, 1), "call_date").sortWithinPartitions("call_date")
        return self._cluster.rows(map_arrow(together, by_date, MERGED))


def any_may_move(listed: Rows) -> bool:
    """Whether the date of any listed recording is not from its path."""
    if isinstance(listed.source, pa.Table):
        return bool(pc.any(pc.not_equal(listed.source["call_date_source"], "path"), min_count=0).as_py())
    return not listed.source.where(F.col("call_date_source") != "path").limit(1).isEmpty()


def _places(store: TableStore, date: dt.date) -> pa.Table:
    """Rows of `_PLACES` of one date."""
    rows = store.read_all(RECORDINGS, store.files_of(RECORDINGS, call_date=date), _PLACE)
    known = pa.repeat(pa.scalar(date, pa.date32()), len(rows))
    return pa.table([rows["recording_id"], known, rows["call_date_source"], rows["run_id"]], schema=_PLACES)


def _on_driver(listed: pa.Table, places: pa.Table, scope: Scope) -> pa.Table:
    """Rows of `PLACED` that are in scope, or come from a date in scope."""
    known: dict[str, list[Row]] = defaultdict(list)
    wanted = places.filter(pc.is_in(places["recording_id"], listed["recording_id"].combine_chunks()))
    for place in wanted.to_pylist():
        known[place["recording_id"]].append(place)
    placed = []
    for row in listed.to_pylist():
        own = known.get(row["recording_id"], [])
        stated = [place for place in own if place["source"] == "metadata"]
        if stated and row[WITHOUT_METADATA] and row["call_date_source"] == "object_time":
            last = max(stated, key=lambda place: (place["run_id"], place["known_date"]))
            row |= {"call_date": last["known_date"], "call_date_source": "metadata"}
        row[CAME_FROM] = sorted({place["known_date"] for place in own} - {row["call_date"]})
        if row["call_date"] in scope or any(date in scope for date in row[CAME_FROM]):
            placed.append(row)
    return pa.Table.from_pylist(placed, schema=PLACED)


def _on_spark(listed: DataFrame, places: DataFrame | None, scope: Scope) -> DataFrame:
    """As `_on_driver`."""
    if places is None:
        placed = listed.withColumn(CAME_FROM, F.lit(None).cast("array<date>"))
    else:
        last = "max_by(known_date, struct(run_id, known_date)) FILTER (WHERE source = 'metadata')"
        known = places.groupBy("recording_id").agg(
            F.collect_set("known_date").alias("known"), F.expr(last).alias("stated")
        )
        keeps = F.col(WITHOUT_METADATA) & F.col("stated").isNotNull() & (F.col("call_date_source") == "object_time")
        placed = (
            listed.join(known, "recording_id", "left")
            .withColumn("call_date", F.when(keeps, F.col("stated")).otherwise(F.col("call_date")))
            .withColumn("call_date_source", F.when(keeps, F.lit("metadata")).otherwise(F.col("call_date_source")))
            .withColumn(CAME_FROM, F.array_except("known", F.array("call_date")))
        )
    if scope.dates is not None:
        dates = F.array(*(F.lit(date) for date in scope.dates))
        in_scope = F.array_contains(dates, F.col("call_date")) | F.arrays_overlap(
            dates, F.coalesce(CAME_FROM, F.array().cast("array<date>"))
        )
        placed = placed.where(in_scope)
    return placed.select(PLACED.names)


@dataclass(frozen=True)
class _MergeDates:
    """`mapInArrow` over rows of `_DATED` sorted by date."""

    merge: MergeDate
    scope: Scope

    def of(self, date: dt.date, placed: Sequence[Row], away: Iterable[str]) -> pa.Table:
        """Rows of `MERGED` of one date."""
        return self.merge(date, placed, set(away), date in self.scope)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (row for batch in batches for row in batch.to_pylist())
        for date, members in groupby(rows, key=lambda row: row["call_date"]):
            every = [row for row in members if row["recording_id"] is not None]
            away = [row["recording_id"] for row in every if row["leaves"]]
            yield from self.of(date, [row for row in every if not row["leaves"]], away).to_batches()
