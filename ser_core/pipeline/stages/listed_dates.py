"""The listing of an archive by call date, compared with where its recordings are known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.engine.arrow_map import map_arrow
from ser_core.pipeline.engine.cluster import Cluster, Rows
from ser_core.pipeline.stages.merge_recordings import LISTED, MERGED, WITHOUT_METADATA, MergeDate
from ser_core.pipeline.stages.moved_recordings import MOVES
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.scope import Scope

_PLACES = pa.schema([("recording_id", pa.string()), ("known_date", pa.date32()), ("known_source", pa.string())])
_OWN_PATH = "path"


class ListedDates:
    """The listed recordings of the dates that a run changes.

    A date that is in the path of a recording cannot change by itself. Where another source tells it, or the settings of
    the archive have changed, the recordings are looked up in every date: they may be known under another one.

    Args:
        cluster: where the work runs.
        rows: rows of `LISTED`.
        store: the tables.
        scope: of the run.
        dates: the table `dates`.
        identity_changed: settings have changed since the last run that say which call a recording is of.
    """

    def __init__(
        self,
        cluster: Cluster,
        rows: Rows,
        store: TableStore,
        scope: Scope,
        dates: Dates,
        *,
        identity_changed: bool,
    ) -> None:
        self._cluster, self._rows, self._store, self._scope = cluster, rows, store, scope
        self.moves = MOVES.empty_table()
        known = (
            Scope(None).listed(store) if scope.dates is None or identity_changed or self._dated_otherwise() else None
        )
        if known:
            self._look_up(known, dates)
        moved = {*self.moves["old_date"].to_pylist(), *self.moves["new_date"].to_pylist()}
        listed = self._listed_dates() if scope.dates is None else []
        self.dates = sorted({*scope.listed(store), *listed, *moved})

    def merged(self, merge: MergeDate) -> Rows:
        """Rows of `MERGED` for every date of the run."""
        away: dict[dt.date, set[str]] = {}
        for row in self.moves.to_pylist():
            away.setdefault(row["old_date"], set()).add(row["recording_id"])
        by_date = _MergeDates(merge, away, self._scope)
        if isinstance(self._rows.source, pa.Table):
            listed = self._rows.source.sort_by("call_date")
            tables = [by_date.of(date, listed.filter(pc.equal(listed["call_date"], date))) for date in self.dates]
            return self._cluster.rows(pa.concat_tables([MERGED.empty_table(), *tables]))
        frame = self._rows.source.where(F.col("call_date").isin(self.dates))
        empty = pa.table({"call_date": pa.array(self.dates, pa.date32())})
        both = frame.unionByName(self._cluster.session.createDataFrame(empty), allowMissingColumns=True)
        together = both.repartition(max(1, len(self.dates)), "call_date").sortWithinPartitions("call_date")
        return self._cluster.rows(map_arrow(together, by_date, MERGED))

    def _dated_otherwise(self) -> bool:
        source = self._rows.source
        if isinstance(source, pa.Table):
            return bool(pc.any(pc.not_equal(source["call_date_source"], _OWN_PATH), min_count=0).as_py())
        return not source.where(F.col("call_date_source") != _OWN_PATH).limit(1).isEmpty()

    def _listed_dates(self) -> list[dt.date]:
        source = self._rows.source
        if isinstance(source, pa.Table):
            return list(pc.unique(source["call_date"]).to_pylist())
        return [row["call_date"] for row in source.select("call_date").distinct().collect()]

    def _look_up(self, known: list[dt.date], dates: Dates) -> None:
        """Finds the recordings that are known under another date, and gives those whose metadata has gone their own."""
        places = self._cluster.of_dates(partial(_places, self._store), known, _PLACES, dates.listed(known))
        if isinstance(self._rows.source, pa.Table) and isinstance(places.source, pa.Table):
            listed = _with_places(self._rows.source, places.source)
            self._rows = self._cluster.rows(listed.select(LISTED.names))
            moved = listed.filter(pc.fill_null(pc.not_equal(listed["known_date"], listed["call_date"]), False))
            self.moves = moved.select(["recording_id", "known_date", "call_date"]).rename_columns(MOVES.names)
        else:
            keeps = (
                F.col(WITHOUT_METADATA)
                & (F.col("known_source") == "metadata")
                & (F.col("call_date_source") == "object_time")
            )
            joined = self._rows.frame().join(places.frame(), "recording_id", "left")
            joined = joined.withColumns(
                {
                    "call_date": F.when(keeps, F.col("known_date")).otherwise(F.col("call_date")),
                    "call_date_source": F.when(keeps, F.col("known_source")).otherwise(F.col("call_date_source")),
                }
            )
            self._rows = self._cluster.rows(joined.select(LISTED.names).persist())
            moved = joined.where(F.col("known_date") != F.col("call_date"))
            self.moves = moved.select("recording_id", "known_date", "call_date").toArrow().rename_columns(MOVES.names)
        if self._scope.dates is not None:  # a move between two dates that the run is not about waits for a full listing
            self.moves = self.moves.filter(
                pc.or_(
                    *(pc.is_in(self.moves[name], pa.array(self._scope.dates, pa.date32())) for name in MOVES.names[1:])
                )
            )


def _places(store: TableStore, date: dt.date) -> pa.Table:
    """Rows of `_PLACES` of one date."""
    rows = store.read_all(RECORDINGS, store.files_of(RECORDINGS, call_date=date), ("recording_id", "call_date_source"))
    known = pa.repeat(pa.scalar(date, pa.date32()), len(rows))
    return pa.table([rows["recording_id"], known, rows["call_date_source"]], schema=_PLACES)


def _with_places(listed: pa.Table, places: pa.Table) -> pa.Table:
    """`listed` with the columns of `_PLACES`; a recording whose metadata has gone keeps the date that it told."""
    order = {name: place for place, name in enumerate(places["recording_id"].to_pylist())}
    at = pa.array([order.get(name) for name in listed["recording_id"].to_pylist()], pa.int64())
    known_date, known_source = (places[name].combine_chunks().take(at) for name in ("known_date", "known_source"))
    keeps = pc.and_(
        pc.and_(listed[WITHOUT_METADATA], pc.fill_null(pc.equal(known_source, "metadata"), False)),
        pc.equal(listed["call_date_source"], "object_time"),
    )
    changed = {
        "call_date": pc.if_else(keeps, known_date, listed["call_date"]),
        "call_date_source": pc.if_else(keeps, known_source, listed["call_date_source"]),
    }
    columns = [changed.get(name, listed[name]) for name in LISTED.names]
    table = pa.Table.from_arrays(
        [column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column for column in columns],
        schema=LISTED,
    )
    return table.append_column("known_date", known_date).append_column("known_source", known_source)


@dataclass(frozen=True)
class _MergeDates:
    """`mapInArrow` over rows of `LISTED` sorted by date."""

    merge: MergeDate
    away: dict[dt.date, set[str]]
    scope: Scope

    def of(self, date: dt.date, listed: pa.Table) -> pa.Table:
        """Rows of `MERGED` of one date."""
        return self.merge(date, listed, self.away.get(date, set()), date in self.scope)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (row for batch in batches for row in batch.to_pylist())
        for date, members in groupby(rows, key=lambda row: row["call_date"]):
            listed = [row for row in members if row["recording_id"] is not None]
            yield from self.of(date, pa.Table.from_pylist(listed, schema=LISTED)).to_batches()
