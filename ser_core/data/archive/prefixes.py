"""Parts of an archive, each of which a task can list."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ser_core.data.storage import ObjectInfo, Storage


class Prefix(NamedTuple):
    """A part of an archive: keys that begin with `prefix`; unless `recursive`, only those with no further `/`."""

    prefix: str
    recursive: bool


def plan_prefixes(storage: Storage, prefixes: Sequence[str] | None, at_least: int, max_depth: int) -> list[Prefix]:
    """Parts whose listings together are the listing of `prefixes` (None: of everything), each object once.

    Splits one level of folders at a time, until there are `at_least` parts, `max_depth` levels are split, or no folders
    are left. Only names of folders are held in memory.

    Raises:
        StorageError: the archive's root does not exist or may not be listed.
    """
    storage.check()
    done: list[Prefix] = []
    level = _outermost(prefixes if prefixes is not None else [""])
    for _ in range(max_depth):
        if not level or len(done) + len(level) >= at_least:
            break
        below: list[str] = []
        for prefix in level:
            children = [child for child in storage.children(prefix) if not _is_hidden(child)]
            done.append(Prefix(prefix, recursive=False))
            below += children
        level = below
    return done + [Prefix(prefix, recursive=True) for prefix in level]


def list_part(storage: Storage, part: Prefix, extensions: Collection[str]) -> Iterator[ObjectInfo]:
    """The recordings of one part, in the order of their keys.

    A recording's key has one of `extensions` (without dot, any case; all keys where there are none). No part of it
    begins with `.` or `_`: systems name unfinished and internal files so.
    """
    wanted = {extension.lower() for extension in extensions}
    for info in storage.list(part.prefix, part.recursive):
        stem, dot, extension = info.key.rpartition("/")[2].rpartition(".")
        if not _is_hidden(info.key) and (not wanted or (stem and dot and extension.lower() in wanted)):
            yield info


def _is_hidden(key: str) -> bool:
    return any(part.startswith((".", "_")) for part in key.split("/"))


def _outermost(prefixes: Sequence[str]) -> list[str]:
    """Sorted, without prefixes that begin with another."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept
