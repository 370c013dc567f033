"""Types of arguments, and options that several commands have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from ser_core.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

_Function = TypeVar("_Function", bound=Callable[..., Any])
DIR = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


def date(text: str) -> dt.date:
    """The date in `text`.

    Raises:
        BadParameter: it is none.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date; expected YYYY-MM-DD") from None


def fold_numbers(text: str) -> list[int]:
    """The fold numbers in `text`, sorted.

    Raises:
        BadParameter: it is not numbers with commas between them.
    """
    parts = text.split(",")
    if not all(part.isdecimal() for part in parts):
        raise click.BadParameter(f"{text!r}: expected numbers with commas between them, such as 0,1")
    return sorted({int(part) for part in parts})


def names(text: str) -> list[str]:
    """The names in `text`, which has commas between them."""
    return text.split(",")


folds_option = click.option(
    "--folds", type=fold_numbers, metavar="N[,N]", help="numbers of the corpus's folds, such as 0,1 (default: all)"
)


def predictions_option(what: str) -> Callable[[_Function], _Function]:
    """`--predictions FILE`, which writes `what` as Parquet."""
    return click.option("--predictions", type=FILE, metavar="FILE", help=f"write {what} as Parquet")


def write_parquet(table: pa.Table, path: Path) -> None:
    """Writes a table, and the folders above it."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - loaded only where there is a table

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def write_report(folder: Path, text: str, pictures: Mapping[str, bytes]) -> None:
    """Writes `report.md` and the pictures that it shows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(text, encoding="utf-8")
    for name, data in pictures.items():
        (folder / name).write_bytes(data)


def pairs(option: str, words: Sequence[str], form: str) -> list[tuple[str, str]]:
    """Name and value of each `name=value` in `words`.

    Raises:
        SettingsError: one has another form than `form`.
    """
    found = [(name, value) for name, _, value in (word.partition("=") for word in words)]
    wrong = [word for word, (name, value) in zip(words, found, strict=True) if not value or not name or ":" in name]
    if wrong:
        raise SettingsError([f"{option} {word!r}: expected {form}" for word in wrong])
    return found


def check_kind(option: str, kind: str, uri: str) -> None:
    """Raises SettingsError where `kind` is no kind of corpus."""
    from ser_core.config.settings import CorpusSettings  # noqa: PLC0415 - a help page needs no pydantic

    kinds = get_args(CorpusSettings.model_fields["kind"].annotation)
    if kind not in kinds:
        raise SettingsError([f"{option} {kind}={uri}: {kind} is no kind of corpus; there are {', '.join(kinds)}"])


def peer_files(words: Sequence[str]) -> dict[str, Path]:
    """The file of each peer in `NAME=FILE` words.

    Raises:
        SettingsError: a word is none, or a name is taken.
    """
    files = pairs("--peer", words, "NAME=FILE")
    given = [name for name, _ in files]
    twice = sorted({name for name in given if given.count(name) > 1 or name == "tutorial"})
    if twice:
        raise SettingsError([f"--peer {name}: there is one of that name already" for name in twice])
    return {name: Path(file) for name, file in files}
