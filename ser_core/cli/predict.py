"""`ser predict FILE…`: the emotion of single recordings, without Spark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.cli.parameters import FILE
from ser_core.config import Settings
from ser_core.errors import Refusal, SerError

if TYPE_CHECKING:
    from rich.console import RenderableType


class NoPredictionError(SerError):
    """None of the files could be used."""


@click.command(cls=SettingsCommand, sections=("roles", "scoring", "domain", "models"))
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=FILE)
def predict(settings: Settings, files: Sequence[Path]) -> Result:
    """Prints the emotion of each file, its posteriors as bars, and the reason where there is none."""
    from ser_core.cli.file_scorer import FileScorer  # noqa: PLC0415 - numerics are loaded only when there is work

    scorer = FileScorer(settings)
    predictions: list[dict[str, Any]] = []
    shown: list[RenderableType] = []
    for file in files:
        try:
            channels = scorer.score(file)
        except Refusal as refusal:
            predictions.append({"file": str(file), "reason": refusal.reason.value, "detail": refusal.detail})
            shown.append(Text(f"{file}: {refusal.reason}: {refusal.detail}", style="red"))
            continue
        predictions.extend({"file": str(file), **channel.to_json()} for channel in channels)
        shown.extend(part for channel in channels for part in channel.render(str(file)))
    if all("reason" in row for row in predictions):
        raise NoPredictionError("\n".join(f"{row['file']}: {row['reason']}: {row['detail']}" for row in predictions))
    priors = dict(scorer.shift.priors) if scorer.shift else None
    facts = {
        "model_version": scorer.model.model_version,
        "domain_version": scorer.domain.version if scorer.domain else None,
        "priors": priors,
        "predictions": predictions,
    }
    return facts, shown
