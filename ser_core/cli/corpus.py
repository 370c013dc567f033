"""`ser corpus fetch ravdess`: brings a labelled corpus from where it is published."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings


def main(argv: Sequence[str]) -> int:
    """Downloads, verifies and unpacks the corpus, resuming where an earlier try broke off."""
    parser = command_parser("corpus", "Brings a labelled corpus from where it is published.")
    parser.add_argument("action", choices=("fetch",))
    parser.add_argument("corpus", choices=("ravdess",))
    parser.add_argument("--to", type=Path, default=Path("build/corpora"), help="folder (default: %(default)s)")
    parser.add_argument("--url", default=None, help="a mirror of the published zip")
    return run_command(parser, argv, _fetch)


def _fetch(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.learning.corpora.download import RAVDESS_MD5, RAVDESS_URL, fetch_ravdess  # noqa: PLC0415

    folder = fetch_ravdess(arguments.to, arguments.url or RAVDESS_URL, RAVDESS_MD5)
    told = {"corpus": arguments.corpus, "folder": str(folder)}
    train = f"ser train --config ravdess --corpus.uri {folder}"
    return told, [Text(f"RAVDESS is in {folder} (CC BY-NC-SA 4.0: no commercial use). Next: {train}")]
