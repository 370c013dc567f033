"""`ser search corpus`: better hyperparameters for each fold of the corpus benchmark, found on its training speakers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.cli.evaluate import FOLDS_HELP, folds_of
from ser_core.config import Settings
from ser_core.config.searched import search_folder, search_path, write_searched
from ser_core.errors import SettingsError

if TYPE_CHECKING:
    from ser_core.pipeline.benchmarks.fold_search import FoldSearch, Plan

_LEAST = {"trials": 1, "members": 1, "seed": 0}


def main(argv: Sequence[str]) -> int:
    """Writes a file a condition and fold, which `ser evaluate corpus` takes up."""
    parser = command_parser(
        "search",
        "Searches around the corpus benchmark's settings of the classifier, once an outer fold, on folds by speaker "
        "within its training speakers (needs corpus.uri). Takes minutes a fold.",
    )
    parser.add_argument("what", choices=("corpus",))
    parser.add_argument("--conditions", help="names with commas between them (default: all that test strangers)")
    parser.add_argument("--folds", help=FOLDS_HELP)
    parser.add_argument(
        "--trials",
        type=int,
        default=20,
        help="points tried, the first being what is there already (default: %(default)s)",
    )
    parser.add_argument("--members", type=int, default=4, help="perceptrons a trial (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of what is proposed (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write there (default: {search_folder()})")
    return run_command(parser, argv, _search)


def _search(arguments: argparse.Namespace, settings: Settings) -> Answer:
    _check(arguments, settings)
    folds = folds_of(arguments.folds) if arguments.folds else None

    from ser_core.learning.evaluation.corpus_conditions import CONDITIONS  # noqa: PLC0415 - Spark and numerics are loaded only for work

    every = [name for name, condition in CONDITIONS.items() if condition.by_speaker]
    names = arguments.conditions.split(",") if arguments.conditions else every
    unknown = [name for name in names if name not in every]
    if unknown:
        raise SettingsError([f"--conditions {', '.join(unknown)}: there are {', '.join(every)}"])

    from ser_core.pipeline.benchmarks.fold_search import Plan, search_corpus  # noqa: PLC0415
    from ser_core.pipeline.engine.session import start_session  # noqa: PLC0415

    plan = Plan(arguments.trials, arguments.members, arguments.seed)
    session = start_session("search", settings.spark)
    told = []
    for one in search_corpus(session, settings, [CONDITIONS[name] for name in names], folds, plan):
        path = search_path(one.corpus, one.condition, one.fold, arguments.out)
        write_searched(path, one.test_speakers, one.found.overrides, said(one, plan))
        told.append({**_row(one), "file": str(path)})
    return {"searches": told, "trials": plan.trials, "members": plan.members, "seed": plan.seed}, [_table(told)]


def _check(arguments: argparse.Namespace, settings: Settings) -> None:
    faults = [
        f"--{name} {getattr(arguments, name)}: expected {least} or more"
        for name, least in _LEAST.items()
        if getattr(arguments, name) < least
    ]
    if settings.corpus.uri is None:
        faults.append("corpus.uri is not set, and this needs it (--corpus.uri … or in a file given by --config)")
    if faults:
        raise SettingsError(faults)


def said(one: FoldSearch, plan: Plan) -> tuple[str, ...]:
    """Lines that tell how it was found, for the head of its file."""
    found = one.found
    gain, error = 100 * found.gain, 100 * found.standard_error
    outcome = (
        "No trial beats the recipe by more than two standard errors "
        f"(best {gain:+.1f} points, error {error:.1f}): it is kept."
        if found.kept
        else f"Better than the recipe by {gain:.1f} points, standard error {error:.1f}."
    )
    return (
        f"Found by `ser search corpus` on the {len(one.speakers)} training speakers of this fold only, by speaker.",
        f"Features: {one.feature_set}",
        f"{len(found.trials)} trials of {plan.members} perceptrons, seed {plan.seed}.",
        f"Inner UAR: recipe {found.trials[0].uar:.4f}, best trial {found.best.uar:.4f}.",
        outcome,
    )


def _row(one: FoldSearch) -> dict[str, Any]:
    found = one.found
    return {
        "corpus": one.corpus,
        "condition": one.condition,
        "fold": one.fold,
        "feature_set": one.feature_set,
        "recipe_uar": found.trials[0].uar,
        "best_uar": found.best.uar,
        "gain": found.gain,
        "standard_error": found.standard_error,
        "kept": found.kept,
        "overrides": found.overrides,
        "trials": [{"uar": trial.uar, "overrides": dict(trial.overrides)} for trial in found.trials],
    }


def _table(told: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Inner UAR, of training speakers only", title_justify="left")
    for name in ("condition", "fold", "recipe", "best", "gain", "standard error", "taken"):
        table.add_column(name, justify="left" if name in {"condition", "taken"} else "right")
    for row in told:
        numbers = (f"{row[name]:.3f}" for name in ("recipe_uar", "best_uar", "gain", "standard_error"))
        taken = Text("the recipe, as it was" if row["kept"] else str(row["overrides"]))
        table.add_row(row["condition"], str(row["fold"]), *numbers, taken)
    return table
