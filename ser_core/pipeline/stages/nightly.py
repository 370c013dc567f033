"""One night: ingest, extract and score the dates that are due, or a date and the days before it; then compact."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from ser_core.config import Settings
from ser_core.data.storage import check_place, open_storage
from ser_core.data.tables.store import TableStore
from ser_core.errors import IncompleteError, PublishRefusedError
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.compact import compact_closed
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import Work, execute
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.nights import DueDates
from ser_core.pipeline.state.runs import TABLES_LEASE, Run
from ser_core.pipeline.state.scope import Scope


class Nightly:
    """Ingests, extracts and scores every date that is due.

    Due are the last day that is over and the `nightly.lookback_days` before it, days since the last night, and dates
    that have work left. Every `nightly.full_listing_days` the whole archive is listed, and what has changed is due too.
    With `call_date`, that date and the `nightly.lookback_days` before it are worked on; with `call_dates`, that range.

    Args:
        settings: of the job.
        now: the moment that the due dates are reckoned from; the start of the run where None.
    """

    name: ClassVar[str] = "nightly"
    required: ClassVar[tuple[str, ...]] = ("archive.uri",)
    leases: ClassVar[tuple[str, ...]] = (TABLES_LEASE,)

    def __init__(self, settings: Settings, now: dt.datetime | None = None) -> None:
        self.settings, self.now = settings, now
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        check_place("tables.uri", self.store.storage, may_be_new=True)
        self.scope = Scope.of(settings)
        if settings.call_date is not None:
            self.scope = Scope.window(settings.call_date, settings.nightly.lookback_days)
        self.ingest, self.extract = Ingest(settings, self.scope), Extract(settings, self.scope)
        self.score = Score(settings, self.scope)

    def run(self, cluster: Cluster, run: Run) -> None:
        """Runs the stages, each with its own row in `runs`, and joins the small files of dates that are closed.

        Raises:
            PublishRefusedError: ingest has refused the listing, or dates are held back. These are open in `dates`, and
                due in the next night.
            IncompleteError: a larger share of the calls than `nightly.max_unscored_share` has nothing to score.
        """
        self.store.fence = run.fences.get(TABLES_LEASE)
        try:
            self._run_stages(cluster, run)
        except PublishRefusedError:
            self._compact(cluster, run)  # a date may be held back for weeks; the others are compacted meanwhile
            raise
        self._compact(cluster, run)
        self._check_unscored(run)

    def _run_stages(self, cluster: Cluster, run: Run) -> None:
        if self.scope.dates is None:
            self._run_due(cluster, run)
            return
        for stage in (self.ingest, self.extract, self.score):
            self._run_stage(stage, cluster, run)

    def _compact(self, cluster: Cluster, run: Run) -> None:
        compact_closed(cluster, self.settings, self.store, self.score.scope.dates or (), run)

    def _run_due(self, cluster: Cluster, run: Run) -> None:
        due, dates = DueDates.at(self.now or run.started_at, self.settings, self.store), Dates(self.store)
        run.summary["call_dates"] = str(due)
        due.reopen(dates)
        self.ingest.scope = due.listing(dates)
        self._run_stage(self.ingest, cluster, run)
        due.listed(self.store)
        self.extract.scope = self.score.scope = due.work(Dates(self.store))
        self._run_stage(self.extract, cluster, run)
        try:
            self._run_stage(self.score, cluster, run)
        except PublishRefusedError:
            due.done(self.store)  # the dates that are held back are open
            raise
        due.done(self.store)

    def _run_stage(self, stage: Work, cluster: Cluster, run: Run) -> None:
        row = execute(stage, self.settings, cluster, within=run)
        run.summary[stage.name] = row["run_id"]
        run.facts |= {key: value for key, value in row.items() if key in _CARRIED}
        run.summary |= {key: value for key, value in row.items() if key in _CALLS}

    def _check_unscored(self, run: Run) -> None:
        every, unscored = (run.summary[name] for name in _CALLS)
        limit = self.settings.nightly.max_unscored_share
        if every and unscored / every > limit:
            refused = run.facts["refused_now"] + run.facts["refused_before"]
            raise IncompleteError(
                f"{unscored} of the night's {every} calls have nothing to score ({unscored / every:.0%}; "
                f"nightly.max_unscored_share is {limit:.0%}): {refused} recordings are refused (`ser quarantine`), the "
                f"others have no channel of a role that is scored (scoring.roles is "
                f"{', '.join(self.settings.scoring.roles)}; see roles.mono and roles.channels). Everything else is "
                "done and published"
            )


_CALLS = ("all_calls", "unscored_calls")
_CARRIED = frozenset(
    (
        *("model_version", "feature_set", "purpose", "priors", "drift", "audio_s", "scored_segments", "scored_calls"),
        *("listed", "done_before", "extracted", "refused_now", "refused_before"),
    )
)
"""Columns that the night's row takes from the rows of its stages; `listed` is from extract."""
