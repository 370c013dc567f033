"""`ser evaluate corpus`: recordings of strangers under several conditions, with peers beside."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.cli.evaluate import FOLDS_HELP, folds_of
from ser_core.config import Settings
from ser_core.config.settings import CorpusSettings
from ser_core.errors import SettingsError

_LOG = Path("build/evaluate/outer_runs.jsonl")


def main(argv: Sequence[str]) -> int:
    """Trains and tests by folds, and prints one table of all conditions."""
    parser = command_parser(
        "evaluate corpus", "Single recordings of strangers, under several conditions (needs corpus.uri)."
    )
    parser.add_argument("--conditions", help="such as unheard_speaker,telephone (default: all)")
    parser.add_argument("--folds", help=FOLDS_HELP)
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="another toolkit's features, Parquet with clip and vector, with the same classifier; may be repeated",
    )
    parser.add_argument(
        "--across",
        action="append",
        default=[],
        metavar="KIND=URI",
        help="another corpus: trained on one, tested on the other, both ways; may be repeated",
    )
    parser.add_argument("--predictions", type=Path, metavar="FILE", help="write every decision as Parquet")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write report.md and pictures there")
    parser.add_argument(
        "--log", type=Path, default=_LOG, help="every look at test speakers adds a line (default: %(default)s)"
    )
    return run_command(parser, argv, _evaluate)


def _evaluate(arguments: argparse.Namespace, settings: Settings) -> Answer:
    folds = folds_of(arguments.folds) if arguments.folds else None
    names = arguments.conditions.split(",") if arguments.conditions else None
    peers = _peers(arguments.peer)
    across = [_other(settings, kind, uri) for kind, uri in _pairs("--across", arguments.across, "KIND=URI")]

    import pyarrow.parquet as pq  # noqa: PLC0415 - Spark and numerics are loaded only when there is work

    from ser_core.learning.evaluation.corpus_figures import summarise_corpus  # noqa: PLC0415
    from ser_core.learning.evaluation.outer_fold_log import OuterLog  # noqa: PLC0415
    from ser_core.pipeline.benchmarks.corpus_benchmark import CorpusBenchmark  # noqa: PLC0415
    from ser_core.pipeline.engine.session import start_session  # noqa: PLC0415
    from ser_core.report.corpus_report import NOTE, corpus_markdown, corpus_pictures, corpus_table  # noqa: PLC0415

    benchmark = CorpusBenchmark(settings, names, folds, across, peers)
    log = OuterLog(arguments.log)
    predictions = benchmark.run(start_session("evaluate", settings.spark), log)
    if arguments.predictions is not None:
        arguments.predictions.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(predictions, arguments.predictions)
    told: dict[str, Any] = {**summarise_corpus(predictions), **benchmark.facts(), "log": str(arguments.log)}
    if arguments.out is not None:
        pictures = corpus_pictures(told)
        _write(arguments.out, corpus_markdown(told, pictures), pictures)
    left_out = [Text(f"{name} is left out: {why}", style="yellow") for name, why in told["left_out"].items()]
    return told, [corpus_table(told), *left_out, Text(NOTE, style="dim")]


def _pairs(option: str, words: Sequence[str], form: str) -> list[tuple[str, str]]:
    pairs = [(name, value) for name, _, value in (word.partition("=") for word in words)]
    wrong = [word for word, (name, value) in zip(words, pairs, strict=True) if not value or not name or ":" in name]
    if wrong:
        raise SettingsError([f"{option} {word!r}: expected {form}" for word in wrong])
    return pairs


def _peers(words: Sequence[str]) -> dict[str, Path]:
    pairs = _pairs("--peer", words, "NAME=FILE")
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1 or name == "tutorial"})
    if twice:
        raise SettingsError([f"--peer {name}: there is one of that name already" for name in twice])
    return {name: Path(file) for name, file in pairs}


def _other(settings: Settings, kind: str, uri: str) -> Settings:
    """The settings of a further corpus, whose tables stand beside those of the first."""
    kinds = get_args(CorpusSettings.model_fields["kind"].annotation)
    if kind not in kinds:
        raise SettingsError([f"--across {kind}={uri}: {kind} is no kind of corpus; there are {', '.join(kinds)}"])
    digest = hashlib.sha256(uri.encode()).hexdigest()[:8]
    changes = {"kind": kind, "uri": uri, "tables_uri": f"{settings.corpus.tables_uri.rstrip('/')}-{kind}-{digest}"}
    return settings.model_copy(update={"corpus": settings.corpus.model_copy(update=changes)})


def _write(folder: Path, text: str, pictures: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(text, encoding="utf-8")
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
