"""Archives that are a manifest: a CSV or Parquet file with a column `uri` and any metadata."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ser_core.config.settings import StorageSettings
from ser_core.data.archive.metadata import CallMetadata, parse_metadata
from ser_core.data.archive.role_words import RoleNames
from ser_core.data.archive.row_files import read_rows
from ser_core.data.storage import ObjectInfo, locate, open_storage
from ser_core.data.storage.locate import has_scheme
from ser_core.errors import SettingsError


@dataclass(frozen=True)
class ManifestEntry:
    """One recording of a manifest. `key` is relative to the manifest's folder; outside of it, it is the whole uri."""

    key: str
    uri: str
    metadata: CallMetadata
    values: Mapping[str, str]


def read_manifest(
    uri: str, names: RoleNames, settings: StorageSettings, part: int = 0, parts: int = 1
) -> Iterator[ManifestEntry]:
    """The entries of a manifest, in its order; only the manifest itself is opened.

    Of several `parts`, an entry is in that of its uri, so that nobody holds the names of all.

    Raises:
        SettingsError: no column `uri`, a row without a uri or with that of an earlier row, values that cannot be read.
    """
    folder = open_storage(uri.rpartition("/")[0] or ("/" if uri.startswith("/") else "."), settings)
    seen: set[str] = set()
    for number, row in read_rows(uri, "uri", settings):
        named = row.pop("uri", "")
        whole = named if has_scheme(named) or named.startswith("/") else folder.uri_of(named.removeprefix("./"))
        if zlib.crc32(whole.encode()) % parts != part:
            continue
        try:
            if not named or whole in seen:
                raise ValueError(f"has the uri {named!r} of an earlier row" if named else "has no uri")
            entry = ManifestEntry(folder.key_of(whole) or whole, whole, parse_metadata(row, names), row)
        except ValueError as error:
            raise SettingsError([f"{uri}, row {number}: {error}"]) from error
        seen.add(whole)
        yield entry


def entry_info(entry: ManifestEntry, settings: StorageSettings) -> ObjectInfo:
    """Size, time and etag of an entry's object, under the entry's key.

    Raises:
        ObjectMissingError, ObjectForbiddenError: the object does not exist or may not be read.
        SettingsError: the uri names no object of a known kind of storage.
        StorageError: the storage cannot be used.
    """
    if entry.key != entry.uri:  # a relative uri is confined to the manifest's folder
        return open_storage(entry.uri.removesuffix(f"/{entry.key}"), settings).info(entry.key)
    storage, key = locate(entry.uri, settings)
    return storage.info(key)._replace(key=entry.key)
