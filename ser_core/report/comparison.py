"""A comparison of two models at a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def comparison_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """What `ser model compare --json` prints, for a person."""
    parts: list[RenderableType] = [Text(_summary(found)), _shift(found), _confusion(found)]
    if found["labels"]:
        parts.append(_labels(found["labels"], found))
    return [*parts, *(Text(note, style="yellow") for note in found["notes"])]


def _summary(found: Mapping[str, Any]) -> str:
    dates, channels, agreed = found["dates"], found["channels"], found["agreement"]
    days = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]} ({len(dates)} dates)"
    only = "".join(f", {channels[of]:,} more by {found[of]} only" for of in "ab" if channels[of])
    undecided = ", ".join(f"{found[of]} {_percent(found['undecided'][of])}" for of in "ab")
    return (
        f"A is {found['a']}, B is {found['b']}. {days}: {channels['both']:,} channels by both{only}, "
        f"{found['speech_s'] / 3600:.2f} h of speech; undecided: {undecided}.\n"
        f"They agree on {_percent(agreed['share'])} of the speech that both decided on, Cohen's kappa "
        f"{_number(agreed['kappa'])}.\n"
        f"Population stability index {_number(found['shift']['psi'])}: below 0.1 the shares are about the same, above "
        "0.25 they have changed much."
    )


def _shift(found: Mapping[str, Any]) -> Table:
    table = _table("Share of decided speech time", "emotion", "A", "B", "B - A")
    for name, row in found["shift"]["classes"].items():
        difference = "–" if row["difference"] is None else f"{row['difference']:+.1%}"
        table.add_row(name, _percent(row["a"]), _percent(row["b"]), difference)
    return table


def _confusion(found: Mapping[str, Any]) -> Table:
    seconds = found["confusion_s"]
    there = [name for name in seconds if sum(seconds[name].values()) or sum(row[name] for row in seconds.values())]
    table = _table("Seconds of speech: A down, B across", "", *there)
    for name in there:
        cells = [f"{seconds[name][other]:,.0f}" for other in there]
        table.add_row(
            name, *(Text(cell, style="bold" if name == of else "") for cell, of in zip(cells, there, strict=True))
        )
    return table


def _labels(labels: Mapping[str, Any], found: Mapping[str, Any]) -> Table:
    title = f"Recall where people have listened, {labels['calls']:,} calls, by speech time; 95 % interval over calls"
    table = _table(title, "emotion", "A", "B", "B - A", "95 %", "labelled s")
    for name, row in {**labels["recall"], "unweighted average": labels["uar"]}.items():
        interval = "–" if row["ci95"] is None else "{:+.1%} to {:+.1%}".format(*row["ci95"])
        cells = (_percent(row["a"]), _percent(row["b"]), f"{row['difference']:+.1%}", interval)
        table.add_row(name, *cells, f"{row['speech_s']:,.0f}")
    if labels["left_out_s"]:
        table.caption = (
            f"{labels['left_out_s']:,.0f} s carry labels that {found['a']} or {found['b']} has no class for."
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
