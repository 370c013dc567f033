"""What the commands share: arguments beside settings, one JSON object on stdout, errors as one clear message."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType

from ser_core.config import Settings, load_settings
from ser_core.errors import SerError, SettingsError
from ser_core.log import configure_logging

Answer = tuple[Mapping[str, Any], Sequence[RenderableType]]
"""What a command found: as JSON, and for a person."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise SettingsError([f"command line: {message} (see ser {self.prog.removeprefix('ser ')} --help)"])


def command_parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser for a command's own arguments; settings stand beside them."""
    parser = _Parser(
        prog=f"ser {name}",
        description=description,
        allow_abbrev=False,
        epilog="Settings: --config FILE and --section.key VALUE, as in conf/base.yaml (`ser settings` lists them).",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    return parser


def run_command(
    parser: argparse.ArgumentParser,
    argv: Sequence[str],
    work: Callable[[argparse.Namespace, Settings], Answer],
) -> int:
    """Parses, loads the settings, does the work, prints its answer, and returns the exit code."""
    as_json = "--json" in argv
    try:
        own, about_settings = _split(argv)
        arguments = parser.parse_args(own)
        settings = load_settings(about_settings)
        configure_logging(settings.log.level, as_json=settings.log.json_)
        found, shown = work(arguments, settings)
    except SerError as error:
        sys.stderr.write(f"{error}\n")
        if as_json:
            sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return error.exit_code
    if as_json:
        sys.stdout.write(json.dumps(found, default=str) + "\n")
    else:
        console = Console()
        for part in shown:
            console.print(part)
    return 0


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command's own words, and those that are settings: `--config FILE`, `--call-date`, `--section.key VALUE`."""
    own: list[str] = []
    settings: list[str] = []
    words = iter(argv)
    for word in words:
        name, _, value = word.partition("=")
        if name in {"--config", "--call-date"} or (name.startswith("--") and "." in name):
            settings += [word] if value else [word, *(next_word for next_word in [next(words, None)] if next_word)]
        else:
            own.append(word)
    return own, settings
