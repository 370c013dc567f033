"""The result of the corpus benchmark as a table, a Markdown page and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from ser_core.report.evaluation_figures import confusion_matrix, reliability_diagram

Metrics = Mapping[str, Any]

NOTE = (
    "UAR is the unweighted average recall over all folds' decisions together. A decision is made on a labelled "
    "recording, of which the posteriors of all segments are averaged. The interval is a bootstrap over speakers. In a "
    "random split, interval and deviation are of the accuracy, the usual metric there; it has the same speakers in "
    "both parts, which is optimistic. In all other rows, no test speaker was in training, tuning or statistics. "
    "Transductive: statistics of a test speaker are of their own clips, without labels. ECE is the expected "
    "calibration error in 15 bins, n the number of decisions."
)
_HEADER = ("condition", "UAR", "95 % CI", "accuracy", "SD of folds", "ECE", "n", "known of the speaker")


def corpus_table(result: Mapping[str, Any]) -> Table:
    """The result of `ser evaluate corpus --json` as a table for a terminal."""
    table = Table(title="Single recordings of a corpus", title_justify="left")
    for index, name in enumerate(_HEADER):
        is_text = index in {0, len(_HEADER) - 1}
        table.add_column(name, justify="left" if is_text else "right", no_wrap=index < len(_HEADER) - 1)
    for name, metrics in _lines(result):
        table.add_row(*map(Text, _row(name, metrics)))
    return table


def corpus_markdown(result: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """The same as a Markdown page, with the recall by class and links to the `pictures` by file name."""
    conditions = result["conditions"]
    classes = dict.fromkeys(emotion for metrics in conditions.values() for emotion in metrics["classes"])
    recalls = [
        (name, *(share(metrics["recall"].get(emotion)) for emotion in classes)) for name, metrics in conditions.items()
    ]
    parts = [
        "# Single recordings of a corpus",
        markdown_table(_HEADER, [_row(name, metrics) for name, metrics in _lines(result)]),
        NOTE,
        *(f"{name} is left out: {why}" for name, why in result["left_out"].items()),
        "## Recall by class",
        markdown_table(("condition", *classes), recalls),
        "## Confusion and reliability",
        *(f"![{name.removesuffix('.png')}]({name})" for name in pictures),
    ]
    return "\n\n".join(parts) + "\n"


def corpus_pictures(result: Mapping[str, Any]) -> dict[str, bytes]:
    """Confusion matrix, and reliability diagram where there are posteriors, of each condition: PNG by file name."""
    pictures = {}
    for name, metrics in result["conditions"].items():
        stem = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name)
        matrix = np.array(metrics["confusion"], dtype=np.int64)
        pictures[f"confusion_{stem}.png"] = confusion_matrix(matrix, metrics["classes"], name)
        bins = metrics["reliability"]
        if bins:
            confidence, accuracy = (np.array([bin_[key] for bin_ in bins]) for key in ("confidence", "accuracy"))
            counts = np.array([bin_["decisions"] for bin_ in bins], dtype=np.int64)
            pictures[f"reliability_{stem}.png"] = reliability_diagram(confidence, accuracy, counts, title=name)
    return pictures


def _lines(result: Mapping[str, Any]) -> Iterator[tuple[str, Metrics]]:
    yield from result["conditions"].items()
    for name, metrics in result["peers"].items():
        if "uar" in metrics:
            yield f"peer {name}", metrics
        for variant, other in metrics.items():
            if isinstance(other, Mapping) and "uar" in other:
                yield f"peer {name}, {variant}", other


def _row(name: str, metrics: Metrics) -> tuple[str, ...]:
    interval = "–" if metrics["ci95"] is None else "{:.3f}–{:.3f}".format(*metrics["ci95"])
    accuracy, fold_sd, ece = (share(metrics[key]) for key in ("accuracy", "fold_sd", "ece"))
    return (name, share(metrics["uar"]), interval, accuracy, fold_sd, ece, f"{metrics['n']:,}", metrics["known"])


def share(value: float | None) -> str:
    """A share with three decimals; a dash for None."""
    return "–" if value is None else f"{value:.3f}"


def markdown_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table, all columns but the first aligned right."""
    lines = [header, ("---", *("---:" for _ in header[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
