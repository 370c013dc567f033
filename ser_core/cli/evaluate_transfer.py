"""`ser evaluate transfer`: corpora that were never heard, with peers in the same protocol."""

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
    pairs,
    peer_files,
    predictions_option,
    write_parquet,
    write_report,
)
from ser_core.config import Settings
from ser_core.errors import SettingsError


@click.command(
    cls=SettingsCommand, sections=("corpora", "corpus", "training"), required=("corpora",), overlay="transfer.yaml"
)
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="KIND=URI",
    help="a further corpus, tested by a model of all of corpora and never trained on; may be repeated",
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="NAME=FILE",
    help="another toolkit's features, Parquet with clip (or corpus/clip) and vector; may be repeated",
)
@predictions_option("every decision")
@click.option("--out", type=DIR, metavar="DIR", help="write report.md and pictures there")
@click.option(
    "--log",
    type=FILE,
    default="build/evaluate/outer_runs.jsonl",
    show_default=True,
    metavar="FILE",
    help="every look at a corpus that was left out adds a line",
)
def transfer(
    settings: Settings,
    tests: Sequence[str],
    peers: Sequence[str],
    predictions: Path | None,
    out: Path | None,
    log: Path,
) -> Result:
    """Tests on corpora that a model never heard.

    Each corpus of corpora is left out in turn and tested by a model of the others, as recorded and over a telephone
    line. Every emotion has its own name, and the analysis rate is 16 kHz, unless settings say otherwise. Needs corpora.
    """
    features_by_peer = peer_files(peers)
    others = [_test(settings, kind, uri) for kind, uri in pairs("--test", tests, "KIND=URI")]

    from ser_core.learning.evaluation.outer_fold_log import OuterLog  # noqa: PLC0415 - Spark and numerics are loaded only for work
    from ser_core.learning.evaluation.stranger_metrics import summarise_strangers  # noqa: PLC0415
    from ser_core.pipeline.benchmarks.transfer_benchmark import TransferBenchmark  # noqa: PLC0415
    from ser_core.pipeline.engine.session import start_session  # noqa: PLC0415
    from ser_core.report.transfer_report import NOTE, transfer_markdown, transfer_pictures, transfer_table  # noqa: PLC0415

    benchmark = TransferBenchmark(settings, others, features_by_peer)
    decisions = benchmark.run(start_session("evaluate", settings.spark), OuterLog(log))
    if predictions is not None:
        write_parquet(decisions, predictions)
    summary = summarise_strangers(decisions, settings.scoring.min_confidence, benchmark.people, benchmark.classes_of())
    facts: dict[str, Any] = {**summary, **benchmark.facts(), "log": str(log)}
    if out is not None:
        pictures = transfer_pictures(facts)
        write_report(out, transfer_markdown(facts, pictures), pictures)
    left_out = [Text(f"{name} is left out: {why}", style="yellow") for name, why in facts["left_out"].items()]
    return facts, [transfer_table(facts), *left_out, Text(NOTE, style="dim")]


def _test(settings: Settings, kind: str, uri: str) -> Settings:
    """The settings of a further corpus: a manifest is called as its file, any other as its kind."""
    check_kind("--test", kind, uri)
    name = Path(uri).stem if kind == "manifest" else kind
    if ":" in name:
        raise SettingsError([f"--test {kind}={uri}: the file's name is the corpus's, and has a colon; rename it"])
    digest = hashlib.sha256(uri.encode()).hexdigest()[:8]
    root = settings.corpus.tables_uri.rstrip("/")
    changes = {"kind": kind, "uri": uri, "name": name, "commercial_use": None}
    tables = f"{root}/{name}-{digest}"
    corpus = settings.corpus.model_copy(update={**changes, "tables_uri": tables})
    return settings.model_copy(update={"corpora": (), "corpus": corpus})
