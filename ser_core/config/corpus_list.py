"""The one corpus or the list of several: which of the two a source sets, and the settings of each corpus."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ser_core.config.corpus_settings import CorpusSettings
from ser_core.config.settings import Settings
from ser_core.errors import SettingsError

_OF_ONE = ("kind", "uri", "name", "language", "commercial_use")
"""Keys of the section `corpus` that describe the one corpus; the others hold for a list too."""
_CHOOSES_ONE = ("kind", "uri")


class WeightedCorpus(NamedTuple):
    """Settings whose section `corpus` is one of the corpora, and the corpus's `weight` in training."""

    settings: Settings
    weight: float


def each_corpus(settings: Settings) -> tuple[WeightedCorpus, ...]:
    """Every corpus of the settings: those of the list `corpora`, with tables apart by name, or the one of `corpus`."""
    if not settings.corpora:
        return (WeightedCorpus(settings, 1.0),)
    root = settings.corpus.tables_uri.rstrip("/")
    found = []
    for listed in settings.corpora:
        corpus = CorpusSettings(
            kind=listed.kind,
            uri=listed.uri,
            name=listed.called,
            tables_uri=f"{root}/{listed.called}",
            language=listed.language or settings.corpus.language,
            commercial_use=listed.commercial_use,
        )
        own = settings.model_copy(update={"corpora": (), "corpus": corpus})
        found.append(WeightedCorpus(own, listed.weight))
    return tuple(found)


def one_corpus(settings: Settings) -> Settings:
    """Settings whose section `corpus` is the only corpus.

    Raises:
        SettingsError: `corpora` lists several.
    """
    if len(settings.corpora) > 1:
        names = ", ".join(corpus.called for corpus in settings.corpora)
        raise SettingsError(
            [f"corpora lists {names}, and this command takes one corpus: name it by --corpus.kind and --corpus.uri"]
        )
    return each_corpus(settings)[0].settings


def both_set(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str | None:
    """A sentence where one source sets both the one corpus and a list of several; else None.

    A value of the section `corpus` that is the default's does not count: all settings may be written out.
    """
    corpus, usual = values.get("corpus"), defaults.get("corpus", {})
    if not values.get("corpora") or not isinstance(corpus, Mapping):
        return None
    given = [f"corpus.{key}" for key in _OF_ONE if corpus.get(key) not in (None, usual.get(key))]
    if not given:
        return None
    return f"corpora and {' and '.join(given)} are both set: expected one corpus, or a list of several"


def without_earlier_list(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """`values` of a source; one that chooses the one corpus empties the list of earlier sources."""
    corpus = values.get("corpus")
    chooses = isinstance(corpus, Mapping) and any(corpus.get(key) is not None for key in _CHOOSES_ONE)
    return {**values, "corpora": []} if chooses and "corpora" not in values else values


def with_places(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`values` of a file in `folder`, with the relative uris of its `corpora` counted from there."""
    listed = values.get("corpora")
    if not isinstance(listed, list):
        return values
    return {**values, "corpora": [_placed(corpus, folder) for corpus in listed]}


def _placed(corpus: Any, folder: Path) -> Any:
    uri = corpus.get("uri") if isinstance(corpus, Mapping) else None
    if not isinstance(uri, str) or "://" in uri or not uri:
        return corpus
    return {**corpus, "uri": os.path.normpath(folder.absolute() / Path(uri).expanduser())}
