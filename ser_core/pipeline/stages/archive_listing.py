"""Lists an archive: in the driver's process as long as it is small, else as a Spark job."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.data.archive.archive_manifest import read_manifest
from ser_core.data.archive.identity import metadata_key
from ser_core.data.archive.metadata import read_metadata
from ser_core.data.archive.metadata_files import MetadataFile, MetadataFiles
from ser_core.data.archive.path_pattern import PathPattern
from ser_core.data.archive.pseudonyms import Pseudonyms, read_pseudonyms
from ser_core.data.archive.row_files import is_table_uri
from ser_core.data.storage import check_place, open_storage
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.tombstones import check_secret, kept_from, tombstone_files, tombstones_of
from ser_core.errors import SettingsError
from ser_core.pipeline.engine.arrow_map import map_arrow
from ser_core.pipeline.engine.cluster import Cluster, Rows
from ser_core.pipeline.stages.identified_recordings import (
    IDENTIFIED,
    METADATA,
    TOMBSTONES,
    IdentifyRecordings,
    metadata_text,
)
from ser_core.pipeline.stages.listed_objects import KEYS, OBJECTS, OF_ANY_DAY, OF_DAY, PARTS, ListObjects, plan_parts
from ser_core.pipeline.stages.merge_recordings import LISTED

_FILES = pa.schema([("uri", pa.string()), ("call_date", pa.date32())])
_KEY = "key_of_call"
_ROWS = pa.schema([(_KEY, pa.string()), (METADATA, pa.string())])
_KEYS, _DIGESTS = (pa.schema([(name, pa.string())]) for name in ("key", "digest"))
_PARTS_A_SLOT = 8
_CHUNK = 2_000

Row = Mapping[str, Any]


class ArchiveListing:
    """Lists the recordings of an archive. The constructor checks the settings and that the archive exists.

    Raises:
        SettingsError: the pattern, the manifest or the metadata is wrong, or a secret is needed and missing.
    """

    def __init__(self, settings: Settings) -> None:
        archive = settings.archive
        assert archive.uri is not None, "the job requires archive.uri"  # noqa: S101 - checked by the settings
        self._settings, self._uri = settings, archive.uri
        try:
            self._pattern = PathPattern(archive.pattern) if archive.pattern else None
        except ValueError as error:
            raise SettingsError([f"archive.pattern: {error}"]) from error
        self._metadata = MetadataFiles(archive.metadata, settings.storage) if archive.metadata else None
        self._pseudonyms = read_pseudonyms(settings.privacy)
        self._tables = TableStore(open_storage(settings.tables.uri, settings.storage))
        check_secret(self._tables, self._pseudonyms)
        self._is_manifest = is_table_uri(archive.uri)
        if self._is_manifest:
            next(iter(read_manifest(archive.uri, settings.roles.names, settings.storage)), None)
        else:
            check_place("archive.uri", open_storage(self._uri, settings.storage))

    def listed_below(self, dates: Sequence[dt.date] | None) -> tuple[str, ...] | None:
        """How the uris begin of all that is listed for `dates`; None where the whole archive is."""
        prefixes = self._prefixes(dates)
        storage = open_storage(self._uri, self._settings.storage) if prefixes is not None else None
        return None if storage is None or prefixes is None else tuple(storage.uri_of(prefix) for prefix in prefixes)

    def rows(self, cluster: Cluster, run_id: str, dates: Sequence[dt.date] | None) -> Rows:
        """Rows of `LISTED`: the recordings of `dates`, and all others that are listed with them."""
        identify = IdentifyRecordings(self._settings, self._pattern, self._pseudonyms, run_id)
        files = self._metadata_files(dates)
        objects = self._few_objects(cluster, dates)
        if objects is not None:
            return cluster.rows(self._on_driver(objects, files, identify))
        slots = cluster.session.sparkContext.defaultParallelism
        parts = plan_parts(self._settings, self._prefixes(dates), _PARTS_A_SLOT * slots)
        frame = cluster.session.createDataFrame(pa.Table.from_pylist(parts, schema=PARTS)).repartition(len(parts))
        listed = map_arrow(frame, ListObjects(self._settings, self._pattern, len(parts)), OBJECTS)
        identified = map_arrow(self._joined(cluster, listed, files), identify, IDENTIFIED)
        return cluster.rows(self._not_forgotten(cluster, identified).select(LISTED.names))

    def _few_objects(self, cluster: Cluster, dates: Sequence[dt.date] | None) -> Sequence[Row] | None:
        """Rows of `OBJECTS`; None where they are too many for the driver."""
        most = cluster.driver_rows + 1
        if self._is_manifest:
            entries = read_manifest(self._uri, self._settings.roles.names, self._settings.storage)
            if not cluster.is_small(sum(1 for _ in islice(entries, most))):  # each needs a request of its own
                return None
        parts = plan_parts(self._settings, self._prefixes(dates), 1)
        kernel = ListObjects(self._settings, self._pattern, len(parts))
        objects = list(islice((row for part in parts for row in kernel.objects(part)), most))
        return objects if cluster.is_small(len(objects)) else None

    def _prefixes(self, dates: Sequence[dt.date] | None) -> list[str] | None:
        listed_by_date = self._pattern is not None and dates is not None and not self._is_manifest
        return self._pattern.prefixes(dates) if listed_by_date and self._pattern and dates is not None else None

    def _metadata_files(self, dates: Sequence[dt.date] | None) -> Sequence[MetadataFile]:
        """The files for `dates`. Where the path has no date, the metadata says it, and any file may have a call."""
        if self._metadata is None:
            return []
        return self._metadata.of_dates(dates if self._pattern is not None and self._pattern.has_date else None)

    def _on_driver(
        self, objects: Sequence[Row], files: Sequence[MetadataFile], identify: IdentifyRecordings
    ) -> pa.Table:
        wanted = {row[name] for row in objects for name in KEYS}
        calls: dict[str, list[str]] = defaultdict(list)
        for file in files:
            for row in read_metadata(file, self._settings.roles.names, self._settings.storage):
                key = metadata_key(row.call, self._pattern, self._settings.archive.timezone)
                if key in wanted:
                    calls[key].append(metadata_text(row))
        known = ([text for key in {row[name] for name in KEYS} for text in calls.get(key, ())] for row in objects)
        rows = [identify.row({**row, METADATA: texts}) for row, texts in zip(objects, known, strict=True)]
        table = pa.Table.from_pylist(rows, schema=IDENTIFIED)
        for key in tombstone_files(self._tables):
            forgotten = tombstones_of(self._tables, key, self._pseudonyms)
            for name in TOMBSTONES:
                table = table.filter(pc.invert(pc.is_in(table[name], forgotten)))
        first = kept_from(self._tables)
        kept = table if first is None else table.filter(pc.greater_equal(table["call_date"], pa.scalar(first)))
        return kept.select(LISTED.names)

    def _joined(self, cluster: Cluster, listed: DataFrame, files: Sequence[MetadataFile]) -> DataFrame:
        """The objects with the rows of their calls."""
        if not files:
            return listed.withColumn(METADATA, F.lit(None).cast("array<string>"))
        frame = cluster.session.createDataFrame(pa.Table.from_pylist([f._asdict() for f in files], schema=_FILES))
        read = partial(_read_files, self._settings, self._pattern)
        rows = map_arrow(frame.repartition(len(files)), read, _ROWS)
        calls = rows.groupBy(_KEY).agg(F.collect_list(METADATA).alias(METADATA))
        if self._pattern is None or not self._pattern.has_date:  # both keys of an object are the same
            return listed.join(calls.withColumnRenamed(_KEY, OF_DAY), OF_DAY, "left")
        of_any = calls.withColumnsRenamed({_KEY: OF_ANY_DAY, METADATA: "undated"})
        both = F.concat(*(F.coalesce(name, F.array().cast("array<string>")) for name in (METADATA, "undated")))
        dated = listed.join(calls.withColumnRenamed(_KEY, OF_DAY), OF_DAY, "left")
        return dated.join(of_any, OF_ANY_DAY, "left").withColumn(METADATA, both)

    def _not_forgotten(self, cluster: Cluster, identified: DataFrame) -> DataFrame:
        """The recordings without a tombstone, of dates that are kept."""
        first, keys = kept_from(self._tables), tombstone_files(self._tables)
        if first is not None:
            identified = identified.where(F.col("call_date") >= F.lit(first))
        if not keys:
            return identified
        frame = cluster.session.createDataFrame(pa.table([keys], schema=_KEYS)).repartition(len(keys))
        digests = map_arrow(frame, partial(_read_tombstones, self._tables, self._pseudonyms), _DIGESTS)
        for name in TOMBSTONES:
            identified = identified.join(digests.withColumnRenamed("digest", name), name, "left_anti")
        return identified


def _read_files(
    settings: Settings, pattern: PathPattern | None, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Rows of `_ROWS`, for rows of `_FILES`."""
    timezone = settings.archive.timezone
    for batch in batches:
        for file in batch.to_pylist():
            read = read_metadata(MetadataFile(**file), settings.roles.names, settings.storage)
            rows = ({_KEY: metadata_key(row.call, pattern, timezone), METADATA: metadata_text(row)} for row in read)
            while chunk := list(islice(rows, _CHUNK)):
                yield from pa.Table.from_pylist(chunk, schema=_ROWS).to_batches()


def _read_tombstones(
    store: TableStore, pseudonyms: Pseudonyms | None, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Rows of `_DIGESTS`, for rows of `_KEYS`."""
    for batch in batches:
        for key in batch.column(0).to_pylist():
            yield pa.RecordBatch.from_arrays([tombstones_of(store, key, pseudonyms)], schema=_DIGESTS)
