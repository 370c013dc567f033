"""The archive → recordings: new, gone and moved objects, and which recording of a call counts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.packed import unpacked
from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS
from ser_core.data.tables.store import STATE, TableStore, bucket_key, log_key
from ser_core.errors import PublishRefusedError
from ser_core.pipeline.engine.cluster import Cluster, Rows
from ser_core.pipeline.stages.archive_listing import ArchiveListing
from ser_core.pipeline.stages.listed_dates import ListedDates
from ser_core.pipeline.stages.merge_recordings import MergeDate
from ser_core.pipeline.stages.moved_recordings import copy_moved
from ser_core.pipeline.state.date_state import DateRules
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.inputs import fingerprint
from ser_core.pipeline.state.moves import mark_moved
from ser_core.pipeline.state.runs import TABLES_LEASE, Run
from ser_core.pipeline.state.scope import Scope

_log = logging.getLogger(__name__)
_WRITTEN = pa.schema([("files", pa.int64())])
_IDENTITY = f"{STATE}identity.json"
_COUNTS = ("call_date", "bucket", "listed", "known", "gone", "changed", "refused", "example")


class Ingest:
    """Lists the archive and brings `recordings` up to date."""

    name: ClassVar[str] = "ingest"
    leases: ClassVar[tuple[str, ...]] = (TABLES_LEASE,)
    required: ClassVar[tuple[str, ...]] = ("archive.uri",)

    def __init__(self, settings: Settings, scope: Scope | None = None) -> None:
        self.settings = settings
        self.scope = scope or Scope.of(settings)
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        self.listing = ArchiveListing(settings, self.scope.dates)
        self.rules = DateRules.of(settings, "")

    def run(self, cluster: Cluster, run: Run) -> None:
        """Lists the archive, merges the list with `recordings`, publishes, and quarantines recordings without a place.

        Raises:
            PublishRefusedError: a larger share of the known recordings is gone than `retention.max_gone_share`.
        """
        self.store.fence = run.fences.get(TABLES_LEASE)
        dates, identity = Dates(self.store), fingerprint(self.settings.archive)
        changed = self.store.storage.read_or_none(_IDENTITY) != _identity(identity)
        buckets = self.store.buckets(RECORDINGS, self.settings.tables.buckets)
        merge = MergeDate(self.store, self.rules, self.settings.archive.pattern, buckets, run.run_id, run.started_at)
        with self.listing.rows(cluster, run.run_id) as rows:
            listed = ListedDates(cluster, rows, self.store, self.scope, dates, identity_changed=changed)
            with listed.merged(merge) as merged:
                counts = [row for row in merged.table(*_COUNTS).to_pylist() if row["bucket"] == -1]
                self._check_gone(counts)
                self._publish(cluster, merged, listed, run)
        self._note(dates, counts, run)
        run.facts["listed"] = sum(row["listed"] for row in counts)
        run.facts["refused_now"] = sum(row["refused"] for row in counts)
        self._warn_refused(counts)
        if changed:
            self.store.put(_IDENTITY, _identity(identity))

    def _check_gone(self, counts: Iterable[Mapping[str, Any]]) -> None:
        """Refuses a listing that lacks too many of the known recordings."""
        known = sum(row["known"] for row in counts)
        gone = sum(row["gone"] for row in counts)
        limit = self.settings.retention.max_gone_share
        if known and gone / known > limit:
            archive = self.settings.archive
            raise PublishRefusedError(
                f"{gone} of the {known} recordings that were listed before are gone from {archive.uri} "
                f"({gone / known:.0%}; retention.max_gone_share allows {limit:.0%}), so nothing has been changed. "
                "Is the archive mounted and complete, and are archive.uri, archive.pattern and archive.extensions what "
                "they were? If these recordings were deleted on purpose, run once more with "
                "--retention.max-gone-share 1"
            )

    def _publish(self, cluster: Cluster, merged: Rows, listed: ListedDates, run: Run) -> None:
        """Writes what has changed: of moved recordings first their rows, then their new dates, then their old dates."""
        moves = listed.moves
        old_dates = sorted(set(moves["old_date"].to_pylist()))
        if old_dates:
            copied = copy_moved(self.store, run.run_id, moves)
            _log.info("%d recordings have another call date now: %d files copied", len(moves), copied)
            run.summary["moved"] = len(moves)
        mark_moved(self.store, old_dates)
        write = _Write(self.store, run.run_id)
        cluster.each(write, merged.but_dates(old_dates), _WRITTEN)
        if old_dates:
            cluster.each(write, merged.of_dates(old_dates), _WRITTEN)
            mark_moved(self.store, old_dates)

    def _note(self, dates: Dates, counts: Iterable[Mapping[str, Any]], run: Run) -> None:
        for row in counts:
            work = row["changed"] or row["refused"]
            if work or dates.row(row["call_date"]):
                noted = {"listed_at": run.started_at} if work else {}
                opened = {"open": True, "listed": row["listed"]} if work else {}
                dates.update(row["call_date"], run_id=run.run_id, **noted, **opened)
        dates.save()

    def _warn_refused(self, counts: Iterable[Mapping[str, Any]]) -> None:
        refused = [row for row in counts if row["refused"]]
        if refused:
            total, example = sum(row["refused"] for row in refused), refused[0]["example"]
            pattern = self.settings.archive.pattern
            _log.warning(
                "refused %d recordings, see quarantine: missing, forbidden, or not as archive.pattern %s says; such as %s",
                total, pattern, example,
            )  # fmt: skip


def _identity(digest: str) -> bytes:
    return json.dumps({"archive": digest}).encode()


@dataclass(frozen=True)
class _Write:
    """`mapInArrow` over rows of `MERGED`: writes buckets of `recordings` and files of `quarantine`."""

    store: TableStore
    run_id: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        files = 0
        for batch in batches:
            for row in batch.to_pylist():
                if row["rows"] is None:
                    continue
                rows, date = unpacked([row["rows"]]), row["call_date"]
                if row["bucket"] < 0:
                    self.store.write(log_key(QUARANTINE, self.run_id, 0, call_date=date), rows)
                else:
                    self.store.write(bucket_key(RECORDINGS, {"call_date": date}, row["bucket"]), rows)
                files += 1
        yield pa.RecordBatch.from_pylist([{"files": files}], schema=_WRITTEN)
