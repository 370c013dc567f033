"""`ser trace`: what is known of one call, from its object in the archive to its scores."""

from __future__ import annotations

import click
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.config import Settings
from ser_core.errors import QueryError


@click.command(cls=SettingsCommand, sections=("call_date",))
@click.option("--call-id", required=True, metavar="ID", help="the call")
def trace(settings: Settings, call_id: str) -> Result:
    """Prints every row, version, refusal, run and model of one call, in order of time (UTC).

    With --call-date, only that date is read, and dates between which the call has moved. Without it, `recordings` is
    looked through for every date that has the call.
    """
    from ser_core.cli.open import open_filled_tables, open_models  # noqa: PLC0415 - loaded only when there is work
    from ser_core.data.archive.pseudonyms import read_pseudonyms  # noqa: PLC0415
    from ser_core.data.upkeep.trace import summarised, trace  # noqa: PLC0415

    store, day = open_filled_tables(settings), settings.call_date
    events = trace(store, open_models(settings), call_id, day, read_pseudonyms(settings.privacy))
    if not events:
        where = f"on {day}" if day else "on any date"
        raise QueryError(
            f"No table below {settings.tables.uri} has the call {call_id!r} {where}: expected a call_id as "
            "`recordings` has it, or, where they are hashed, as the archive names it and the secret beside it"
        )
    dates = sorted({str(event.row["call_date"]) for event in events if event.table == "recordings"})
    shown = Table(title=f"Call {call_id}, {', '.join(dates) or day}", title_justify="left")
    for name in ("at", "table", "run", "what"):
        shown.add_column(name, overflow="fold", no_wrap=name in {"at", "table"})
    for line in summarised(events):
        shown.add_row(*(Text(value) for value in line.values()))
    return {"call_id": call_id, "call_dates": dates, "events": [event.to_json() for event in events]}, [shown]
