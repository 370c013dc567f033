"""One night: ingest, extract and score a date and the days before it, so that late calls are included."""

from __future__ import annotations

from typing import ClassVar

from ser_core.config import Settings
from ser_core.data.tables.schemas import RUNS
from ser_core.errors import SettingsError
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.state.runs import TABLES_LEASE, Run
from ser_core.pipeline.state.scope import Scope


class Nightly:
    """Ingests, extracts and scores `call_date` and the `nightly.lookback_days` before it, or the range `call_dates`.

    Every date whose inputs have changed is published; the other dates stay as they are.
    """

    name: ClassVar[str] = "nightly"
    required: ClassVar[tuple[str, ...]] = ("archive.uri", "call_date|call_dates.from")
    leases: ClassVar[tuple[str, ...]] = (TABLES_LEASE,)

    def __init__(self, settings: Settings) -> None:
        scope = Scope.of(settings)
        if scope.dates is None:
            raise SettingsError(["call_date is not set: expected --call-date YYYY-MM-DD, or a range of call_dates"])
        if settings.call_date is not None:
            scope = Scope.window(settings.call_date, settings.nightly.lookback_days)
        self.settings = settings
        self.stages = (Ingest(settings, scope), Extract(settings, scope), Score(settings, scope))

    def run(self, cluster: Cluster, run: Run) -> None:
        """Runs the stages, each with its own row in `runs`."""
        for stage in self.stages:
            row = execute(stage, self.settings, cluster, within=run)
            run.summary[stage.name] = row["run_id"]
            run.facts |= {key: value for key, value in row.items() if key in _CARRIED}


_OWN = frozenset(
    {"run_id", "job", "call_date", "started_at", "finished_at", "status", "wall_s", "detail", "schema_version"}
)
_CARRIED = frozenset(RUNS.schema.names) - _OWN
"""Columns that the night's row takes from the rows of its stages; `listed` is from extract."""
