"""`ser evaluate calls`: the jobs on calls put together from clips of speakers that were not trained on."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.cli.parameters import DIR, folds_option, predictions_option, write_parquet
from ser_core.config import Settings

if TYPE_CHECKING:
    import pyarrow as pa

_METRICS = (
    "segment_uar",
    "call_accuracy",
    "trend_correlation",
    "speech_recall",
    "silence_kept",
    "boundary_error_ms",
)


@click.command(cls=SettingsCommand, sections=("corpus",))
@click.option(
    "--calls-per-fold", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="calls a condition"
)
@folds_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="of plans and noise")
@click.option("--work-dir", type=DIR, metavar="DIR", help="keep calls, tables and models here (default: removed)")
@predictions_option("every piece of time")
def calls(
    settings: Settings,
    calls_per_fold: int,
    folds: list[int] | None,
    seed: int,
    work_dir: Path | None,
    predictions: Path | None,
) -> Result:
    """Runs the jobs on calls made of clips, with known answers.

    The clips are those of a corpus, and their speakers were not trained on. Needs corpus.uri. Prints the metrics by
    condition, with and without speaker normalisation.
    """
    with ExitStack() as stack:
        folder = work_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ser-evaluate-")))
        facts, pieces = _run(settings, folder, calls_per_fold, folds, seed)
        if predictions is not None:
            write_parquet(pieces, predictions)
    return facts, [_table(facts), Text(_NOTE, style="dim")]


def _run(
    settings: Settings, work_dir: Path, calls_per_fold: int, folds: list[int] | None, seed: int
) -> tuple[dict[str, Any], pa.Table]:
    """Metrics, and the decision for every piece of time."""
    from ser_core.learning.evaluation.call_metrics import summarise_calls  # noqa: PLC0415 - Spark and numerics are loaded only for work
    from ser_core.pipeline.benchmarks.call_benchmark import CallBenchmark  # noqa: PLC0415

    benchmark = CallBenchmark(settings, work_dir, calls_per_fold, seed)
    folds = folds or list(range(len(benchmark.folds)))
    pieces = benchmark.run(folds)
    return {"folds": folds, "calls_per_fold": calls_per_fold, "seed": seed, **summarise_calls(pieces)}, pieces


_NOTE = (
    "Segment UAR is weighted by true duration; speech that no segment covers counts as wrong. Speaker normalisation "
    "uses a caller's own unlabelled segments (transductive)."
)


def _table(facts: Mapping[str, Any]) -> Table:
    table = Table(title="Calls of speakers that were not trained on", title_justify="left")
    table.add_column("condition")
    table.add_column("normalised by speaker")
    for name in _METRICS:
        table.add_column(name.replace("_", " "), justify="right")
    for kind, by_condition in (("yes", facts["conditions"]), ("no", facts["without_normalisation"])):
        for condition, metrics in by_condition.items():
            table.add_row(condition, kind, *(_shown(metrics[name]) for name in _METRICS))
    return table


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"
