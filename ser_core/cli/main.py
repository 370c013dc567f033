"""`ser`: the jobs and the everyday questions, for a person at a terminal.

Commands are imported only when they run, so that `ser predict` and `ser query` start no JVM.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from ser_core import __version__


class _Command(NamedTuple):
    module: str
    help: str


COMMANDS: dict[str, _Command] = {
    "ingest": _Command("jobs.ingest_archive", "list the archive into the table recordings"),
    "extract": _Command("jobs.extract_features", "extract features of new recordings"),
    "train": _Command("jobs.train_model", "train and evaluate a model on a labelled corpus"),
    "score": _Command("jobs.score_archive", "score dates whose inputs have changed"),
    "nightly": _Command("jobs.nightly", "ingest, extract and score a date and the days before it"),
    "evaluate": _Command("ser_core.cli.evaluate", "how well a corpus, or calls with known answers, are heard"),
    "predict": _Command("ser_core.cli.predict", "the emotion of single recordings, without Spark"),
    "plot": _Command("ser_core.cli.plot", "a recording as a picture, with its emotions"),
    "query": _Command("ser_core.cli.query", "SQL over the tables"),
    "tables": _Command("ser_core.cli.tables", "the tables, their rows and columns"),
    "model": _Command("ser_core.cli.model", "list models, promote one, compare two"),
    "label": _Command("ser_core.cli.label", "segments of the archive for people to label, and what they heard"),
    "search": _Command("ser_core.cli.search", "search hyperparameters on a corpus's training speakers"),
    "trace": _Command("ser_core.cli.trace", "every row, version, refusal, run and model of one call"),
    "forget": _Command("ser_core.cli.forget", "erase calls from every table, and keep them out"),
    "maintain": _Command("ser_core.cli.maintain", "join small files of log tables, drop what is superseded"),
    "corpus": _Command("ser_core.cli.corpus", "fetch a labelled corpus"),
    "plan": _Command("ser_core.cli.plan", "what an archive will take: core-hours, time, storage, cost"),
    "settings": _Command("ser_core.cli.settings", "the settings in force, and what each is"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code: 0 done, 2 wrong settings or arguments, 3 the lease is held, 4 refused
    to publish, 1 anything else."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_usage())
        return 0
    if words[0] in {"-V", "--version"}:
        sys.stdout.write(f"ser {__version__}\n")
        return 0
    command = COMMANDS.get(words[0])
    if command is None:
        sys.stderr.write(f"ser has no command {words[0]!r}\n\n{_usage()}")
        return 2
    return int(importlib.import_module(command.module).main(words[1:]))


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = "".join(f"  {name:<{width}}  {command.help}\n" for name, command in COMMANDS.items())
    return (
        "usage: ser COMMAND [ARGUMENTS] [--config FILE] [--section.key VALUE] [--json]\n\n"
        f"Speech emotion recognition over call archives.\n\n{lines}\n"
        "`ser COMMAND --help` tells what a command takes.\n"
    )
