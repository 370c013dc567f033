"""`ser corpus fetch ravdess`: downloads a labelled corpus from where it is published."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from ser_core.cli.common import CommandGroup, Result
from ser_core.cli.parameters import DIR
from ser_core.config import Settings


@click.group(cls=CommandGroup)
def corpus() -> None:
    """Downloads a labelled corpus from where it is published."""


@corpus.command()
@click.argument("name", metavar="CORPUS", type=click.Choice(["ravdess"]))
@click.option("--to", type=DIR, default="build/corpora", show_default=True, metavar="DIR", help="folder")
@click.option("--url", metavar="URL", help="a mirror of the published zip")
def fetch(settings: Settings, name: str, to: Path, url: str | None) -> Result:
    """Downloads, verifies and unpacks a corpus (ravdess), and resumes an earlier download."""
    from ser_core.learning.corpora.download import RAVDESS_MD5, RAVDESS_URL, fetch_ravdess  # noqa: PLC0415

    folder = fetch_ravdess(to, url or RAVDESS_URL, RAVDESS_MD5)
    train = f"ser train --config ravdess --corpus.uri {folder}"
    note = f"RAVDESS is in {folder} (CC BY-NC-SA 4.0: no commercial use). Next: {train}"
    return {"corpus": name, "folder": str(folder)}, [Text(note)]
