"""From settings to the reader of a corpus and the root of its recordings."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ser_core.config.settings import CorpusSettings, StorageSettings
from ser_core.corpora.base import CorpusReader
from ser_core.corpora.manifest import ManifestReader
from ser_core.corpora.ravdess import RavdessReader
from ser_core.corpora.unpack import content_id, unpack
from ser_core.errors import CorpusError, ObjectMissingError, SettingsError
from ser_core.storage import locate

_MEMORY_BYTES = 64 * 2**20


class Corpus(NamedTuple):
    """A reader, and the uri its keys are relative to."""

    reader: CorpusReader
    root: str


def corpus_reader(kind: str, manifest: bytes = b"", name: str = "", root: str = "", language: str = "") -> CorpusReader:
    """The reader of a corpus of this `kind`: `ravdess`, or `manifest` with the CSV's bytes, a name for the corpus, the
    root its uris are relative to, and the BCP 47 language tag of rows that have none.

    Raises:
        CorpusError: no such kind, or a manifest with faults.
    """
    if kind == "ravdess":
        return RavdessReader()
    if kind == "manifest":
        return ManifestReader(manifest, name, root, language)
    raise CorpusError(f"corpus.kind {kind!r} is not known; there are ravdess, manifest")


def open_corpus(settings: CorpusSettings, storage: StorageSettings, cache: Path) -> Corpus:
    """The corpus that the settings name. A zip is unpacked once, into a folder of `cache` named by its content.

    Raises:
        SettingsError: no `corpus.uri`, or one that names nothing.
        CorpusError: the manifest or the zip cannot be used.
        StorageError: it cannot be read.
    """
    if settings.uri is None:
        raise SettingsError(["corpus.uri is not set: name the corpus's folder, zip or manifest (`ser corpus fetch`)"])
    if settings.kind == "manifest":
        return _manifest(settings.uri, settings.language, storage)
    if settings.uri.lower().endswith(".zip"):
        return Corpus(corpus_reader(settings.kind), str(_unpacked(settings.uri, storage, cache)))
    return Corpus(corpus_reader(settings.kind), settings.uri)


def _manifest(uri: str, language: str, settings: StorageSettings) -> Corpus:
    storage, key = locate(uri, settings)
    try:
        data = storage.read(key)
    except ObjectMissingError as error:
        raise CorpusError(f"There is no manifest at {uri}; expected a CSV file with a header") from error
    folder = storage.uri_of(key).rpartition("/")[0]
    name = key.rpartition("/")[2].rpartition(".")[0] or key
    return Corpus(corpus_reader("manifest", data, name, folder, language), folder)


def _unpacked(uri: str, settings: StorageSettings, cache: Path) -> Path:
    storage, key = locate(uri, settings)
    try:
        source = storage.open(key, _MEMORY_BYTES)
    except ObjectMissingError as error:
        raise CorpusError(f"There is no zip at {uri}; `ser corpus fetch ravdess` brings it") from error
    with source:
        return unpack(source, cache / f"corpus-{content_id(source)}")
