"""The archive → recordings: new, gone and moved objects, and which recording of a call counts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ser_core.config import Settings
from ser_core.data.storage import check_place, open_storage
from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.errors import PublishRefusedError, Reason
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.archive_listing import ArchiveListing
from ser_core.pipeline.stages.listed_dates import ListedDates, any_may_move
from ser_core.pipeline.stages.merge_recordings import MergeDate
from ser_core.pipeline.stages.publish_recordings import publish_recordings
from ser_core.pipeline.state.date_state import DateRules
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.hold_rules import HoldRule, gone_reasons, held_lines
from ser_core.pipeline.state.identity_settings import IdentitySettings
from ser_core.pipeline.state.moves import keep_may_move, may_move, unfinished_moves
from ser_core.pipeline.state.runs import TABLES_LEASE, Run
from ser_core.pipeline.state.scope import Scope

_log = logging.getLogger(__name__)
_COUNTS = (
    "call_date", "bucket", "listed", "live", "known", "gone", "changed", "may_move", "without_metadata", "reasons",
    "example",
)  # fmt: skip

Counts = Sequence[Mapping[str, Any]]


class Ingest:
    """Lists the archive and brings `recordings` up to date.

    Where `archive.pattern` or `archive.timezone` has changed, the whole archive is listed, whatever the scope: either
    may give any recording another date.
    """

    name: ClassVar[str] = "ingest"
    leases: ClassVar[tuple[str, ...]] = (TABLES_LEASE,)
    required: ClassVar[tuple[str, ...]] = ("archive.uri",)

    def __init__(self, settings: Settings, scope: Scope | None = None) -> None:
        self.settings = settings
        self.scope = scope or Scope.of(settings)
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        check_place("tables.uri", self.store.storage, may_be_new=True)
        self.listing = ArchiveListing(settings)
        self.rules = DateRules.of(settings, "")

    def run(self, cluster: Cluster, run: Run) -> None:
        """Lists the archive, merges the list with `recordings`, publishes, and quarantines recordings without a place.

        Raises:
            PublishRefusedError: a larger share of the known recordings is gone than `retention.max_gone_share`.
        """
        self.store.fence = run.fences.get(TABLES_LEASE)
        dates, identity = Dates(self.store), IdentitySettings(self.store, self.settings)
        unfinished = unfinished_moves(self.store)
        scope = Scope(None) if identity.changed else self.scope.with_dates(unfinished)
        if identity.changed:
            _log.info("archive.pattern or archive.timezone has changed: every date is listed")
        with self.listing.rows(cluster, run.run_id, scope.dates) as listed:
            known = unfinished | (may_move(self.store) if any_may_move(listed) else set())
            places = Scope(None).listed(self.store) if identity.changed else sorted(known)
            with ListedDates(cluster, listed, self.store, scope, places, dates.listed(places)) as by_date:
                moves = by_date.moves()
                with by_date.merged(self._merge(run, scope), moves) as merged:
                    counts = [row for row in merged.table(*_COUNTS).to_pylist() if row["bucket"] == -1]
                    self._check_gone(counts, dates, run)
                    self._note(dates, counts, run)
                    moved = publish_recordings(cluster, self.store, run.run_id, merged, moves)
        stay = {row["call_date"] for row in counts if not row["may_move"]}
        keep_may_move(self.store, may_move(self.store) - stay)
        identity.keep()
        self._report(counts, moved, run)

    def _merge(self, run: Run, scope: Scope) -> MergeDate:
        settings, below = self.settings, self.listing.listed_below(scope.dates)
        buckets = self.store.buckets(RECORDINGS, settings.tables.buckets)
        return MergeDate(
            self.store, self.rules, settings.roles, settings.archive.pattern, below, buckets, run.run_id, run.started_at
        )

    def _check_gone(self, counts: Counts, dates: Dates, run: Run) -> None:
        """Refuses a listing that lacks too many of the known recordings, and notes the dates that lack them."""
        known = sum(row["known"] for row in counts)
        gone = sum(row["gone"] for row in counts)
        limit = self.settings.retention.max_gone_share
        if known and gone / known > limit:
            archive = self.settings.archive
            held = gone_reasons(counts, limit)
            for date, reason in held.items():
                dates.hold(date, reason, run.run_id, run.started_at)
            dates.save()
            raise PublishRefusedError(
                f"{gone} of the {known} recordings that were listed before are gone from {archive.uri} "
                f"({gone / known:.0%}; retention.max_gone_share allows {limit:.0%}), so nothing has been changed. "
                "Is the archive mounted and complete, and are archive.uri, archive.pattern and archive.extensions what "
                "they were? If these recordings were deleted on purpose, run once more with "
                f"--retention.max-gone-share 1\n{held_lines(held)}"
            )

    def _note(self, dates: Dates, counts: Counts, run: Run) -> None:
        """Opens the dates that change, before they do: a run that is killed later has left them open."""
        for row in counts:
            dates.free(row["call_date"], {HoldRule.GONE})
            if row["changed"] or row["reasons"]:
                noted = {"open": True, "listed": row["live"], "listed_at": run.started_at}
                dates.update(row["call_date"], run_id=run.run_id, **noted)
        dates.save()
        keep_may_move(self.store, may_move(self.store) | {row["call_date"] for row in counts if row["may_move"]})

    def _report(self, counts: Counts, moved: int, run: Run) -> None:
        archive, listed = self.settings.archive, sum(row["listed"] for row in counts)
        reasons = Counter(reason for row in counts for reason in row["reasons"])
        run.facts |= {"listed": listed, "refused_now": reasons.total()}
        if moved:
            run.summary["moved"] = moved
        if reasons:
            run.summary["reasons"] = dict(reasons)
            words = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
            if Reason.UNMATCHED_PATH in reasons:
                words += f"; archive.pattern is {archive.pattern}"
            if not self.settings.privacy.hash_ids:
                words += f"; such as {_example(counts)}"
            _log.warning("refused %d recordings, see quarantine: %s", reasons.total(), words)
        lacking = sum(row["without_metadata"] for row in counts)
        if archive.metadata and lacking:
            level = logging.WARNING if lacking == listed else logging.INFO
            _log.log(level, "%d of %d recordings have no row in %s: what is known of them stays", lacking, listed,
                     archive.metadata)  # fmt: skip


def _example(counts: Iterable[Mapping[str, Any]]) -> str:
    return next(str(row["example"]) for row in counts if row["example"])
