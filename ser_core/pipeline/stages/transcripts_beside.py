"""Transcripts beside recordings: which exist. No text is read here."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from ser_core.config import Settings
from ser_core.data.storage import Storage, locate

TRANSCRIPT = "transcript"


def with_transcripts(channels: pa.Table, settings: Settings) -> pa.Table:
    """`channels` with `transcript` (uri of the file beside the recording) and `transcript_version`, or nulls.

    Of several files the first of `transcripts.suffixes` counts. Each folder is listed once.

    Args:
        channels: with the column `uri` of the recording.
        settings: of the job.
    """
    uris = channels["uri"].to_pylist()
    beside = dict(_transcripts(sorted(set(uris)), settings))
    names, versions = zip(*(beside.get(uri, (None, None)) for uri in uris), strict=True) if uris else ((), ())
    table = channels.append_column(TRANSCRIPT, pa.array(names, pa.string()))
    return table.append_column("transcript_version", pa.array(versions, pa.string()))


def _transcripts(uris: list[str], settings: Settings) -> Iterator[tuple[str, tuple[str, str]]]:
    endings = tuple(settings.transcripts.suffixes)
    storages: dict[str, Storage] = {}  # by root: a new storage opens a new connection
    folders: dict[tuple[str, str], dict[str, str]] = {}
    for uri in uris:
        storage, key = locate(uri, settings.storage)
        storage = storages.setdefault(storage.uri, storage)
        folder = key[: key.rfind("/") + 1]
        if (storage.uri, folder) not in folders:
            infos = storage.list(folder, recursive=False)
            folders[storage.uri, folder] = {info.key: info.version for info in infos if info.key.endswith(endings)}
        existing = folders[storage.uri, folder]
        for ending in endings:
            if (version := existing.get(_stem(key) + ending)) is not None:
                yield uri, (f"{_stem(uri)}{ending}", version)
                break


def _stem(path: str) -> str:
    """The path without the extension of its last part."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"
