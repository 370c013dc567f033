"""`ser model list`, `promote`, `compare`, `copy`: which models there are, which is current, how two of them differ."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import click
from rich.text import Text

from ser_core.cli.common import CommandGroup, Result
from ser_core.cli.parameters import date
from ser_core.config import Settings

_LAST_OF_ALL = "last date, YYYY-MM-DD (default: the last that was scored)"
_FIRST_OF_ALL = "first date, YYYY-MM-DD (default: a week before the last; with --labels, the first that was scored)"


@click.group(cls=CommandGroup)
def model() -> None:
    """Lists models, promotes a model, compares two, copies one elsewhere.

    A MODEL is <name>/<version>, such as emotions/3, or current.
    """


@model.command(name="list", sections=("models",))
def list_models(settings: Settings) -> Result:
    """Lists models with their metrics, and which is current."""
    import pyarrow as pa  # noqa: PLC0415 - loaded only when there is work

    from ser_core.cli.open import open_models  # noqa: PLC0415
    from ser_core.learning.training.bundle import list_bundles, promoted  # noqa: PLC0415
    from ser_core.report.terminal import rows_table  # noqa: PLC0415

    models = open_models(settings)
    current = promoted(models, settings.models.name)
    rows: list[dict[str, Any]] = []
    for model_version in list_bundles(models, settings.models.name):
        manifest = json.loads(models.read(f"{model_version}/manifest.json"))
        metrics = manifest["metrics"]
        rows.append(
            {
                "model_version": model_version,
                "current": model_version == current,
                "created_at": manifest["created_at"][:16],
                "feature_set": manifest["feature_set"]["name"],
                "label_scheme": manifest["label_scheme"]["name"],
                "commercial_use": manifest["training"].get("commercial_use", False),
                "uar_unheard": metrics["speaker_independent"]["metrics"]["uar"],
                "uar_random": metrics["random_split"]["metrics"]["uar"],
            }
        )
    if not rows:
        return {"models": rows}, [Text("No models yet: `ser train` makes one")]
    return {"models": rows}, [rows_table(pa.Table.from_pylist(rows), width=120, max_rows=50)]


@model.command(name="promote", sections=("models",))
@click.argument("model_version", metavar="MODEL")
def promote_model(settings: Settings, model_version: str) -> Result:
    """Makes a model current. The next `ser score` scores every date with it."""
    from ser_core.cli.open import open_models  # noqa: PLC0415
    from ser_core.learning.training.bundle import promote  # noqa: PLC0415

    promote(open_models(settings), model_version)
    note = f"{model_version} is current: the next `ser score` scores every date with it"
    return {"promoted": model_version}, [Text(note)]


@model.command(name="copy", sections=("models", "storage"))
@click.argument("model_version", metavar="MODEL")
@click.argument("to_uri", metavar="TO_URI")
def copy_model(settings: Settings, model_version: str, to_uri: str) -> Result:
    """Copies a model to another place for models, such as from a laptop to s3://bucket/models.

    Every file is checked against the manifest. The copy has the same name and version, and is not promoted there.
    """
    from ser_core.cli.open import open_models  # noqa: PLC0415
    from ser_core.data.storage import check_place, open_storage  # noqa: PLC0415
    from ser_core.learning.training.bundle import read_bundle, resolve  # noqa: PLC0415
    from ser_core.learning.training.registry import write_copy  # noqa: PLC0415

    models, target = open_models(settings), open_storage(to_uri, settings.storage)
    check_place("TO_URI", target, may_be_new=True)
    bundle = read_bundle(models, resolve(models, settings.models.name, model_version))
    copied = write_copy(target, bundle.model_version, bundle.files)
    read_bundle(target, bundle.model_version)
    facts = {"model_version": bundle.model_version, "from": models.uri, "to": target.uri, "copied": copied}
    what = "is copied to" if copied else "was there already:"
    hint = f"Next: ser model promote {bundle.model_version} --models.uri {to_uri}"
    return facts, [Text(f"{bundle.model_version} {what} {target.uri}"), Text(hint, style="dim")]


@model.command(name="compare", sections=("models",))
@click.argument("a", metavar="MODEL_A")
@click.argument("b", metavar="MODEL_B")
@click.option("--from", "first", type=date, metavar="DATE", help=_FIRST_OF_ALL)
@click.option("--to", "last", type=date, metavar="DATE", help=_LAST_OF_ALL)
@click.option("--labels", is_flag=True, help="recalls too, where people have labelled calls")
def compare_models(
    settings: Settings, a: str, b: str, first: dt.date | None, last: dt.date | None, labels: bool
) -> Result:
    """Shows how far two models agree on calls that both scored."""
    from ser_core.cli.compare import compare  # noqa: PLC0415

    return compare(settings, (a, b), first, last, labels=labels)
