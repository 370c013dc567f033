"""`ser search corpus`: better hyperparameters for each fold of the corpus benchmark, found on its training speakers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import CommandGroup, Result
from ser_core.cli.parameters import DIR, folds_option, names
from ser_core.config import Settings
from ser_core.config.searched import search_folder, search_path, write_searched
from ser_core.errors import SettingsError

if TYPE_CHECKING:
    from ser_core.pipeline.benchmarks.fold_search import FoldSearch, Plan


@click.group(cls=CommandGroup)
def search() -> None:
    """Searches hyperparameters on a corpus's training speakers."""


@search.command(required=("corpus.uri",), sections=("corpus",))
@click.option("--conditions", type=names, metavar="NAME[,NAME]", help="(default: all that test strangers)")
@folds_option
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="points tried, the recipe among them",
)
@click.option(
    "--members", type=click.IntRange(min=1), default=4, show_default=True, metavar="N", help="perceptrons a trial"
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="of proposals")
@click.option("--out", type=DIR, metavar="DIR", help=f"write there (default: {search_folder()})")
def corpus(
    settings: Settings,
    conditions: list[str] | None,
    folds: list[int] | None,
    trials: int,
    members: int,
    seed: int,
    out: Path | None,
) -> Result:
    """Searches settings of the classifier for `ser evaluate corpus`.

    Writes a file a condition and outer fold, found on folds by speaker within its training speakers. Needs corpus.uri.
    Takes minutes a fold.
    """
    from ser_core.learning.evaluation.corpus_conditions import CONDITIONS  # noqa: PLC0415 - numerics are loaded only for work

    every = [name for name, condition in CONDITIONS.items() if condition.by_speaker]
    unknown = [name for name in conditions or () if name not in every]
    if unknown:
        raise SettingsError([f"--conditions {', '.join(unknown)}: there are {', '.join(every)}"])

    from ser_core.pipeline.benchmarks.fold_search import Plan, search_corpus  # noqa: PLC0415 - so is Spark
    from ser_core.pipeline.engine.session import start_session  # noqa: PLC0415

    plan = Plan(trials, members, seed)
    session = start_session("search", settings.spark)
    rows = []
    for fold in search_corpus(session, settings, [CONDITIONS[name] for name in conditions or every], folds, plan):
        path = search_path(fold.corpus, fold.condition, fold.fold, out)
        write_searched(path, fold.test_speakers, fold.result.overrides, header(fold, plan))
        rows.append({**_row(fold), "file": str(path)})
    return {"searches": rows, "trials": trials, "members": members, "seed": seed}, [_table(rows)]


def header(fold: FoldSearch, plan: Plan) -> tuple[str, ...]:
    """Lines for the head of the file: what was searched, and with which outcome."""
    result = fold.result
    gain, error = 100 * result.gain, 100 * result.standard_error
    outcome = (
        "No trial beats the recipe by more than two standard errors "
        f"(best {gain:+.1f} points, error {error:.1f}): it is kept."
        if result.kept
        else f"Better than the recipe by {gain:.1f} points, standard error {error:.1f}."
    )
    return (
        f"Found by `ser search corpus` on the {len(fold.speakers)} training speakers of this fold only, by speaker.",
        f"Features: {fold.feature_set}",
        f"{len(result.trials)} trials of {plan.members} perceptrons, seed {plan.seed}.",
        f"Inner UAR: recipe {result.trials[0].uar:.4f}, best trial {result.best.uar:.4f}.",
        outcome,
    )


def _row(fold: FoldSearch) -> dict[str, Any]:
    result = fold.result
    return {
        "corpus": fold.corpus,
        "condition": fold.condition,
        "fold": fold.fold,
        "feature_set": fold.feature_set,
        "recipe_uar": result.trials[0].uar,
        "best_uar": result.best.uar,
        "gain": result.gain,
        "standard_error": result.standard_error,
        "kept": result.kept,
        "overrides": result.overrides,
        "trials": [{"uar": trial.uar, "overrides": dict(trial.overrides)} for trial in result.trials],
    }


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Inner UAR, of training speakers only", title_justify="left")
    for name in ("condition", "fold", "recipe", "best", "gain", "standard error", "taken"):
        table.add_column(name, justify="left" if name in {"condition", "taken"} else "right")
    for row in rows:
        numbers = (f"{row[name]:.3f}" for name in ("recipe_uar", "best_uar", "gain", "standard_error"))
        taken = Text("the recipe, as it was" if row["kept"] else str(row["overrides"]))
        table.add_row(row["condition"], str(row["fold"]), *numbers, taken)
    return table
