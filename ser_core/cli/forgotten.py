"""The work of `ser forget` on the archive's tables, and on those of corpora."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ser_core.cli.open import open_models
from ser_core.config import Settings
from ser_core.config.corpus_list import each_corpus
from ser_core.config.privacy_settings import SECRET_VARIABLE
from ser_core.data.archive.pseudonyms import Pseudonyms, read_pseudonyms
from ser_core.data.storage import open_storage
from ser_core.data.storage.lease import held
from ser_core.data.tables.layout import check_layout, has_tables
from ser_core.data.tables.schemas import LABELS, RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.data.tables.table import Table
from ser_core.data.upkeep.call_rows import Calls, Places, find, find_uris, find_where
from ser_core.data.upkeep.date_counts import date_counts
from ser_core.data.upkeep.drop_dates import dates_before, drop_dates
from ser_core.data.upkeep.forget import Forgotten, erase, erase_labels, keep_out, trained_on
from ser_core.data.upkeep.run_texts import erase_old_texts
from ser_core.data.upkeep.tombstones import check_secret, keep_from
from ser_core.errors import SettingsError
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.runs import TABLES_LEASE, Run


def forget_calls(
    settings: Settings, call_ids: Sequence[str], where: tuple[str, str] | None, store: TableStore, run: Run
) -> Mapping[str, Any]:
    """Erases calls by name, or by a key and value of their metadata; on the date of the settings, or on every date.

    Raises:
        SettingsError: there is no secret, or not the one that was used before.
        SerError: rows are left.
    """
    pseudonyms = read_pseudonyms(settings.privacy)
    if pseudonyms is None:
        raise SettingsError(
            [f"`ser forget` needs a secret to keep calls out by: set {SECRET_VARIABLE} or privacy.secret_file"]
        )
    check_secret(store, pseudonyms)
    names = {kept for call_id in call_ids for kept in pseudonyms.as_kept("call_id", call_id)}
    day = settings.call_date
    places = find_where(store, where[0], pseudonyms.as_kept(*where), day) if where else find(store, names, day)
    with _corpora(settings, store, run) as corpora:
        done = _forget_in_corpora(corpora, places, names if day is None else (), pseudonyms, run.run_id)
        keep_out(store, run.run_id, pseudonyms, places, call_ids if day is None else ())
        done.add(erase(store, places, _noting(store)))
    return {
        "recordings": done.recordings,
        "dates": [str(date) for date in sorted(done.dates)],
        "rows_erased": sum(done.rows.values()),
        "rows_left": sum(done.left.values()),
        "texts": done.texts,
        "rows": done.rows,
        "left": done.left,
        "models": trained_on(open_models(settings), done.corpora),
    }


def forget_before(settings: Settings, before: dt.date, store: TableStore, run: Run) -> Mapping[str, Any]:
    """Removes whole dates, and keeps out what is of an earlier date.

    Raises:
        SettingsError: a corpus has recordings of these dates, and there is no secret to keep them out by.
        SerError: files are left.
    """
    pseudonyms = read_pseudonyms(settings.privacy)
    keep_from(store, before)
    erased = Forgotten(texts=erase_old_texts(store, before))
    dates = Dates(store)
    with _corpora(settings, store, run) as corpora:

        def dropping(date: dt.date, calls: Calls) -> None:
            erased.add(_forget_in_corpora(corpora, {date: calls}, (), pseudonyms, f"{run.run_id}-{date}"))
            erase_labels(store, calls.recording_ids, erased)

        labelled = _values(store, LABELS, "recording_id")
        uris = {uri for corpus in corpora for uri in _values(corpus, RECORDINGS, "uri")}
        every = dates_before(store, before, dates)
        done = drop_dates(store, every, labelled, uris, dropping)
    for date in every:
        dates.forget(date)
    dates.save()
    return {
        "dates": [str(date) for date in done.dates],
        "recordings": done.recordings,
        "files": done.files,
        "files_left": 0,
        "texts": erased.texts,
        "models": trained_on(open_models(settings), erased.corpora),
    }


@contextmanager
def _corpora(settings: Settings, store: TableStore, run: Run) -> Iterator[list[TableStore]]:
    """The tables of corpora with their leases, without those of no corpus yet, and without the archive's own."""
    places = [settings.corpus.tables_uri, *(own.corpus.tables_uri for own, _ in each_corpus(settings))]
    corpora = [TableStore(open_storage(uri, settings.storage)) for uri in dict.fromkeys(places)]
    used = [corpus for corpus in corpora if corpus.storage.uri != store.storage.uri and has_tables(corpus)]
    with ExitStack() as stack:
        for corpus in used:
            lease = held(corpus.storage, [TABLES_LEASE], run.run_id, run.job, settings.lease.expiry_s)
            fences = stack.enter_context(lease)
            check_layout(corpus)
            corpus.fence = fences[TABLES_LEASE]
        yield used


def _forget_in_corpora(
    corpora: Sequence[TableStore],
    places: Places,
    call_ids: Collection[str],
    pseudonyms: Pseudonyms | None,
    name: str,
) -> Forgotten:
    """Erases the same recordings from tables of corpora, by uri, and calls by name; `name` is that of tombstones."""
    done = Forgotten()
    for corpus in corpora:
        found = find_uris(corpus, places.values(), call_ids)
        if not found:
            continue
        if pseudonyms is None:
            fault = f"{corpus.storage.uri} has recordings of these calls, and a secret is needed to keep them out by"
            raise SettingsError([f"{fault}: set {SECRET_VARIABLE} or privacy.secret_file"])
        check_secret(corpus, pseudonyms)
        keep_out(corpus, name, pseudonyms, found)
        done.add(erase(corpus, found, _noting(corpus)))
    return done


def _noting(store: TableStore) -> Callable[[dt.date, Calls], None]:
    """Writes into `dates` what a date has left."""
    dates = Dates(store)

    def note(date: dt.date, calls: Calls) -> None:
        row = dates.row(date)
        if row:
            dates.update(date, **date_counts(store, date, calls, row["model_version"]))
            dates.save()

    return note


def _values(store: TableStore, table: Table, column: str) -> set[str]:
    columns = (store.read(key, (column,))[column].to_pylist() for key in store.files(table))
    return {value for values in columns for value in values if value}
