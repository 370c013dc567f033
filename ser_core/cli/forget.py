"""`ser forget`: a caller's right to erasure, and the end of a retention period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.cli.parameters import date
from ser_core.config import Settings
from ser_core.config.privacy_settings import SECRET_VARIABLE

_HELP = f"""Erases calls from every table, reads their dates again to prove it, and keeps the calls from coming back.

A call is named by --call-id, or has KEY=VALUE in its metadata. With --call-date, only that date is read, and dates
between which the call has moved. Without it, `recordings` is looked through, and the call leaves every date.

--call-id and --where need a secret ({SECRET_VARIABLE}, or privacy.secret_file), and from then on every run of ingest
and nightly needs it too. Audio, transcripts, metadata, earlier versions of objects in a versioned bucket and clips of
annotators are not touched: erase those where they are kept.
"""
_SHOWN = 10


@click.command(cls=SettingsCommand, sections=("call_date", "privacy"), help=_HELP)
@click.option("--call-id", "call_ids", multiple=True, metavar="ID", help="a call; may be repeated")
@click.option("--where", metavar="KEY=VALUE", help="or: calls with this agent_id, queue or other metadata")
@click.option("--before", type=date, metavar="DATE", help="or: every call of a date before it, YYYY-MM-DD")
def forget(settings: Settings, call_ids: Sequence[str], where: str | None, before: dt.date | None) -> Result:
    """Erases the calls named, or those before a date."""
    from ser_core.cli.forgotten import forget_before, forget_calls  # noqa: PLC0415 - loaded only when there is work
    from ser_core.cli.upkeep_run import run_upkeep  # noqa: PLC0415

    fail = click.get_current_context().fail
    if sum(map(bool, (call_ids, where, before))) != 1:
        fail("expected one of: --call-id ID (once or more), --where KEY=VALUE, --before DATE")
    if before is not None:
        if settings.call_date is not None:
            fail("--before names whole dates: leave out --call-date")
        facts = run_upkeep("forget", settings, lambda store, run: forget_before(settings, before, store, run))
        return facts, [Text(line) for line in _dropped_lines(facts, before)]
    key, equals, value = (where or "").partition("=")
    if where is not None and not (key and equals and value):
        fail(f"--where {where!r}: expected KEY=VALUE, such as customer_number=4711")
    wanted = (key, value) if where else None
    facts = run_upkeep("forget", settings, lambda store, run: forget_calls(settings, call_ids, wanted, store, run))
    return facts, [Text(line) for line in _lines(facts)]


def _lines(facts: Mapping[str, Any]) -> list[str]:
    secret = f"Every later run of ingest and nightly needs the secret ({SECRET_VARIABLE}, or privacy.secret_file)."
    if not facts["rows_erased"]:
        return ["No table has rows of these calls. Should they come, ingest leaves them out.", secret]
    rows = ", ".join(f"{name} {count}" for name, count in facts["rows"].items())
    lines = [
        f"Erased {facts['rows_erased']:,} rows of {facts['recordings']:,} recordings ({rows}); read again, 0 are left.",
        f"Call dates: {_listed(facts['dates'])}.",
        "Ingest leaves these calls out. Their audio, transcripts and metadata are where they were.",
        secret,
    ]
    return [*lines, *_models(facts)]


def _dropped_lines(facts: Mapping[str, Any], before: dt.date) -> list[str]:
    out = f"Ingest leaves out every call before {before}."
    if not facts["dates"]:
        return [f"No table has a date before {before}.", out]
    removed = f"{facts['recordings']:,} recordings, {facts['files']:,} files; 0 are left"
    return [f"Removed {len(facts['dates'])} call dates: {removed}.", out, *_models(facts)]


def _models(facts: Mapping[str, Any]) -> list[str]:
    if not facts["models"]:
        return []
    return [f"Models trained on a corpus that held them: {', '.join(facts['models'])}. Train anew without."]


def _listed(dates: Sequence[str]) -> str:
    more = len(dates) - _SHOWN
    return ", ".join(dates[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
