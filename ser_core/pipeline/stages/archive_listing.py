"""Lists an archive as a Spark job: the driver holds names of folders, tasks hold names of recordings."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession

from ser_core.config import Settings
from ser_core.data.archive.archive_manifest import ManifestEntry, entry_info, read_manifest
from ser_core.data.archive.identity import Identity, Recording, identify
from ser_core.data.archive.metadata import CallMetadata, read_metadata
from ser_core.data.archive.path_pattern import PathPattern
from ser_core.data.archive.prefixes import Prefix, list_part, plan_prefixes
from ser_core.data.archive.pseudonyms import Pseudonyms, read_pseudonyms
from ser_core.data.archive.row_files import is_table_uri
from ser_core.data.storage import ObjectInfo, open_storage
from ser_core.data.tables.schemas import RECORDINGS, SCHEMA_VERSION
from ser_core.data.tables.store import TableStore
from ser_core.data.upkeep.tombstones import read_tombstones
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, Reason, SettingsError, StorageError
from ser_core.pipeline.engine.scan import map_arrow

REASON = "reason"
_LISTED = RECORDINGS.schema.append(pa.field(REASON, pa.string()))
_PARTS = pa.schema([("part", pa.int32()), ("prefix", pa.string()), ("recursive", pa.bool_())])
_PARTS_A_SLOT = 8
_MAX_DEPTH = 4
_CHUNK = 2_000

Metadata = dict[str, CallMetadata]


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
        self._calls = read_metadata(archive.metadata, settings.storage) if archive.metadata else {}
        self._pseudonyms = read_pseudonyms(settings.privacy)
        tables = TableStore(open_storage(settings.tables.uri, settings.storage))
        self._forgotten = read_tombstones(tables, self._pseudonyms)
        self._is_manifest = is_table_uri(archive.uri)
        if self._is_manifest:
            next(iter(read_manifest(archive.uri, settings.storage)), None)
        else:
            _check_root(self._uri, settings)

    def rows(self, session: SparkSession, run_id: str) -> DataFrame:
        """The columns of `recordings`, and `reason`: why a recording cannot be used, or null."""
        parts = self._parts(_PARTS_A_SLOT * session.sparkContext.defaultParallelism)
        frame = session.createDataFrame(pa.Table.from_pylist(parts, schema=_PARTS)).repartition(len(parts))
        calls = session.sparkContext.broadcast(self._calls)
        forgotten = session.sparkContext.broadcast(self._forgotten)
        privacy = _Privacy(self._pseudonyms, self._settings.privacy.hash_ids, forgotten)
        kernel = _ListKernel(self._settings, self._pattern, calls, len(parts), self._is_manifest, privacy, run_id)
        return map_arrow(frame, kernel, _LISTED)

    def _parts(self, at_least: int) -> list[Mapping[str, Any]]:
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
class _Privacy:
    """Leaves out forgotten recordings, and hides names where `hash_ids` is set."""

    pseudonyms: Pseudonyms | None
    hash_ids: bool
    forgotten: Broadcast[frozenset[str]]

    def __call__(self, recording: Recording) -> Recording | None:
        hashed = self.pseudonyms
        if hashed is None:
            return recording
        if self.forgotten.value:
            tombstones = hashed.tombstone("recording", recording.recording_id), hashed.of_call(recording.call_id)
            if not self.forgotten.value.isdisjoint(tombstones):
                return None
        return hashed.hidden(recording) if self.hash_ids else recording


@dataclasses.dataclass(frozen=True)
class _ListKernel:
    """`mapInArrow` over parts of the archive: lists each and identifies its recordings."""

    settings: Settings
    pattern: PathPattern | None
    calls: Broadcast[Metadata]
    parts: int
    is_manifest: bool
    privacy: _Privacy
    run_id: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for part in batch.to_pylist():
                every = self._manifest(part["part"]) if self.is_manifest else self._list(part)
                kept = (row for row in every if row is not None)
                while chunk := list(islice(kept, _CHUNK)):
                    yield from pa.Table.from_pylist(chunk, schema=_LISTED).to_batches()

    def _list(self, part: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
        storage = open_storage(str(self.settings.archive.uri), self.settings.storage)
        for info in list_part(storage, Prefix(part["prefix"], part["recursive"]), self.settings.archive.extensions):
            yield self._row(info, storage.uri_of(info.key), None, None)

    def _manifest(self, part: int) -> Iterator[Mapping[str, Any] | None]:
        entries = read_manifest(str(self.settings.archive.uri), self.settings.storage)
        for entry in islice(entries, part, None, self.parts):
            info, reason = _look_up(entry, self.settings)
            yield self._row(info, entry.uri, entry.metadata, reason)

    def _row(
        self, info: ObjectInfo, uri: str, row: CallMetadata | None, reason: Reason | None
    ) -> Mapping[str, Any] | None:
        archive = self.settings.archive
        identity: Identity = identify(info, uri, archive=archive, pattern=self.pattern, row=row, calls=self.calls.value)
        recording = self.privacy(identity.recording)
        if recording is None:
            return None
        columns = dataclasses.asdict(recording)
        columns["extra"] = list(columns["extra"].items())
        refusal = reason or identity.refusal
        return {
            **columns,
            "run_id": self.run_id,
            "schema_version": SCHEMA_VERSION,
            REASON: refusal.value if refusal else None,
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
