"""`ser forget`: a caller's right to erasure, and the end of a retention period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import click
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.cli.parameters import date
from ser_core.config import Settings
from ser_core.config.privacy_settings import SECRET_VARIABLE
from ser_core.errors import SettingsError

_HELP = f"""Erases calls from every table, reads the tables again to prove it, and keeps the calls from coming back.

Needs a secret ({SECRET_VARIABLE}, or privacy.secret_file). Audio, transcripts, metadata, earlier versions of objects in
a versioned bucket and clips given to annotators are not touched: erase those where they are kept.
"""


@click.command(cls=SettingsCommand, sections=("privacy",), help=_HELP)
@click.option("--call-id", "call_ids", multiple=True, metavar="ID", help="a call; may be repeated")
@click.option("--before", type=date, metavar="DATE", help="or: every call of a date before it, YYYY-MM-DD")
def forget(settings: Settings, call_ids: Sequence[str], before: dt.date | None) -> Result:
    """Erases the calls named, or those before a date."""
    from ser_core.cli.upkeep_run import run_upkeep  # noqa: PLC0415 - loaded only when there is something to do
    from ser_core.data.archive.pseudonyms import read_pseudonyms  # noqa: PLC0415
    from ser_core.data.upkeep.tombstones import read_tombstones  # noqa: PLC0415

    if bool(call_ids) == bool(before):
        click.get_current_context().fail("expected --call-id, once or more, or --before DATE")
    pseudonyms = read_pseudonyms(settings.privacy)
    if pseudonyms is None:
        raise SettingsError(
            [f"`ser forget` needs a secret to keep calls out by: set {SECRET_VARIABLE} or privacy.secret_file"]
        )

    def work(store: Any, run: Any) -> Mapping[str, Any]:
        read_tombstones(store, pseudonyms)  # refuses another secret than before
        return _forget(settings, pseudonyms, call_ids, before, store, run)

    facts = run_upkeep("forget", settings, work)
    return facts, [Text(line) for line in _lines(facts)]


def _forget(
    settings: Settings, pseudonyms: Any, call_ids: Sequence[str], before: dt.date | None, store: Any, run: Any
) -> Mapping[str, Any]:
    from ser_core.cli.open import open_models  # noqa: PLC0415
    from ser_core.cli.upkeep_run import KINDS  # noqa: PLC0415
    from ser_core.data.storage import open_storage  # noqa: PLC0415
    from ser_core.data.storage.lease import held  # noqa: PLC0415
    from ser_core.data.tables.schemas import RECORDINGS  # noqa: PLC0415
    from ser_core.data.tables.store import TableStore  # noqa: PLC0415
    from ser_core.data.upkeep.forget import Forget, trained_on  # noqa: PLC0415

    corpus = TableStore(open_storage(settings.corpus.tables_uri, settings.storage))
    with ExitStack() as stack:
        apart = corpus.storage.uri != store.storage.uri and bool(corpus.files(RECORDINGS))
        if apart:
            leases = held(corpus.storage, KINDS, run.run_id, "forget", settings.lease.expiry_s)
            corpus.fence = stack.enter_context(leases)["score"]
        erased = Forget(pseudonyms, run.run_id, call_ids, before).run(store, corpus if apart else None)
    return {
        "recordings": erased.recordings,
        "rows_erased": sum(erased.rows.values()),
        "rows_left": sum(erased.left.values()),
        "texts": erased.texts,
        "rows": erased.rows,
        "left": erased.left,
        "models": trained_on(open_models(settings), erased.corpora),
    }


def _lines(facts: Mapping[str, Any]) -> list[str]:
    if not facts["rows_erased"]:
        return ["No table has rows of these calls. Should they come, ingest leaves them out."]
    rows = ", ".join(f"{name} {count}" for name, count in facts["rows"].items())
    lines = [
        f"Erased {facts['rows_erased']:,} rows of {facts['recordings']:,} recordings ({rows}); read again, 0 are left.",
        "Ingest leaves these calls out. Their audio, transcripts and metadata are where they were.",
    ]
    if facts["models"]:
        lines.append(f"Models trained on a corpus that held them: {', '.join(facts['models'])}. Train anew without.")
    return lines
