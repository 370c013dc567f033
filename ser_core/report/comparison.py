"""A comparison of two models at a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def comparison_tables(result: Mapping[str, Any]) -> list[RenderableType]:
    """The result of `ser model compare --json` as tables."""
    parts: list[RenderableType] = [Text(_summary(result)), _shift(result), _confusion(result)]
    if result["labels"]:
        parts.append(_labels(result["labels"], result))
    return [*parts, *(Text(note, style="yellow") for note in result["notes"])]


def _summary(result: Mapping[str, Any]) -> str:
    dates, channels, agreed = result["dates"], result["channels"], result["agreement"]
    days = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]} ({len(dates)} dates)"
    only = "".join(f", {channels[of]:,} more by {result[of]} only" for of in "ab" if channels[of])
    undecided = ", ".join(f"{result[of]} {_percent(result['undecided'][of])}" for of in "ab")
    return (
        f"A is {result['a']}, B is {result['b']}. {days}: {channels['both']:,} channels by both{only}, "
        f"{result['speech_s'] / 3600:.2f} h of speech; undecided: {undecided}.\n"
        f"They agree on {_percent(agreed['share'])} of the speech that both decided on, Cohen's kappa "
        f"{_number(agreed['kappa'])}.\n"
        f"Population stability index {_number(result['shift']['psi'])}: below 0.1 the shares have hardly changed, "
        "above 0.25 they have changed much."
    )


def _shift(result: Mapping[str, Any]) -> Table:
    table = _table("Share of decided speech time", "emotion", "A", "B", "B - A")
    for name, row in result["shift"]["classes"].items():
        difference = "–" if row["difference"] is None else f"{row['difference']:+.1%}"
        table.add_row(name, _percent(row["a"]), _percent(row["b"]), difference)
    return table


def _confusion(result: Mapping[str, Any]) -> Table:
    seconds = result["confusion_s"]
    names = [name for name in seconds if sum(seconds[name].values()) or sum(row[name] for row in seconds.values())]
    table = _table("Seconds of speech: A down, B across", "", *names)
    for name in names:
        cells = [f"{seconds[name][other]:,.0f}" for other in names]
        table.add_row(
            name, *(Text(cell, style="bold" if name == of else "") for cell, of in zip(cells, names, strict=True))
        )
    return table


def _labels(labels: Mapping[str, Any], result: Mapping[str, Any]) -> Table:
    title = f"Recall on labelled speech, {labels['calls']:,} calls, by speech time; 95 % interval over calls"
    table = _table(title, "emotion", "A", "B", "B - A", "95 %", "labelled s")
    for name, row in {**labels["recall"], "unweighted average": labels["uar"]}.items():
        interval = "–" if row["ci95"] is None else "{:+.1%} to {:+.1%}".format(*row["ci95"])
        cells = (_percent(row["a"]), _percent(row["b"]), f"{row['difference']:+.1%}", interval)
        table.add_row(name, *cells, f"{row['speech_s']:,.0f}")
    if labels["left_out_s"]:
        table.caption = (
            f"{labels['left_out_s']:,.0f} s carry labels that {result['a']} or {result['b']} has no class for."
        )
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
