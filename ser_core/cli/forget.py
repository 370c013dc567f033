"""`ser forget`: a caller's right to erasure, and the end of a retention period."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings
from ser_core.config.privacy_settings import SECRET_VARIABLE
from ser_core.errors import SettingsError


def main(argv: Sequence[str]) -> int:
    """Erases calls from every table, proves it by reading the tables again, and keeps them from coming back."""
    parser = command_parser(
        "forget",
        "Erases calls from every table and keeps them out while their audio still lies in the archive. Needs a secret "
        f"({SECRET_VARIABLE}, or privacy.secret_file). Audio, transcripts, metadata, earlier versions of objects in a "
        "versioned bucket and clips given to annotators are not touched: erase those where they are kept.",
    )
    parser.add_argument("--call-id", action="append", default=[], metavar="ID", help="a call; may be given again")
    parser.add_argument("--before", metavar="DATE", help="or: every call of a date before it, YYYY-MM-DD")
    return run_command(parser, argv, _forget)


def _forget(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.cli.upkeep_run import run_upkeep  # noqa: PLC0415
    from ser_core.data.archive.pseudonyms import read_pseudonyms  # noqa: PLC0415 - loaded only when there is something to do
    from ser_core.data.upkeep.tombstones import read_tombstones  # noqa: PLC0415

    before = _date(arguments)
    pseudonyms = read_pseudonyms(settings.privacy)
    if pseudonyms is None:
        raise SettingsError(
            [f"`ser forget` needs a secret to keep calls out by: set {SECRET_VARIABLE} or privacy.secret_file"]
        )

    def work(store: Any, run: Any) -> Mapping[str, Any]:
        read_tombstones(store, pseudonyms)  # refuses another secret than before
        return _work(settings, pseudonyms, arguments.call_id, before, store, run)

    found = run_upkeep("forget", settings, work)
    return found, [Text(line) for line in _said(found)]


def _date(arguments: argparse.Namespace) -> dt.date | None:
    if bool(arguments.call_id) == bool(arguments.before):
        raise SettingsError(["command line: expected --call-id, once or more, or --before DATE"])
    try:
        return None if arguments.before is None else dt.date.fromisoformat(arguments.before)
    except ValueError:
        raise SettingsError([f"command line: --before {arguments.before!r}: expected YYYY-MM-DD"]) from None


def _work(
    settings: Settings, pseudonyms: Any, call_ids: Sequence[str], before: dt.date | None, store: Any, run: Any
) -> Mapping[str, Any]:
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
        done = Forget(pseudonyms, run.run_id, call_ids, before).run(store, corpus if apart else None)
    models = trained_on(open_storage(settings.models.uri, settings.storage), done.corpora)
    return {
        "recordings": done.recordings,
        "rows_erased": sum(done.rows.values()),
        "rows_left": sum(done.left.values()),
        "texts": done.texts,
        "rows": done.rows,
        "left": done.left,
        "models": models,
    }


def _said(found: Mapping[str, Any]) -> list[str]:
    if not found["rows_erased"]:
        return ["No table has rows of these calls. Should they come, ingest leaves them out."]
    rows = ", ".join(f"{name} {count}" for name, count in found["rows"].items())
    lines = [
        f"Erased {found['rows_erased']:,} rows of {found['recordings']:,} recordings ({rows}); read again, 0 are left.",
        "Ingest leaves these calls out. Their audio, transcripts and metadata are where they were.",
    ]
    if found["models"]:
        lines.append(f"Models trained on a corpus that held them: {', '.join(found['models'])}. Train anew without.")
    return lines
