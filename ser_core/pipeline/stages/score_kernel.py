"""The kernel of scoring: files of `features` → packed rows, and a profile of each date.

Spark moves one row of bytes for all segments of a date and bucket that a task holds, instead of one row per segment.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, Broadcast

from ser_core.config import Settings
from ser_core.data.tables.newest import FILE
from ser_core.data.tables.packed import packed
from ser_core.data.tables.store import TableStore, bucket_of
from ser_core.learning.training.bundle import BundleBytes, Model, load_model
from ser_core.learning.training.bundle_content import MANIFEST
from ser_core.pipeline.engine.publish import BUCKET, spans
from ser_core.pipeline.stages.channel_rows import channel_rows
from ser_core.pipeline.stages.lexical import Lexical
from ser_core.pipeline.stages.score_plan import CARRIED, LINE
from ser_core.scoring.drift import feature_bins, feature_histograms, feature_places
from ser_core.scoring.emotion_tables import SEGMENT_ROWS, SegmentRules, segment_table, vectors
from ser_core.scoring.profile import CONFIDENCE_BINS, NO_EMOTION, PROFILED_FEATURES, Profile, added

ROWS, PROFILE = "rows", "profile"
PACKED = pa.schema([("call_date", pa.date32()), (BUCKET, pa.int32()), (ROWS, pa.binary()), (PROFILE, pa.string())])
"""A row holds either the `rows` of a bucket (`packed`), or the `profile` of the segments of a date from one task."""

_COLUMNS = ("segment_no", "start_s", "end_s", "vector")
_FLUSH_ROWS = 50_000  # scored segments held before they are packed, some 15 MB

Bins = npt.NDArray[np.uint8]

_models: dict[bytes, Model] = {}


def _model(bundle: BundleBytes) -> Model:
    """The audited model, loaded once per worker. Kept by its manifest: two places may have one of the same name."""
    manifest = bundle.files[MANIFEST]
    if manifest not in _models:
        _models.clear()
        _models[manifest] = load_model(bundle)
    return _models[manifest]


@dataclass(frozen=True)
class ScoreKernel:
    """`mapInArrow` over channels sorted by file: reads each features file once, some recordings at a time."""

    settings: Settings
    store: TableStore
    bundle: Broadcast[BundleBytes]
    rules: SegmentRules
    broken: Accumulator[int]
    run_id: str
    now: dt.datetime
    buckets: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `PACKED`."""
        scored = _Scored(_model(self.bundle.value))
        wanted = (row for batch in batches for row in batch.to_pylist())
        for file, channels in groupby(wanted, key=lambda row: row[FILE]):
            for features in self._features(file, list(channels)):
                scored.add(segment_table(features, scored.model, self.rules, self.run_id, self.now), features)
                if scored.count >= _FLUSH_ROWS:
                    yield from scored.flush()
        yield from scored.flush()
        yield from scored.profiles()

    def _features(self, file: str, channels: Sequence[Mapping[str, Any]]) -> Iterator[pa.Table]:
        """Segments of `channels`, a recording's in one table, with the other columns that `segment_table` needs."""
        carried = {name: pa.array([row[name] for row in channels], SEGMENT_ROWS.field(name).type) for name in CARRIED}
        carried[LINE] = pa.array([row[LINE] for row in channels]).dictionary_encode()
        carried[BUCKET] = pa.array([bucket_of(row["call_id"], self.buckets) for row in channels], pa.int32())
        lexical = Lexical(self.settings, self.broken) if self.settings.transcripts.enabled else None
        for table, place in channel_rows(self.store, file, channels, _COLUMNS):
            for name, values in carried.items():
                table = table.append_column(name, values.take(pa.array(place)))  # noqa: PLW2901
            if lexical is not None:
                words = lexical.valence(table, [channels[i] for i in np.unique(place)])
                table = table.append_column("text_valence", words)  # noqa: PLW2901
            yield table


@dataclass
class _Scored:
    """Segments that a task has scored and not yet yielded, and the profile of each of its dates."""

    model: Model
    tables: list[pa.Table] = field(default_factory=list)
    bins: list[Bins] = field(default_factory=list)
    count: int = 0
    by_date: dict[dt.date, Profile] = field(default_factory=dict)

    def add(self, scored: pa.Table, features: pa.Table) -> None:
        """Adds scored rows, and the bins of some of their features."""
        places, population = self._places(), self.model.population
        values = vectors(features)[:, places]
        self.bins.append(feature_bins(values, population.mean[places], population.deviation[places]))
        self.tables.append(scored)
        self.count += len(scored)

    def flush(self) -> Iterator[pa.RecordBatch]:
        """A row per date and bucket."""
        if not self.count:
            return
        table, bins = pa.concat_tables(self.tables).combine_chunks(), np.concatenate(self.bins)
        day, bucket = (table.column(name).cast(pa.int32()).to_numpy() for name in ("call_date", BUCKET))
        order = np.lexsort((bucket, day))
        table, bins, day, bucket = table.take(pa.array(order)), bins[order], day[order], bucket[order]
        for start, end in spans(day):
            date, piece = table.column("call_date")[start].as_py(), table.slice(start, end - start)
            profile = self._profile(date, piece, bins[start:end])
            self.by_date[date] = added(self.by_date[date], profile) if date in self.by_date else profile
        for start, end in spans(day, bucket):
            row = {"call_date": table.column("call_date")[start].as_py(), BUCKET: int(bucket[start])}
            row[ROWS] = packed(table.slice(start, end - start))
            yield pa.RecordBatch.from_pylist([row], schema=PACKED)
        self.tables, self.bins, self.count = [], [], 0

    def profiles(self) -> Iterator[pa.RecordBatch]:
        """A row per date."""
        rows = [{"call_date": date, PROFILE: profile.to_json().decode()} for date, profile in self.by_date.items()]
        yield from pa.Table.from_pylist(rows, schema=PACKED).to_batches()

    def _profile(self, date: dt.date, rows: pa.Table, bins: Bins) -> Profile:
        names = [self.model.feature_names[place] for place in self._places()]
        tenths = np.minimum(
            (rows.column("confidence").to_numpy() * CONFIDENCE_BINS).astype(np.intp), CONFIDENCE_BINS - 1
        )
        return Profile(
            date,
            segments=len(rows),
            labels=dict(Counter(name or NO_EMOTION for name in rows.column("emotion").to_pylist())),
            confidence=np.bincount(tenths, minlength=CONFIDENCE_BINS).tolist(),
            familiarity=_mean(rows.column("familiarity")),
            features=dict(zip(names, feature_histograms(bins).tolist(), strict=True)),
        )

    def _places(self) -> npt.NDArray[np.intp]:
        return feature_places(len(self.model.feature_names), PROFILED_FEATURES)


def _mean(values: pa.ChunkedArray) -> float | None:
    """None without values."""
    mean = pc.mean(values).as_py()
    return None if mean is None else float(mean)
