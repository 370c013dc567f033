"""Settings of the labelled corpora: one, or a list of several."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ser_core.config.base import Positive, Section

CorpusKind = Literal["ravdess", "crema-d", "emodb", "savee", "tess", "nemo", "jl-corpus", "manifest"]
CorpusName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""It names a folder of tables, and begins speakers and rows of results."""


class CorpusSettings(Section):
    """The one labelled corpus a model is trained on, and where the tables of corpora are."""

    kind: CorpusKind
    uri: str | None
    name: CorpusName | None
    tables_uri: str
    language: str
    commercial_use: bool | None


class ListedCorpusSettings(Section):
    """One of several labelled corpora. A relative `uri` has been resolved by the folder of the file that has it."""

    kind: CorpusKind
    uri: str
    name: CorpusName | None = None
    language: str | None = None
    weight: Positive = 1.0
    commercial_use: bool | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> ListedCorpusSettings:
        if self.kind == "manifest" and self.name is None:
            raise ValueError("a manifest in a list has no name: give it one, such as name: nemo")
        return self

    @property
    def called(self) -> str:
        """The corpus's name: its `name`, or its kind."""
        return self.name or self.kind


def check_names(corpora: tuple[ListedCorpusSettings, ...]) -> None:
    """Raises ValueError where two corpora of a list have the same name."""
    names = [corpus.called for corpus in corpora]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two are called {', '.join(twice)}; give each a name of its own")
