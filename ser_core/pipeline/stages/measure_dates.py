"""features → the populations of call dates, by line: one pass over the files of those dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.newest import FILE
from ser_core.data.tables.packed import unpacked
from ser_core.data.tables.store import TableStore, conform
from ser_core.learning.training.line_populations import LinePopulations, read_line_populations
from ser_core.pipeline.engine.arrow_map import map_arrow
from ser_core.pipeline.engine.balance import whole_files
from ser_core.pipeline.engine.cluster import Cluster, Rows
from ser_core.pipeline.stages.channel_rows import channel_rows
from ser_core.pipeline.stages.score_plan import CHANNEL, LINE, TO_SCORE
from ser_core.scoring.emotion_tables import vectors

MEASURED = pa.schema([("call_date", pa.date32()), ("populations", pa.binary())])
"""What one task has seen of a date."""

_COLUMNS = ("call_date", LINE, *CHANNEL)
_ROWS_AT_ONCE = 10_000  # vectors that are held before they are added up, some 40 MB
_DRIVER_SEGMENTS = 20_000  # up to so many, the driver is done before Spark has begun


def measure_dates(
    cluster: Cluster, store: TableStore, planned: Rows, dates: Collection[dt.date], dimension: int
) -> dict[dt.date, LinePopulations]:
    """The populations of `dates` that have segments.

    Args:
        cluster: does the work where it is large.
        store: the tables.
        planned: rows of `ser_core.pipeline.stages.score_plan.PLAN`.
        dates: to read.
        dimension: of the vectors.
    """
    chosen, kernel = planned.of_dates(dates), MeasureKernel(store)
    segments = pc.sum(chosen.table("segments")["segments"]).as_py() or 0
    if segments <= _DRIVER_SEGMENTS:
        pieces = [conform(unpacked([piece]), TO_SCORE) for piece in chosen.table("channels")["channels"].to_pylist()]
        channels = pa.concat_tables([TO_SCORE.empty_table(), *pieces]).sort_by(FILE)
        measured = pa.Table.from_batches(list(kernel(channels.to_batches())), schema=MEASURED)
    else:
        dealt = whole_files(chosen.unpacked("channels", TO_SCORE), FILE, "segments")
        measured = map_arrow(dealt, kernel, MEASURED).toArrow()
    parts: dict[dt.date, list[LinePopulations]] = {}
    for row in measured.to_pylist():
        parts.setdefault(row["call_date"], []).append(read_line_populations(row["populations"], dimension)[0])
    return {date: LinePopulations.merged(several) for date, several in parts.items()}


@dataclass(frozen=True)
class MeasureKernel:
    """`mapInArrow` over channels sorted by file: reads each features file once."""

    store: TableStore

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `MEASURED`."""
        sums: dict[dt.date, _Sums] = {}
        wanted = (row for batch in batches for row in batch.to_pylist())
        for file, group in groupby(wanted, key=lambda row: row[FILE]):
            channels = list(group)
            date, line = channels[0]["call_date"], np.array([row[LINE] for row in channels])
            for table, place in channel_rows(self.store, file, channels, ("vector",)):
                recording = np.array(table.column("recording_id").to_pylist())
                sums.setdefault(date, _Sums()).add(vectors(table), line[place], recording)
        rows = [{"call_date": date, "populations": each.all().to_bytes({})} for date, each in sums.items()]
        yield from pa.Table.from_pylist(rows, schema=MEASURED).to_batches()


@dataclass
class _Sums:
    """Vectors of a date that a task has read and not yet added up, and the populations of those before."""

    held: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.str_], npt.NDArray[np.str_]]] = field(default_factory=list)
    before: Sequence[LinePopulations] = ()

    def add(self, X: npt.NDArray[np.float32], line: npt.NDArray[np.str_], recording: npt.NDArray[np.str_]) -> None:
        self.held.append((X, line, recording))
        if sum(len(part[0]) for part in self.held) >= _ROWS_AT_ONCE:
            self.before = [self.all()]
            self.held = []

    def all(self) -> LinePopulations:
        if not self.held:
            return LinePopulations.merged(self.before)
        X, line, recording = (np.concatenate(parts) for parts in zip(*self.held, strict=True))
        return LinePopulations.merged([*self.before, LinePopulations.of(X, line, recording)])
