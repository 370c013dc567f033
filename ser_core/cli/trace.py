"""`ser trace`: what is known of one call, from its object in the archive to its scores."""

from __future__ import annotations

import click
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.config import Settings
from ser_core.errors import QueryError


@click.command(cls=SettingsCommand)
@click.option("--call-id", required=True, metavar="ID", help="the call")
def trace(settings: Settings, call_id: str) -> Result:
    """Prints every row, version, refusal, run and model of one call, in order of time (UTC)."""
    from ser_core.cli.open import open_models, open_tables  # noqa: PLC0415 - loaded only when there is something to ask
    from ser_core.data.archive.pseudonyms import read_pseudonyms  # noqa: PLC0415
    from ser_core.data.upkeep.trace import summarised, trace  # noqa: PLC0415

    events = trace(open_tables(settings), open_models(settings), call_id, read_pseudonyms(settings.privacy))
    if not events:
        raise QueryError(
            f"No table below {settings.tables.uri} has the call {call_id!r}: expected a call_id as "
            "`recordings` has it, or, where they are hashed, as the archive names it and the secret beside it"
        )
    shown = Table(title=f"Call {call_id}", title_justify="left")
    for name in ("at", "table", "run", "what"):
        shown.add_column(name, overflow="fold", no_wrap=name in {"at", "table"})
    for line in summarised(events):
        shown.add_row(*(Text(value) for value in line.values()))
    return {"call_id": call_id, "events": [event.to_json() for event in events]}, [shown]
