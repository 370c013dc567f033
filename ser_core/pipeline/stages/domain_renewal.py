"""The archive's domain: which version a run scores with, and when it is made anew."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping

from ser_core.config import Settings
from ser_core.data.storage import Storage
from ser_core.data.tables.store import TableStore
from ser_core.learning.training.archive_domain import ArchiveDomain, DomainPopulations, DomainRules
from ser_core.learning.training.bundle import Model
from ser_core.learning.training.domain_files import DomainFiles
from ser_core.learning.training.line_populations import LinePopulations
from ser_core.pipeline.engine.cluster import Cluster, Rows
from ser_core.pipeline.stages.measure_dates import measure_dates
from ser_core.pipeline.stages.odd_dates import Plan
from ser_core.pipeline.state.date_populations import DatePopulations
from ser_core.pipeline.state.dates import Dates

_log = logging.getLogger(__name__)


class DomainRenewal:
    """Keeps the populations of the newest dates, and of these the domain, by the settings `domain`.

    Which version a run scores with follows from the tables and the version before it: a run that was killed is
    repeated with the same one.

    Args:
        settings: of the job.
        store: the tables.
        models: where the versions are.
        model: that scores.
    """

    def __init__(self, settings: Settings, store: TableStore, models: Storage, model: Model) -> None:
        self._settings, self._store, self._model = settings.domain, store, model
        dimension = len(model.feature_names)
        self._files = DomainFiles(models, settings.archive.name, model.feature_set_id, dimension)
        self._kept = DatePopulations(store, model.feature_set_id, dimension)
        self._dimension = dimension

    def populations(
        self, cluster: Cluster, planned: Rows, plans: Mapping[dt.date, Plan], dates: Dates
    ) -> DomainPopulations | None:
        """What a run measures from; None: the population of the training corpora.

        Args:
            cluster: to read vectors with.
            planned: rows of `ser_core.pipeline.stages.score_plan.PLAN`.
            plans: of the dates that may be scored.
            dates: the table `dates`.

        Raises:
            BundleError: the version of the settings, or the current one, is missing or cannot be read.
        """
        if not self._settings.enabled:
            return None
        if self._settings.version is not None:
            return self._files.read(self._settings.version).measured(self._model.population)
        domain = self._version(cluster, planned, plans, dates)
        return None if domain is None else domain.measured(self._model.population)

    def _version(
        self, cluster: Cluster, planned: Rows, plans: Mapping[dt.date, Plan], dates: Dates
    ) -> ArchiveDomain | None:
        made_from = {date: plan["population_inputs"] for date, plan in plans.items() if plan["population_inputs"]}
        window = newest_dates(dates, made_from, self._settings.days)
        read = self._measured(cluster, planned, {date: made_from[date] for date in window if date in made_from})
        current = self._files.current()
        if not window or (current is not None and not self._is_due(current, window[0])):
            return current
        for date in window:
            found = read.get(date) or self._kept.read(date)
            if found is not None:
                read[date] = found
        if not read:
            return current
        rules = DomainRules(self._settings.min_segments, self._settings.prior_segments)
        domain = ArchiveDomain.of(self._model.feature_set_id, read, rules)
        if current is None or domain.version != current.version:
            if self._store.fence is not None:
                self._store.fence.check()
            self._files.keep(domain)
            _log.info("domain %s: %d segments of %d dates", domain.version, domain.everything.count, len(read))
        return domain

    def _is_due(self, current: ArchiveDomain, newest: dt.date) -> bool:
        """Whether the current version is young, or old."""
        young = current.everything.count < self._settings.young_segments
        return young or (newest - current.newest).days >= self._settings.renew_days

    def _measured(
        self, cluster: Cluster, planned: Rows, made_from: Mapping[dt.date, str]
    ) -> dict[dt.date, tuple[str, LinePopulations]]:
        """The populations of the run's own dates, read from `features` only where their channels have changed."""
        kept = {date: self._kept.read(date) for date in made_from}
        same = {date: each for date, each in kept.items() if each is not None and each[0] == made_from[date]}
        changed = [date for date in made_from if date not in same]
        if changed:
            measured = measure_dates(cluster, self._store, planned, changed, self._dimension)
            for date, populations in measured.items():
                self._kept.keep(date, made_from[date], populations)
                same[date] = made_from[date], populations
        return same


def newest_dates(dates: Dates, own: Mapping[dt.date, str], count: int) -> list[dt.date]:
    """The newest `count` dates with extracted recordings, the newest first, without those that are held back.

    Args:
        dates: the table `dates`.
        own: dates of the run that have vectors.
        count: how many.
    """
    others = (date for date in dates if dates.row(date).get("extracted"))
    usual = (date for date in {*own, *others} if dates.row(date).get("held_back") is None)
    return sorted(usual, reverse=True)[:count]
