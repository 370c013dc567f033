"""The objects of an archive: `mapInArrow` over parts of a folder, a bucket or a manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from ser_core.config import Settings
from ser_core.data.archive.archive_manifest import ManifestEntry, entry_info, read_manifest
from ser_core.data.archive.identity import metadata_keys
from ser_core.data.archive.metadata import CallMetadata
from ser_core.data.archive.path_pattern import PathPattern
from ser_core.data.archive.prefixes import Prefix, list_part, plan_prefixes
from ser_core.data.archive.row_files import is_table_uri
from ser_core.data.storage import ObjectInfo, locate, open_storage
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, Reason
from ser_core.pipeline.stages.merge_recordings import REASON

OF_DAY, OF_ANY_DAY = KEYS = ("of_day", "of_any_day")
PARTS = pa.schema([("part", pa.int32()), ("prefix", pa.string()), ("recursive", pa.bool_())])
"""A part of an archive; of a manifest the entries of that part (`read_manifest`)."""
OBJECTS = pa.schema(
    [
        ("key", pa.string()),
        ("uri", pa.string()),
        ("size_bytes", pa.int64()),
        ("modified_at", pa.timestamp("us", tz="UTC")),
        ("etag", pa.string()),
        *((name, pa.string()) for name in ("manifest_row", REASON, *KEYS)),
    ]
)
"""An object, and the keys by which its metadata is joined (`metadata_keys`)."""

_MAX_DEPTH = 4
_CHUNK = 2_000
_LOOKUPS = 16  # requests at once for the objects of a manifest

Row = Mapping[str, Any]


def plan_parts(settings: Settings, prefixes: Sequence[str] | None, at_least: int) -> list[Row]:
    """Rows of `PARTS` that together are the archive, or what begins with one of `prefixes`."""
    uri = str(settings.archive.uri)
    if is_table_uri(uri):
        return [{"part": number, "prefix": "", "recursive": True} for number in range(at_least)]
    planned = plan_prefixes(open_storage(uri, settings.storage), prefixes, at_least, _MAX_DEPTH)
    return [{"part": n, "prefix": part.prefix, "recursive": part.recursive} for n, part in enumerate(planned)]


@dataclass(frozen=True)
class ListObjects:
    """Lists parts of the archive. Picklable.

    Attributes:
        settings: of the job.
        pattern: of the paths; None where there is none.
        parts: how many parts there are.
    """

    settings: Settings
    pattern: PathPattern | None
    parts: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `OBJECTS`, for rows of `PARTS`."""
        for batch in batches:
            for part in batch.to_pylist():
                rows = self.objects(part)
                while chunk := list(islice(rows, _CHUNK)):
                    yield from pa.Table.from_pylist(chunk, schema=OBJECTS).to_batches()

    def objects(self, part: Row) -> Iterator[Row]:
        """The objects of a part, one by one."""
        archive, storage_settings = self.settings.archive, self.settings.storage
        uri = str(archive.uri)
        if is_table_uri(uri):
            yield from self._entries(uri, part["part"])
            return
        storage = open_storage(uri, storage_settings)
        for info in list_part(storage, Prefix(part["prefix"], part["recursive"]), archive.extensions):
            yield self._row(info, storage.uri_of(info.key), None, None, None)

    def _entries(self, uri: str, part: int) -> Iterator[Row]:
        """Entries of the manifest. Each needs a request of its own, so several are made at once."""
        storage, key = locate(uri, self.settings.storage)
        listed = storage.info(key)
        entries = read_manifest(uri, self.settings.roles.names, self.settings.storage, part, self.parts)
        with ThreadPoolExecutor(_LOOKUPS) as pool:
            while chunk := list(islice(entries, _CHUNK)):
                for entry, (info, reason) in zip(
                    chunk, pool.map(lambda entry: self._look_up(entry, listed), chunk), strict=True
                ):
                    yield self._row(info, entry.uri, json.dumps(dict(entry.values)), entry.metadata, reason)

    def _look_up(self, entry: ManifestEntry, manifest: ObjectInfo) -> tuple[ObjectInfo, Reason | None]:
        """Object and refusal of an entry. An entry without an object is listed too, and refused: nothing disappears.
        Its time is that of the manifest, which stays the same until there is another manifest."""
        try:
            return entry_info(entry, self.settings.storage), None
        except ObjectMissingError:
            reason = Reason.MISSING
        except ObjectForbiddenError:
            reason = Reason.FORBIDDEN
        return ObjectInfo(entry.key, 0, manifest.modified_at, reason.value), reason

    def _row(
        self, info: ObjectInfo, uri: str, manifest_row: str | None, metadata: CallMetadata | None, reason: Reason | None
    ) -> Row:
        keys = metadata_keys(info.key, self.pattern, metadata, self.settings.archive.timezone)
        return {
            **info._asdict(),
            **dict(zip(KEYS, keys, strict=True)),
            "uri": uri,
            "manifest_row": manifest_row,
            REASON: reason.value if reason else None,
        }
