"""`ser model list`, `ser model promote`: the models that are there, and which is current."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import pyarrow as pa
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings
from ser_core.errors import BundleError


def main(argv: Sequence[str]) -> int:
    """Lists model versions with their figures, or moves the alias `current`."""
    parser = command_parser("model", "The models that are there, and which is current.")
    parser.add_argument("action", choices=("list", "promote"))
    parser.add_argument("model_version", nargs="?", help="promote: <name>/<version>, such as emotions/3")
    return run_command(parser, argv, _model)


def _model(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.storage import open_storage  # noqa: PLC0415
    from ser_core.training.bundle import promote  # noqa: PLC0415

    if arguments.action == "list":
        return _list(settings)
    if not arguments.model_version:
        raise BundleError("Which model? `ser model promote emotions/3`; `ser model list` shows what there is")
    models = open_storage(settings.models.uri, settings.storage)
    promote(models, arguments.model_version)
    told = {"promoted": arguments.model_version}
    return told, [Text(f"{arguments.model_version} is current: the next `ser score` scores every date with it")]


def _list(settings: Settings) -> Answer:
    from ser_core.report.terminal import rows_table  # noqa: PLC0415
    from ser_core.storage import open_storage  # noqa: PLC0415
    from ser_core.training.bundle import list_bundles, promoted  # noqa: PLC0415

    models = open_storage(settings.models.uri, settings.storage)
    current = promoted(models, settings.models.name)
    found = []
    for model_version in list_bundles(models, settings.models.name):
        manifest = json.loads(models.read(f"{model_version}/manifest.json"))
        metrics = manifest["metrics"]
        found.append(
            {
                "model_version": model_version,
                "current": model_version == current,
                "created_at": manifest["created_at"][:16],
                "feature_set": manifest["feature_set"]["name"],
                "label_scheme": manifest["label_scheme"]["name"],
                "uar_unheard": metrics["speaker_independent"]["metrics"]["uar"],
                "uar_random": metrics["random_split"]["metrics"]["uar"],
            }
        )
    table = pa.Table.from_pylist(found) if found else None
    shown = rows_table(table, width=120, max_rows=50) if table else Text("No models yet: `ser train` makes one")
    return {"models": found}, [shown]
