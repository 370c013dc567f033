"""Figures of nights and commands at several sizes, and their ratios."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.counted import Request
from tests.benchmarks.watched import Watched

_RATIOS = {
    "requests_idle": ("idle", "requests"),
    "seconds_idle": ("idle", "seconds"),
    "requests_busy": ("busy", "requests"),
    "seconds_busy": ("busy", "seconds"),
    "bytes_idle": ("idle", "bytes_read"),
    "query_seconds": ("query", "seconds"),
    "trace_seconds": ("trace", "seconds"),
    "forget_seconds": ("forget", "seconds"),
}


Figures = dict[str, dict[str, float]]


def figures_of(watched: Watched, requests: Sequence[Request]) -> dict[str, float]:
    figures = {name: value for name, value in watched._asdict().items() if name != "stdout"}
    figures["requests"] = sum(each.requests for each in requests)
    figures["bytes_read"] = sum(each.bytes_read for each in requests)
    return figures


def median_of(rounds: Sequence[Figures]) -> Figures:
    return {
        what: {name: statistics.median(each[what][name] for each in rounds) for name in figures}
        for what, figures in rounds[0].items()
    }


def ratios(first: Figures, last: Figures) -> dict[str, float]:
    """The figures of one size against those of another; of memory, the larger of both nights."""
    values = {name: last[what][figure] / first[what][figure] for name, (what, figure) in _RATIOS.items()}
    values["memory"] = max(last[what]["memory_mb"] / first[what]["memory_mb"] for what in ("idle", "busy"))
    return {name: round(value, 3) for name, value in values.items()}


def ends(figures: Mapping[int, Figures], sizes: Sequence[int]) -> tuple[Figures, Figures]:
    return figures[sizes[0]], figures[sizes[-1]]


def figures_text(result: Mapping[str, Any]) -> str:
    lines = []
    for number, size in result["nights"].items():
        lines.append(f"{number} nights ({size['dates']} dates of {result['calls']} calls, made in {size['made_s']} s)")
        for what in ("idle", "busy", "query", "trace", "forget"):
            lines.append(f"  {what:6} " + ", ".join(f"{name} {value:,.1f}" for name, value in size[what].items()))
    lines += [f"{name:16} {value}" for name, value in result["ratios"].items()]
    return "\n".join(lines) + "\n"
