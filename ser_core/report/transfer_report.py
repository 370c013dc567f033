"""The result of the evaluation on strangers as a table and a Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from ser_core.report.corpus_report import corpus_pictures, markdown_table, share

Metrics = Mapping[str, Any]

NOTE = (
    "Each corpus is tested by a model that never heard it. UAR is the unweighted average recall of the emotions that "
    "the tested and the training corpora share; a decision is made on a clip. Intervals are bootstraps over speakers. "
    "Arousal is the mean recall of high (angry, happy, fearful, surprised) and low, valence of negative and other. "
    "ECE is the expected calibration error in 15 bins, n the number of clips. Columns of peers are their UAR. A corpus "
    "alone: a single clip of a stranger. archive: vectors are measured from the corpus's own population, no speaker is "
    "known; archive-neutral: from a population that is 80 % neutral. normalised: archive and speaker, as calls are "
    "scored. skewed: the same, and 80 % of a speaker's clips are of one emotion. line: over a telephone line, at 8 kHz."
)
_PREFIX = "transfer:"
_PICTURED = frozenset({"", "normalised"})
_HEADER = (
    *("tested", "UAR", "95 % CI", "chance", "accuracy", "ECE", "arousal", "95 % CI", "valence"),
    *("precision", "undecided", "n", "known of the speaker"),
)


def transfer_table(result: Mapping[str, Any]) -> Table:
    """The result of `ser evaluate transfer --json` as a table for a terminal, the peers beside."""
    peers = result["peers"]
    table = Table(title="Corpora that were never heard", title_justify="left", box=box.SIMPLE, pad_edge=False)
    for index, name in enumerate(("tested", "UAR", "95 % CI", "ECE", "arousal", "valence", *peers, "n")):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    for name, metrics in result["conditions"].items():
        beside = [share(rows[name]["uar"]) if name in rows else "" for rows in peers.values()]
        figures = (share(metrics["uar"]), _interval(metrics["ci95"]), share(metrics["ece"]), *_affect(metrics))
        table.add_row(*map(Text, (name.removeprefix(_PREFIX), *figures, *beside, f"{metrics['n']:,}")))
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
        f"Precision is that of the clips with a confidence of at least {result['min_confidence']:g}; the others are "
        "undecided. In all other columns, every clip is decided.",
        *(f"{name} is left out: {why}" for name, why in result["left_out"].items()),
        "## Recall by class",
        markdown_table(("tested", *classes), recalls),
        "## By sex and language",
        markdown_table(("tested", "of", "UAR", "accuracy", "n"), groups),
        "## Confusion and reliability",
        *(f"![{name.removesuffix('.png')}]({name})" for name in pictures),
    ]
    return "\n\n".join(parts) + "\n"


def transfer_pictures(result: Mapping[str, Any]) -> dict[str, bytes]:
    """Confusion matrices and reliability diagrams of each corpus as recorded, alone and normalised: PNG by name."""
    chosen = {
        name: metrics
        for name, metrics in result["conditions"].items()
        if name.removeprefix(_PREFIX).partition(":")[2] in _PICTURED
    }
    return corpus_pictures({"conditions": chosen})


def _lines(result: Mapping[str, Any]) -> Iterator[tuple[str, Metrics]]:
    yield from result["conditions"].items()
    for peer, rows in result["peers"].items():
        for name, metrics in rows.items():
            yield f"peer {peer}, {name}", metrics


def _row(name: str, metrics: Metrics) -> tuple[str, ...]:
    arousal, valence = _affect(metrics)
    return (
        name,
        share(metrics["uar"]),
        _interval(metrics["ci95"]),
        *(share(metrics[key]) for key in ("chance", "accuracy", "ece")),
        arousal,
        _interval(metrics["arousal"] and metrics["arousal"]["ci95"]),
        valence,
        *(share(metrics["decided"][key]) for key in ("precision", "undecided")),
        f"{metrics['n']:,}",
        metrics["known"],
    )


def _affect(metrics: Metrics) -> list[str]:
    return [share(metrics[key] and metrics[key]["recall"]) for key in ("arousal", "valence")]


def _interval(ends: tuple[float, float] | None) -> str:
    return "–" if ends is None else "{:.3f}–{:.3f}".format(*ends)
