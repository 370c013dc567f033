"""`ser predict FILE…`: the emotion of single recordings, without Spark."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings
from ser_core.errors import Refusal, SerError


class NothingHeardError(SerError):
    """None of the files could be used."""


def main(argv: Sequence[str]) -> int:
    """Prints the emotion of each file, its posteriors as bars, and the reason where there is none."""
    parser = command_parser("predict", "The emotion of single recordings, without Spark.")
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path)
    return run_command(parser, argv, _predict)


def _predict(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.cli.listen import Listener  # noqa: PLC0415 - numerics are loaded only when there is work

    listener = Listener(settings)
    found: list[dict[str, Any]] = []
    shown: list[RenderableType] = []
    for file in arguments.files:
        try:
            heard = listener.hear(file)
        except Refusal as refusal:
            found.append({"file": str(file), "reason": refusal.reason.value, "detail": refusal.detail})
            shown.append(Text(f"{file}: {refusal.reason}: {refusal.detail}", style="red"))
            continue
        found.extend({"file": str(file), **channel.to_json()} for channel in heard)
        shown.extend(part for channel in heard for part in channel.render(str(file)))
    if all("reason" in one for one in found):
        raise NothingHeardError("\n".join(f"{one['file']}: {one['reason']}: {one['detail']}" for one in found))
    priors = dict(listener.shift.priors) if listener.shift else None
    return {"model_version": listener.model.model_version, "priors": priors, "predictions": found}, shown
