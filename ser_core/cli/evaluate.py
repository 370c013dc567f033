"""`ser evaluate`: how good it is, on speakers that were not trained on."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from ser_core.cli.common import command_parser, run_command
from ser_core.errors import SettingsError

_WHAT = {"corpus": "ser_core.cli.evaluate_corpus", "calls": "ser_core.cli.evaluate_calls"}
FOLDS_HELP = "numbers of the corpus's folds, such as 0,1 (default: all)"


def main(argv: Sequence[str]) -> int:
    """Evaluates on a corpus's own clips, or on calls put together from them."""
    if argv and argv[0] in _WHAT:
        return int(importlib.import_module(_WHAT[argv[0]]).main(argv[1:]))
    parser = command_parser("evaluate", "How good it is on speakers that were not trained on (needs corpus.uri).")
    parser.add_argument(
        "what",
        choices=tuple(_WHAT),
        help="corpus: single clips under several conditions, with peers; calls: the jobs on calls put together from "
        "clips. `ser evaluate corpus --help` and `ser evaluate calls --help` tell more",
    )
    if {"-h", "--help"} & set(argv):
        sys.stdout.write(parser.format_help())
        return 0
    return run_command(parser, argv, _unreachable)


def _unreachable(*_: object) -> tuple[dict[str, object], list[str]]:
    raise SettingsError([f"command line: name first what to evaluate: {' or '.join(_WHAT)}"])


def folds_of(text: str) -> list[int]:
    """The fold numbers in `text`, sorted.

    Raises:
        SettingsError: it is not numbers with commas between them.
    """
    parts = text.split(",")
    if not all(part.isdecimal() for part in parts):
        raise SettingsError([f"--folds {text!r}: expected numbers with commas between them, such as 0,1"])
    return sorted({int(part) for part in parts})
