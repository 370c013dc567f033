"""Settings → the reader of a corpus and the root of its recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ser_core.config.base import MB
from ser_core.config.settings import CorpusSettings, StorageSettings
from ser_core.data.storage import locate, open_storage
from ser_core.errors import CorpusError, ObjectMissingError, SettingsError
from ser_core.learning.corpora.base import CorpusReader
from ser_core.learning.corpora.crema_d import RATINGS, CremaDReader
from ser_core.learning.corpora.emodb import EmodbReader
from ser_core.learning.corpora.jl_corpus import JlCorpusReader
from ser_core.learning.corpora.manifest import ManifestReader
from ser_core.learning.corpora.nemo import NemoReader
from ser_core.learning.corpora.ravdess import RavdessReader
from ser_core.learning.corpora.savee import SaveeReader
from ser_core.learning.corpora.tess import TessReader
from ser_core.learning.corpora.unpack import content_id, unpack

_BY_NAMES: Mapping[str, Callable[[], CorpusReader]] = MappingProxyType(
    {
        reader.name: reader
        for reader in (
            RavdessReader,
            CremaDReader,
            EmodbReader,
            SaveeReader,
            TessReader,
            NemoReader,
            JlCorpusReader,
        )
    }
)
"""Readers of corpora with labels in their file names, by kind."""

_MEMORY_BYTES = 64 * MB


class Corpus(NamedTuple):
    """A reader, the root uri of its keys, the corpus's name, and whether commercial use of it is allowed."""

    reader: CorpusReader
    root: str
    name: str
    commercial_use: bool


def corpus_reader(kind: str, data: bytes = b"", name: str = "", root: str = "", language: str = "") -> CorpusReader:
    """The reader of a corpus of this `kind`.

    Args:
        kind: as `corpus.kind`.
        data: the manifest's CSV; for crema-d, its published ratings, where available.
        name: of a manifest corpus.
        root: of a manifest's relative uris.
        language: BCP 47 tag of a manifest's rows that have none.

    Raises:
        CorpusError: the kind is unknown, or `data` has faults.
    """
    if kind == "manifest":
        return ManifestReader(data, name, root, language)
    if kind == CremaDReader.name:
        return CremaDReader(data)
    if kind not in _BY_NAMES:
        raise CorpusError(f"corpus.kind {kind!r} is not known; expected one of {', '.join(_BY_NAMES)}, manifest")
    return _BY_NAMES[kind]()


def open_corpus(settings: CorpusSettings, storage: StorageSettings, cache: Path) -> Corpus:
    """The corpus of the settings. A zip is unpacked once, into a folder of `cache` named by its content.

    Raises:
        SettingsError: `corpus.uri` is not set, or not valid.
        CorpusError: the manifest or the zip cannot be used.
        StorageError: it cannot be read.
    """
    if settings.uri is None:
        raise SettingsError(["corpus.uri is not set: name the corpus's folder, zip or manifest (`ser corpus fetch`)"])
    if settings.kind == "manifest":
        reader, root = _manifest(settings.uri, settings.name, settings.language, storage)
    else:
        zipped = settings.uri.lower().endswith(".zip")
        root = str(_unpacked(settings.uri, storage, cache)) if zipped else settings.uri
        reader = corpus_reader(settings.kind, _ratings(settings.kind, root, storage))
    allowed = reader.commercial_use if settings.commercial_use is None else settings.commercial_use
    return Corpus(reader, root, settings.name or reader.name, allowed)


def _ratings(kind: str, root: str, settings: StorageSettings) -> bytes:
    """The corpus's file of ratings, where it has one in its root; otherwise empty."""
    if kind != CremaDReader.name:
        return b""
    storage = open_storage(root, settings)
    return storage.read(RATINGS) if storage.exists(RATINGS) else b""


def _manifest(uri: str, name: str | None, language: str, settings: StorageSettings) -> tuple[CorpusReader, str]:
    """The reader of a manifest, called `name` or else as its file, and the folder of the file."""
    storage, key = locate(uri, settings)
    try:
        data = storage.read(key)
    except ObjectMissingError as error:
        raise CorpusError(f"There is no manifest at {uri}; expected a CSV file with a header") from error
    folder = storage.uri_of(key).rpartition("/")[0]
    called = name or key.rpartition("/")[2].rpartition(".")[0] or key
    return corpus_reader("manifest", data, called, folder, language), folder


def _unpacked(uri: str, settings: StorageSettings, cache: Path) -> Path:
    storage, key = locate(uri, settings)
    try:
        source = storage.open(key, _MEMORY_BYTES)
    except ObjectMissingError as error:
        raise CorpusError(f"There is no zip at {uri}; `ser corpus fetch ravdess` downloads that of RAVDESS") from error
    with source:
        return unpack(source, cache / f"corpus-{content_id(source)}")
