"""The corpus benchmark for a person: one table of all conditions and peers, and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from ser_core.report.evaluation_figures import confusion_matrix, reliability_diagram

Figures = Mapping[str, Any]

NOTE = (
    "UAR is the unweighted average recall over all folds' decisions together; a decision is made on a labelled "
    "recording, of which the posteriors of all segments are averaged. The interval is a bootstrap over speakers. In a "
    "random split, interval and deviation are of the accuracy, which is what is told of one; its speakers are trained "
    "on and tested, which flatters. Nowhere else was a speaker who is tested trained on, tuned on or taken into "
    "statistics. Transductive: a test speaker's own clips, without labels, tell how the speaker sounds. ECE is the "
    "expected calibration error in 15 bins, n the decisions."
)
_HEADER = ("condition", "UAR", "95 % CI", "accuracy", "SD of folds", "ECE", "n", "known of the speaker")


def corpus_table(told: Mapping[str, Any]) -> Table:
    """What `ser evaluate corpus --json` prints, for a terminal."""
    table = Table(title="Single recordings of a corpus", title_justify="left")
    for place, name in enumerate(_HEADER):
        ends = place in {0, len(_HEADER) - 1}
        table.add_column(name, justify="left" if ends else "right", no_wrap=place < len(_HEADER) - 1)
    for name, found in _lines(told):
        table.add_row(*map(Text, _row(name, found)))
    return table


def corpus_markdown(told: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """The same as a page, with links to the `pictures` by file name, and the recall by class."""
    conditions = told["conditions"]
    classes = dict.fromkeys(one for found in conditions.values() for one in found["classes"])
    recalls = [(name, *(_share(found["recall"].get(one)) for one in classes)) for name, found in conditions.items()]
    parts = [
        "# Single recordings of a corpus",
        _markdown(_HEADER, [_row(name, found) for name, found in _lines(told)]),
        NOTE,
        *(f"{name} is left out: {why}" for name, why in told["left_out"].items()),
        "## Recall by class",
        _markdown(("condition", *classes), recalls),
        "## Confusion and reliability",
        *(f"![{name.removesuffix('.png')}]({name})" for name in pictures),
    ]
    return "\n\n".join(parts) + "\n"


def corpus_pictures(told: Mapping[str, Any]) -> dict[str, bytes]:
    """Confusion matrix, and reliability diagram where there are posteriors, of each condition: PNG by file name."""
    pictures = {}
    for name, found in told["conditions"].items():
        stem = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name)
        matrix = np.array(found["confusion"], dtype=np.int64)
        pictures[f"confusion_{stem}.png"] = confusion_matrix(matrix, found["classes"], name)
        bins = found["reliability"]
        if bins:
            confidence, accuracy = (np.array([one[key] for one in bins]) for key in ("confidence", "accuracy"))
            counts = np.array([one["decisions"] for one in bins], dtype=np.int64)
            pictures[f"reliability_{stem}.png"] = reliability_diagram(confidence, accuracy, counts, title=name)
    return pictures


def _lines(told: Mapping[str, Any]) -> Iterator[tuple[str, Figures]]:
    yield from told["conditions"].items()
    for name, found in told["peers"].items():
        if "uar" in found:
            yield f"peer {name}", found
        for variant, other in found.items():
            if isinstance(other, Mapping) and "uar" in other:
                yield f"peer {name}, {variant}", other


def _row(name: str, found: Figures) -> tuple[str, ...]:
    interval = "–" if found["ci95"] is None else "{:.3f}–{:.3f}".format(*found["ci95"])
    accuracy, fold_sd, ece = (_share(found[key]) for key in ("accuracy", "fold_sd", "ece"))
    return (name, _share(found["uar"]), interval, accuracy, fold_sd, ece, f"{found['n']:,}", found["known"])


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---", *("---:" for _ in header[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
