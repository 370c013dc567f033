"""`ser quarantine`: which recordings are refused and why, and another try for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.config import Settings
from ser_core.errors import TRANSIENT_REASONS, Reason

if TYPE_CHECKING:
    import datetime as dt

    from ser_core.data.tables.store import TableStore
    from ser_core.data.upkeep.refusals import Refused


@click.command(cls=SettingsCommand, sections=("call_date", "call_dates", "quarantine"))
@click.option("--reason", type=click.Choice([reason.value for reason in Reason]), help="of one reason only")
@click.option("--retry", is_flag=True, help="clear these refusals: the next run tries the recordings again")
def quarantine(settings: Settings, reason: str | None, retry: bool) -> Result:
    """Lists refused recordings by date, reason and rule, with one example of each.

    A refusal counts while the recording is there in that version and has not been extracted. It is tried again by
    itself where the rule has changed that refused it, and up to quarantine.max_attempts times where the machine or the
    storage was at fault.
    """
    from ser_core.cli.open import open_filled_tables  # noqa: PLC0415 - loaded only when there is something to ask
    from ser_core.cli.upkeep_run import run_upkeep  # noqa: PLC0415

    if retry:
        facts = run_upkeep("quarantine", settings, lambda store, run: _clear(settings, reason, store))
        cleared = f"Cleared {facts['cleared']:,} refusals on {len(facts['call_dates'])} dates"
        return facts, [Text(f"{cleared}: the next night, or `ser extract`, tries the recordings again")]
    refusals = _refusals(settings, open_filled_tables(settings), reason)
    facts = {"recordings": sum(row["count"] for row in refusals), "refusals": refusals}
    return facts, [_shown(refusals)] if refusals else [Text("No recording is refused")]


def _refusals(settings: Settings, store: TableStore, reason: str | None) -> list[dict[str, Any]]:
    from ser_core.data.upkeep.refusals import refused  # noqa: PLC0415
    from ser_core.pipeline.state.refusal_rules import refusal_rules  # noqa: PLC0415

    rules, most = refusal_rules(settings), settings.quarantine.max_attempts
    found = [group for date in _dates(settings, store) for group in refused(store, date, reason)]
    return [{**asdict(group), "tried_again": _is_tried_again(group, rules, most)} for group in found]


def _is_tried_again(group: Refused, rules: Mapping[str, str], max_attempts: int) -> bool:
    if rules.get(group.reason) != group.refused_by:
        return True
    return group.reason in TRANSIENT_REASONS and group.attempts < max_attempts


def _clear(settings: Settings, reason: str | None, store: TableStore) -> dict[str, Any]:
    """Clears refusals; their dates are opened first, should the run be stopped."""
    from ser_core.data.upkeep.refusals import clear_refusals, refused  # noqa: PLC0415
    from ser_core.pipeline.state.dates import Dates  # noqa: PLC0415

    chosen = [date for date in _dates(settings, store) if refused(store, date, reason)]
    dates = Dates(store)
    for date in chosen:
        dates.update(date, open=True)
    dates.save()
    cleared = sum(clear_refusals(store, date, reason) for date in chosen)
    return {"cleared": cleared, "call_dates": [str(date) for date in chosen]}


def _dates(settings: Settings, store: TableStore) -> Sequence[dt.date]:
    """The dates of the settings, else those that have refusals."""
    import datetime as dt  # noqa: PLC0415

    from ser_core.data.tables.schemas import QUARANTINE  # noqa: PLC0415
    from ser_core.pipeline.state.dates import Dates  # noqa: PLC0415
    from ser_core.pipeline.state.scope import Scope  # noqa: PLC0415

    scope, noted = Scope.of(settings), Dates(store)
    if scope.dates is not None:
        return scope.dates
    every = sorted(dt.date.fromisoformat(values["call_date"]) for values in store.partitions(QUARANTINE))
    return [date for date in every if noted.row(date).get("refused") != 0 or noted.row(date)["open"]]


def _shown(refusals: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=f"{sum(row['count'] for row in refusals):,} refused recordings", title_justify="left")
    for name in ("date", "reason", "recordings", "tried again", "refused by", "example"):
        table.add_column(name, overflow="fold", justify="right" if name == "recordings" else "left")
    for row in refusals:
        example = f"{row['uri']}: {row['detail']}" if row["detail"] else row["uri"]
        again = "yes" if row["tried_again"] else "no"
        texts = (str(row["call_date"]), row["reason"], f"{row['count']:,}", again, row["refused_by"] or "–", example)
        table.add_row(*map(Text, texts))
    return table
