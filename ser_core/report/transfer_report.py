"""The result of the evaluation on strangers as a table and a Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from ser_core.report.corpus_report import markdown_table, share

Metrics = Mapping[str, Any]

NOTE = (
    "Each corpus is tested by a model that never heard it. UAR is the unweighted average recall of the emotions that "
    "the tested and the training corpora share, chance that of a guess; a decision is made on a clip. Arousal is the "
    "mean recall of high (angry, happy, fearful, surprised) and low, valence that of negative and other. Intervals are "
    "bootstraps over speakers. ECE is the expected calibration error in 15 bins, n the number of clips."
)
_HEADER = ("tested", "UAR", "95 % CI", "chance", "accuracy", "ECE", "arousal", "valence", "undecided", "n", "known")
_TEXTS = frozenset({0, len(_HEADER) - 1})


def transfer_table(result: Mapping[str, Any]) -> Table:
    """The result of `ser evaluate transfer --json` as a table for a terminal."""
    table = Table(title="Corpora that were never heard", title_justify="left")
    for index, name in enumerate(_HEADER):
        table.add_column(name, justify="left" if index in _TEXTS else "right", no_wrap=index < len(_HEADER) - 1)
    for name, metrics in _lines(result):
        table.add_row(*map(Text, _row(name, metrics)))
    return table


def transfer_markdown(result: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """The same as a Markdown page, with recall by class, sex and language, and links to `pictures` by file name."""
    conditions = result["conditions"]
    classes = dict.fromkeys(emotion for metrics in conditions.values() for emotion in metrics["classes"])
    recalls = [(name, *(share(metrics["recall"].get(one)) for one in classes)) for name, metrics in conditions.items()]
    groups = [
        (name, f"{what} {kind}", share(figures["uar"]), share(figures["accuracy"]), f"{figures['n']:,}")
        for name, metrics in conditions.items()
        for what, kinds in metrics["by"].items()
        for kind, figures in kinds.items()
    ]
    parts = [
        "# Corpora that were never heard",
        markdown_table(_HEADER, [_row(name, metrics) for name, metrics in _lines(result)]),
        NOTE,
        f"Undecided is the share of clips with a confidence below {result['min_confidence']:g}.",
        *(f"{name} is left out: {why}" for name, why in result["left_out"].items()),
        "## Recall by class",
        markdown_table(("tested", *classes), recalls),
        "## By sex and language",
        markdown_table(("tested", "of", "UAR", "accuracy", "n"), groups),
        "## Confusion and reliability",
        *(f"![{name.removesuffix('.png')}]({name})" for name in pictures),
    ]
    return "\n\n".join(parts) + "\n"


def _lines(result: Mapping[str, Any]) -> Iterator[tuple[str, Metrics]]:
    yield from result["conditions"].items()
    for peer, rows in result["peers"].items():
        for name, metrics in rows.items():
            yield f"peer {peer}, {name}", metrics


def _row(name: str, metrics: Metrics) -> tuple[str, ...]:
    interval = "–" if metrics["ci95"] is None else "{:.3f}–{:.3f}".format(*metrics["ci95"])
    figures = [share(metrics[key]) for key in ("chance", "accuracy", "ece")]
    affect = [share(metrics[key] and metrics[key]["recall"]) for key in ("arousal", "valence")]
    undecided = share(metrics["decided"]["undecided"])
    return (
        name,
        share(metrics["uar"]),
        interval,
        *figures,
        *affect,
        undecided,
        f"{metrics['n']:,}",
        metrics["known"],
    )
