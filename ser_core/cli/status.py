"""`ser status`: whether all is well, and what is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.config import Settings
from ser_core.errors import PublishRefusedError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ser_core.pipeline.state.health import Health, Row

_MOST_PROBLEMS = 20
_COUNTS = {"listed": "listed", "new": "extracted", "refused": "refused_now", "calls": "scored_calls"}
_MOMENT = "%Y-%m-%d %H:%M"


@click.command(cls=SettingsCommand)
def status(settings: Settings) -> Result:
    """Prints the last nights, what somebody has to look at, refusals, and who holds the lease.

    The exit code is 0 when all is well, and 4 when a date is held back or missing, or a run has failed or is stalled.
    Refusals are those of open dates and of the last seven.
    """
    from ser_core.cli.open import open_filled_tables  # noqa: PLC0415 - loaded only when there is something to ask
    from ser_core.pipeline.state.health import Health  # noqa: PLC0415

    health = Health(open_filled_tables(settings), settings, dt.datetime.now(dt.UTC))
    facts = {**_facts(health), "exit_code": PublishRefusedError.exit_code if health.problems else 0}
    return {"tables_uri": settings.tables.uri, **facts}, list(_shown(health, settings))


def _facts(health: Health) -> dict[str, Any]:
    return {
        "problems": [asdict(problem) for problem in health.problems],
        "nights": health.last_nights,
        "held": {str(date): reason for date, reason in health.dates.held().items()},
        "missing": [str(date) for date in health.missing],
        "open": [str(date) for date in health.dates.open_dates()],
        "quarantine": {reason: counts.total() for reason, counts in health.refusals.items()},
        "leases": {kind: _holding(health, kind) for kind in health.holders},
        "stalled": [row["run_id"] for row in health.stalled],
    }


def _holding(health: Health, kind: str) -> dict[str, Any]:
    holder = health.holders[kind]
    at = health.running(holder)
    progress = {name: at.get(name) for name in ("stage", "units_done", "units_total", "updated_at")}
    return {**holder._asdict(), **progress, "stage": progress["stage"] or at.get("job")}


def _shown(health: Health, settings: Settings) -> Iterator[RenderableType]:
    yield Text(f"Tables below {settings.tables.uri}", style="bold")
    if health.last_nights:
        yield _nights(health.last_nights)
    yield from _problems(health)
    if health.refusals:
        yield _refusals(health)
    opened = health.dates.open_dates()
    if opened:
        yield Text(f"Dates with work left: {len(opened)}, from {opened[0]} to {opened[-1]}")
    for kind in health.holders:
        yield Text(_lease_line(kind, _holding(health, kind)))
    if not health.holders:
        yield Text("Nobody holds a lease: no run is at work")


def _nights(rows: list[Row]) -> Table:
    of_nights = rows[0]["job"] == "nightly"
    first, title = ("night of", "Last nights") if of_nights else ("job", "Last runs")
    table = _table(title, first, "started, UTC", "status")
    for name in (*_COUNTS, "min"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        words = (str(row["day"] if of_nights else row["job"]), f"{row['started_at']:{_MOMENT}}", row["status"])
        counts = ("–" if row[name] is None else f"{row[name]:,}" for name in _COUNTS.values())
        table.add_row(*map(Text, (*words, *counts, "–" if row["wall_s"] is None else f"{row['wall_s'] / 60:,.1f}")))
    return table


def _problems(health: Health) -> Iterator[RenderableType]:
    problems = health.problems
    if not problems:
        yield Text("All is well: no date is held back or missing, and no run has failed or is stalled", style="green")
        return
    yield Text(f"To look at: {len(problems)}", style="bold red")
    for problem in problems[:_MOST_PROBLEMS]:
        yield Padding(Text(problem.text), (0, 0, 0, 2), expand=False)
        if problem.command:
            yield Padding(Text(problem.command, style="bold"), (0, 0, 0, 6), expand=False)
    if len(problems) > _MOST_PROBLEMS:
        yield Padding(Text(f"and {len(problems) - _MOST_PROBLEMS} more: see --json"), (0, 0, 0, 2))


def _refusals(health: Health) -> Table:
    table = _table("Refused, of open dates and the last seven", "reason")
    table.add_column("recordings", justify="right")
    table.add_column("dates")
    for reason, counts in health.refusals.items():
        days = sorted(counts)
        text = f"{days[0]}" if len(days) == 1 else f"{len(days)} from {days[0]} to {days[-1]}"
        table.add_row(*map(Text, (reason, f"{counts.total():,}", text)))
    return table


def _lease_line(kind: str, holding: dict[str, Any]) -> str:
    line = f"{holding['job']} {holding['run_id']} holds the lease of {kind} since {holding['since']:{_MOMENT}} UTC"
    if holding["units_total"]:
        return f"{line}; {holding['stage']}: {holding['units_done'] or 0:,} of {holding['units_total']:,}"
    return f"{line}; at {holding['stage']}" if holding["stage"] else line


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1))
    for name in names:
        table.add_column(name, no_wrap=True)
    return table
