"""Lists an archive: in the driver's process as long as it is small, else as a Spark job."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.data.archive.archive_manifest import ManifestEntry, entry_info, read_manifest
from ser_core.data.archive.identity import call_id_of, identify
from ser_core.data.archive.metadata import CallMetadata, metadata_uris, parse_metadata, read_metadata
from ser_core.data.archive.path_pattern import PathPattern
from ser_core.data.archive.prefixes import Prefix, list_part, plan_prefixes
from ser_core.data.archive.pseudonyms import Pseudonyms, read_pseudonyms
from ser_core.data.archive.row_files import is_table_uri
from ser_core.data.storage import ObjectInfo, open_storage
from ser_core.data.tables.schemas import SCHEMA_VERSION
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.tombstones import read_tombstones
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, Reason, SettingsError, StorageError
from ser_core.pipeline.engine.arrow_map import map_arrow
from ser_core.pipeline.engine.cluster import Cluster, Rows
from ser_core.pipeline.stages.merge_recordings import LISTED, REASON, WITHOUT_METADATA

_PARTS = pa.schema([("part", pa.int32()), ("prefix", pa.string()), ("recursive", pa.bool_())])
_OBJECTS = pa.schema(
    [
        ("key", pa.string()),
        ("uri", pa.string()),
        ("size_bytes", pa.int64()),
        ("modified_at", pa.timestamp("us", tz="UTC")),
        ("etag", pa.string()),
        *((name, pa.string()) for name in ("manifest_row", REASON, "join_id")),
    ]
)
_METADATA = pa.schema([("join_id", pa.string()), ("metadata", pa.string())])
_PARTS_A_SLOT = 8
_MAX_DEPTH = 4
_CHUNK = 2_000

Row = Mapping[str, Any]


class ArchiveListing:
    """The part of an archive to list. The constructor checks the settings and that the archive exists.

    Raises:
        SettingsError: the pattern, the manifest or the metadata file is wrong, or a secret is needed and missing.
    """

    def __init__(self, settings: Settings, dates: Sequence[dt.date] | None) -> None:
        archive = settings.archive
        assert archive.uri is not None, "the job requires archive.uri"  # noqa: S101 - checked by the settings
        self._settings, self._dates, self._uri = settings, dates, archive.uri
        try:
            self._pattern = PathPattern(archive.pattern) if archive.pattern else None
        except ValueError as error:
            raise SettingsError([f"archive.pattern: {error}"]) from error
        self._metadata = metadata_uris(archive.metadata, dates, settings.storage) if archive.metadata else []
        pseudonyms = read_pseudonyms(settings.privacy)
        tables = TableStore(open_storage(settings.tables.uri, settings.storage))
        forgotten = read_tombstones(tables, pseudonyms)
        self._is_manifest = is_table_uri(archive.uri)
        self._identify = _Identify(settings, self._pattern, pseudonyms, forgotten)
        if self._is_manifest:
            next(iter(read_manifest(archive.uri, settings.roles.names, settings.storage)), None)
        else:
            _check_root(self._uri, settings)

    def rows(self, cluster: Cluster, run_id: str) -> Rows:
        """Rows of `LISTED`."""
        parts = self._parts(1)
        kernel = _ListObjects(self._settings, self._pattern, len(parts), self._is_manifest)
        objects = list(islice((row for part in parts for row in kernel.objects(part)), cluster.driver_rows + 1))
        if cluster.is_small(len(objects)):
            return cluster.rows(self._on_driver(objects, run_id))
        parts = self._parts(_PARTS_A_SLOT * cluster.session.sparkContext.defaultParallelism)
        kernel = _ListObjects(self._settings, self._pattern, len(parts), self._is_manifest)
        frame = cluster.session.createDataFrame(pa.Table.from_pylist(parts, schema=_PARTS)).repartition(len(parts))
        listed = map_arrow(frame, kernel, _OBJECTS)
        files = pa.table({"uri": pa.array(self._metadata, pa.string())})
        rows = map_arrow(cluster.session.createDataFrame(files), partial(_read_metadata, self._settings), _METADATA)
        calls = rows.groupBy("join_id").agg(F.collect_list("metadata").alias("metadata"))
        joined = listed.join(calls, "join_id", "left")
        return cluster.rows(map_arrow(joined, partial(_identified, self._identify, run_id), LISTED))

    def _on_driver(self, objects: Sequence[Row], run_id: str) -> pa.Table:
        wanted = {row["join_id"] for row in objects}
        calls: dict[str, list[str]] = defaultdict(list)
        for uri in self._metadata:
            for call_id, values in read_metadata(uri, self._settings.roles.names, self._settings.storage):
                if call_id in wanted:
                    calls[call_id].append(json.dumps(values))
        rows = (self._identify({**row, "metadata": calls.get(row["join_id"])}, run_id) for row in objects)
        return pa.Table.from_pylist([row for row in rows if row is not None], schema=LISTED)

    def _parts(self, at_least: int) -> list[Row]:
        if self._is_manifest:
            return [{"part": number, "prefix": "", "recursive": True} for number in range(at_least)]
        prefixes = self._pattern.prefixes(self._dates) if self._pattern and self._dates is not None else None
        storage = open_storage(self._uri, self._settings.storage)
        planned = plan_prefixes(storage, prefixes, at_least, _MAX_DEPTH)
        return [{"part": n, "prefix": p.prefix, "recursive": p.recursive} for n, p in enumerate(planned)]


def _check_root(uri: str, settings: Settings) -> None:
    try:
        open_storage(uri, settings.storage).check()
    except StorageError as error:
        raise SettingsError([f"archive.uri: {error}"]) from error


@dataclasses.dataclass(frozen=True)
class _ListObjects:
    """`mapInArrow` over parts of the archive: rows of `_OBJECTS`."""

    settings: Settings
    pattern: PathPattern | None
    parts: int
    is_manifest: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for part in batch.to_pylist():
                rows = self.objects(part)
                while chunk := list(islice(rows, _CHUNK)):
                    yield from pa.Table.from_pylist(chunk, schema=_OBJECTS).to_batches()

    def objects(self, part: Row) -> Iterator[Row]:
        """The objects of a part, one by one."""
        archive, storage_settings = self.settings.archive, self.settings.storage
        if self.is_manifest:
            entries = read_manifest(str(archive.uri), self.settings.roles.names, storage_settings)
            for entry in islice(entries, part["part"], None, self.parts):
                info, reason = _look_up(entry, self.settings)
                values = dict(entry.values)
                yield self._row(info, entry.uri, json.dumps(values), entry.metadata, reason)
            return
        storage = open_storage(str(archive.uri), storage_settings)
        for info in list_part(storage, Prefix(part["prefix"], part["recursive"]), archive.extensions):
            yield self._row(info, storage.uri_of(info.key), None, None, None)

    def _row(
        self, info: ObjectInfo, uri: str, manifest_row: str | None, metadata: CallMetadata | None, reason: Reason | None
    ) -> Row:
        return {
            **info._asdict(),
            "uri": uri,
            "manifest_row": manifest_row,
            REASON: reason.value if reason else None,
            "join_id": call_id_of(info.key, self.pattern, metadata),
        }


def _look_up(entry: ManifestEntry, settings: Settings) -> tuple[ObjectInfo, Reason | None]:
    """Object and refusal of an entry. An entry without an object is listed too, and refused: nothing disappears."""
    try:
        return entry_info(entry, settings.storage), None
    except ObjectMissingError:
        reason = Reason.MISSING
    except ObjectForbiddenError:
        reason = Reason.FORBIDDEN
    return ObjectInfo(entry.key, 0, dt.datetime.now(dt.UTC), reason.value), reason


@dataclasses.dataclass(frozen=True)
class _Identify:
    """Names recordings, leaves forgotten ones out, and hides names where `privacy.hash_ids` is set."""

    settings: Settings
    pattern: PathPattern | None
    pseudonyms: Pseudonyms | None
    forgotten: frozenset[str]

    def __call__(self, row: Row, run_id: str) -> Row | None:
        """A row of `LISTED`, or None."""
        info = ObjectInfo(row["key"], row["size_bytes"], row["modified_at"], row["etag"])
        names = self.settings.roles.names
        manifest = None if row["manifest_row"] is None else parse_metadata(json.loads(row["manifest_row"]), names)
        calls = [parse_metadata(json.loads(text), names) for text in row["metadata"] or ()]
        archive = self.settings.archive
        identity = identify(info, row["uri"], archive=archive, pattern=self.pattern, row=manifest, calls=calls)
        recording = identity.recording
        if self.pseudonyms is not None:
            if self.forgotten and not self.forgotten.isdisjoint(self.pseudonyms.of_recording(recording)):
                return None
            recording = self.pseudonyms.hidden(recording) if self.settings.privacy.hash_ids else recording
        columns = dataclasses.asdict(recording)
        columns["extra"] = list(columns["extra"].items())
        return {
            **columns,
            "run_id": run_id,
            "schema_version": SCHEMA_VERSION,
            REASON: row[REASON] or (identity.refusal.value if identity.refusal else None),
            WITHOUT_METADATA: archive.metadata is not None and not identity.in_metadata,
        }


def _identified(identify_row: _Identify, run_id: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = (identify_row(row, run_id) for row in batch.to_pylist())
        kept = (row for row in rows if row is not None)
        while chunk := list(islice(kept, _CHUNK)):
            yield from pa.Table.from_pylist(chunk, schema=LISTED).to_batches()


def _read_metadata(settings: Settings, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for uri in batch.column(0).to_pylist():
            rows = (
                {"join_id": call_id, "metadata": json.dumps(values)}
                for call_id, values in read_metadata(uri, settings.roles.names, settings.storage)
            )
            while chunk := list(islice(rows, _CHUNK)):
                yield from pa.Table.from_pylist(chunk, schema=_METADATA).to_batches()
