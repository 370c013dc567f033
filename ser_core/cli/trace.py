"""`ser trace`: what is known of one call, from its object in the archive to its scores."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings
from ser_core.errors import QueryError


def main(argv: Sequence[str]) -> int:
    """Prints every row, version, refusal, run and model of one call in order of time."""
    parser = command_parser("trace", "Every row, version, refusal, run and model of one call, in order of time (UTC).")
    parser.add_argument("--call-id", required=True, metavar="ID")
    return run_command(parser, argv, _trace)


def _trace(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.data.archive.pseudonyms import read_pseudonyms  # noqa: PLC0415 - loaded only when there is something to ask
    from ser_core.data.storage import open_storage  # noqa: PLC0415
    from ser_core.data.tables.store import TableStore  # noqa: PLC0415
    from ser_core.data.upkeep.trace import summarised, trace  # noqa: PLC0415

    store = TableStore(open_storage(settings.tables.uri, settings.storage))
    models = open_storage(settings.models.uri, settings.storage)
    events = trace(store, models, arguments.call_id, read_pseudonyms(settings.privacy))
    if not events:
        raise QueryError(
            f"No table below {settings.tables.uri} has the call {arguments.call_id!r}: expected a call_id as "
            "`recordings` has it, or, where they are hashed, as the archive names it and the secret beside it"
        )
    shown = Table(title=f"Call {arguments.call_id}", title_justify="left")
    for name in ("at", "table", "run", "what"):
        shown.add_column(name, overflow="fold", no_wrap=name in {"at", "table"})
    for line in summarised(events):
        shown.add_row(*(Text(value) for value in line.values()))
    return {"call_id": arguments.call_id, "events": [event.to_json() for event in events]}, [shown]
