"""`ser model list`, `promote`, `compare`: the models that are there, which is current, and how two of them differ."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Sequence

import pyarrow as pa
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings
from ser_core.errors import SettingsError


def main(argv: Sequence[str]) -> int:
    """Lists model versions with their figures, moves the alias `current`, or compares two on calls both scored."""
    parser = command_parser("model", "The models that are there, which is current, and how two of them differ.")
    parser.add_argument("action", choices=tuple(_MODELS))
    parser.add_argument("models", nargs="*", metavar="MODEL", help="<name>/<version>, such as emotions/3, or current")
    span = "compare: {} date looked at, YYYY-MM-DD (default: {})"
    first = "a week before the last; with --labels, the first that was scored"
    parser.add_argument("--from", dest="from_", type=_date, metavar="DATE", help=span.format("first", first))
    parser.add_argument("--to", type=_date, metavar="DATE", help=span.format("last", "the last that was scored"))
    parser.add_argument("--labels", action="store_true", help="compare: recalls too, where people have labelled calls")
    return run_command(parser, argv, _model)


_MODELS = {"list": "", "promote": "emotions/3", "compare": "current emotions/3"}
"""The models each action takes, for example."""


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date, such as 2026-03-02") from None


def _model(arguments: argparse.Namespace, settings: Settings) -> Answer:
    action, example = arguments.action, _MODELS[arguments.action]
    if len(arguments.models) != len(example.split()):
        usual = f"ser model {action} {example}".rstrip()
        raise SettingsError([f"`ser model {action}` was given {arguments.models or 'no model'}; expected `{usual}`"])
    if action != "compare" and (arguments.from_ or arguments.to or arguments.labels):
        raise SettingsError([f"--from, --to and --labels are of `ser model compare`, and not of `ser model {action}`"])
    if action == "compare":
        from ser_core.cli.compare import compare  # noqa: PLC0415

        return compare(arguments, settings)
    return _list(settings) if action == "list" else _promote(arguments.models[0], settings)


def _promote(model_version: str, settings: Settings) -> Answer:
    from ser_core.data.storage import open_storage  # noqa: PLC0415
    from ser_core.learning.training.bundle import promote  # noqa: PLC0415

    promote(open_storage(settings.models.uri, settings.storage), model_version)
    note = f"{model_version} is current: the next `ser score` scores every date with it"
    return {"promoted": model_version}, [Text(note)]


def _list(settings: Settings) -> Answer:
    from ser_core.data.storage import open_storage  # noqa: PLC0415
    from ser_core.learning.training.bundle import list_bundles, promoted  # noqa: PLC0415
    from ser_core.report.terminal import rows_table  # noqa: PLC0415

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
