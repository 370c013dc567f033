"""`ser evaluate calls`: what the jobs say of calls put together from the clips of speakers they were not trained on."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.cli.evaluate import FOLDS_HELP, folds_of
from ser_core.config import Settings
from ser_core.errors import SettingsError

_FIGURES = (
    "segment_uar",
    "call_accuracy",
    "trend_correlation",
    "speech_recall",
    "silence_kept",
    "boundary_error_ms",
)


def main(argv: Sequence[str]) -> int:
    """Trains, makes calls, scores them, and prints the figures by condition, with and without speaker normalisation."""
    parser = command_parser("evaluate calls", "The jobs on calls whose answers are known (needs corpus.uri).")
    parser.add_argument("--calls-per-fold", type=int, default=50, help="calls a condition (default: %(default)s)")
    parser.add_argument("--folds", help=FOLDS_HELP)
    parser.add_argument("--seed", type=int, default=0, help="of plans and noise (default: %(default)s)")
    parser.add_argument(
        "--work-dir", type=Path, help="keep calls, tables and models here (default: removed at the end)"
    )
    parser.add_argument("--predictions", type=Path, metavar="FILE", help="write every piece of time as Parquet")
    return run_command(parser, argv, _evaluate)


def _evaluate(arguments: argparse.Namespace, settings: Settings) -> Answer:
    _check(arguments)
    if arguments.work_dir is not None:
        return _run(arguments, settings, arguments.work_dir)
    with tempfile.TemporaryDirectory(prefix="ser-evaluate-") as folder:
        return _run(arguments, settings, Path(folder))


def _run(arguments: argparse.Namespace, settings: Settings, work_dir: Path) -> Answer:
    import pyarrow.parquet as pq  # noqa: PLC0415 - Spark and numerics are loaded only when there is work

    from ser_core.learning.evaluation.call_figures import summarise  # noqa: PLC0415
    from ser_core.pipeline.benchmarks.call_benchmark import CallBenchmark  # noqa: PLC0415

    benchmark = CallBenchmark(settings, work_dir, arguments.calls_per_fold, arguments.seed)
    folds = folds_of(arguments.folds) if arguments.folds else list(range(len(benchmark.folds)))
    predictions = benchmark.run(folds)
    if arguments.predictions is not None:
        arguments.predictions.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(predictions, arguments.predictions)
    found = {"folds": folds, "calls_per_fold": arguments.calls_per_fold, "seed": arguments.seed}
    told = {**found, **summarise(predictions)}
    return told, [_table(told), Text(_NOTE, style="dim")]


_NOTE = (
    "Segment UAR is weighted by true duration; speech that no segment covers counts as wrong. Speaker normalisation "
    "uses a caller's own unlabelled segments (transductive)."
)


def _check(arguments: argparse.Namespace) -> None:
    faults = (
        [] if arguments.calls_per_fold > 0 else [f"--calls-per-fold {arguments.calls_per_fold}: expected 1 or more"]
    )
    faults += [] if arguments.seed >= 0 else [f"--seed {arguments.seed}: expected 0 or more"]
    if arguments.folds:
        folds_of(arguments.folds)
    if faults:
        raise SettingsError(faults)


def _table(told: Mapping[str, Any]) -> Table:
    table = Table(title="Calls of speakers that were not trained on", title_justify="left")
    table.add_column("condition")
    table.add_column("normalised by speaker")
    for name in _FIGURES:
        table.add_column(name.replace("_", " "), justify="right")
    for kind, by_condition in (("yes", told["conditions"]), ("no", told["without_normalisation"])):
        for condition, figures in by_condition.items():
            table.add_row(condition, kind, *(_shown(figures[name]) for name in _FIGURES))
    return table


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"
