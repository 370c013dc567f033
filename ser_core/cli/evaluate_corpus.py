"""`ser evaluate corpus`: recordings of strangers under several conditions, with peers beside."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.cli.parameters import (
    DIR,
    FILE,
    check_kind,
    folds_option,
    names,
    pairs,
    peer_files,
    predictions_option,
    write_parquet,
    write_report,
)
from ser_core.config import Settings


@click.command(cls=SettingsCommand, sections=("corpus",))
@click.option(
    "--conditions", type=names, metavar="NAME[,NAME]", help="such as unheard_speaker,telephone (default: all)"
)
@folds_option
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="NAME=FILE",
    help="another toolkit's features, Parquet with clip and vector, with the same classifier; may be repeated",
)
@click.option(
    "--across",
    multiple=True,
    metavar="KIND=URI",
    help="another corpus: trained on one, tested on the other, both ways; may be repeated",
)
@predictions_option("every decision")
@click.option("--out", type=DIR, metavar="DIR", help="write report.md and pictures there")
@click.option(
    "--log",
    type=FILE,
    default="build/evaluate/outer_runs.jsonl",
    show_default=True,
    metavar="FILE",
    help="every look at test speakers adds a line",
)
def corpus(
    settings: Settings,
    conditions: list[str] | None,
    folds: list[int] | None,
    peers: Sequence[str],
    across: Sequence[str],
    predictions: Path | None,
    out: Path | None,
    log: Path,
) -> Result:
    """Trains and tests on single recordings of a corpus.

    Under several conditions, with other toolkits' features beside. Test speakers are not trained on, except in random
    splits. Needs corpus.uri.
    """
    features_by_peer = peer_files(peers)
    others = [_other(settings, kind, uri) for kind, uri in pairs("--across", across, "KIND=URI")]

    from ser_core.learning.evaluation.corpus_metrics import summarise_corpus  # noqa: PLC0415 - Spark and numerics are loaded only for work
    from ser_core.learning.evaluation.outer_fold_log import OuterLog  # noqa: PLC0415
    from ser_core.pipeline.benchmarks.corpus_benchmark import CorpusBenchmark  # noqa: PLC0415
    from ser_core.pipeline.engine.session import start_session  # noqa: PLC0415
    from ser_core.report.corpus_report import NOTE, corpus_markdown, corpus_pictures, corpus_table  # noqa: PLC0415

    benchmark = CorpusBenchmark(settings, conditions, folds, others, features_by_peer)
    decisions = benchmark.run(start_session("evaluate", settings.spark), OuterLog(log))
    if predictions is not None:
        write_parquet(decisions, predictions)
    facts: dict[str, Any] = {**summarise_corpus(decisions), **benchmark.facts(), "log": str(log)}
    if out is not None:
        pictures = corpus_pictures(facts)
        write_report(out, corpus_markdown(facts, pictures), pictures)
    left_out = [Text(f"{name} is left out: {why}", style="yellow") for name, why in facts["left_out"].items()]
    return facts, [corpus_table(facts), *left_out, Text(NOTE, style="dim")]


def _other(settings: Settings, kind: str, uri: str) -> Settings:
    """The settings of a further corpus, whose tables are beside those of the first."""
    check_kind("--across", kind, uri)
    digest = hashlib.sha256(uri.encode()).hexdigest()[:8]
    tables = f"{settings.corpus.tables_uri.rstrip('/')}-{kind}-{digest}"
    changes = {"kind": kind, "uri": uri, "name": None, "commercial_use": None, "tables_uri": tables}
    return settings.model_copy(update={"corpora": (), "corpus": settings.corpus.model_copy(update=changes)})
