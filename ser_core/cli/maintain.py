"""`ser maintain`: log tables in few files, without superseded rows."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

import click
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.cli.parameters import names
from ser_core.config import Settings
from ser_core.errors import SettingsError

_log = logging.getLogger(__name__)
_TABLES = ("channels", "features", "quarantine", "runs")


@click.command(cls=SettingsCommand, sections=("call_date", "call_dates", "maintain"))
@click.option(
    "--keep-feature-sets",
    type=names,
    metavar="ID[,ID]",
    help="drop the rows of all other feature sets (default: keep all)",
)
def maintain(settings: Settings, keep_feature_sets: list[str] | None) -> Result:
    """Joins small files of log tables, removes what killed runs left, and drops superseded rows.

    It goes through call dates one by one: those of the settings, else every date that no night works on any more. The
    runs of each past month are joined too. No job may run at the same time. It may be stopped at any moment, and run
    again.
    """
    from ser_core.cli.upkeep_run import run_upkeep  # noqa: PLC0415 - loaded only when there is something to do

    facts = run_upkeep("maintain", settings, partial(_maintain, settings, keep_feature_sets))
    return facts, [Text(line) for line in _lines(facts)]


def _maintain(settings: Settings, keep: list[str] | None, store: Any, run: Any) -> dict[str, Any]:
    from ser_core.data.upkeep.compaction import Compaction  # noqa: PLC0415
    from ser_core.data.upkeep.joined_runs import join_runs, past_months  # noqa: PLC0415
    from ser_core.pipeline.state.scope import Scope  # noqa: PLC0415

    scope = Scope.of(settings)
    dates = scope.listed(store)
    if keep is not None:
        _check_feature_sets(store, dates, keep)
    elif scope.dates is None:
        dates = _closed(settings, store, dates, run.started_at)
    work = Compaction(store, settings.maintain, run.started_at, None if keep is None else frozenset(keep))
    counts = {name: Counter[str]() for name in _TABLES}
    for done, date in enumerate(dates):
        run.progress(done, len(dates))
        for row in work(date).to_pylist():
            _log.info("%s of %s: %d files are %d now", row["table"], date, row["files_before"], row["files_after"])
            counts[row["table"]].update({key: row[key] for key in ("files_before", "files_after", "rows_dropped")})
    for month in past_months(store, run.started_at):
        before, after = join_runs(store, month)
        counts["runs"].update({"files_before": before, "files_after": after, "rows_dropped": 0})
    keys = ("files_before", "files_after", "rows_dropped")
    return {
        "call_dates": len(dates),
        **{key: sum(count[key] for count in counts.values()) for key in keys},
        "tables": [{"table": name, **{key: count[key] for key in keys}} for name, count in counts.items()],
    }


def _closed(settings: Settings, store: Any, dates: list[dt.date], now: dt.datetime) -> list[dt.date]:
    """Dates that no night works on any more."""
    from ser_core.pipeline.state.dates import Dates  # noqa: PLC0415
    from ser_core.pipeline.state.nights import closed_before  # noqa: PLC0415

    noted, first = Dates(store), closed_before(now, settings)
    return [date for date in dates if date < first and not noted.row(date).get("open", False)]


def _check_feature_sets(store: Any, dates: list[dt.date], keep: list[str]) -> None:
    """Refuses a feature set that no date has."""
    from ser_core.data.tables.schemas import CHANNELS  # noqa: PLC0415
    from ser_core.data.upkeep.rewrite import columns_on  # noqa: PLC0415

    every: set[str] = set()
    for date in dates:
        every |= set(columns_on(store, CHANNELS, date, ("feature_set",))["feature_set"].to_pylist())
    unknown = sorted(set(keep) - every)
    if unknown:
        existing = ", ".join(sorted(every)) or "none"
        raise SettingsError([f"--keep-feature-sets {', '.join(unknown)}: there are {existing}"])


def _lines(facts: Mapping[str, Any]) -> list[str]:
    changed = [row for row in facts["tables"] if row["rows_dropped"] or row["files_before"] != row["files_after"]]
    lines = [
        f"{row['table']}: {row['files_before']:,} files are {row['files_after']:,} now, "
        f"{row['rows_dropped']:,} superseded rows dropped"
        for row in changed
    ]
    return [f"{facts['call_dates']:,} call dates looked at", *(lines or ["Nothing to join and nothing to drop"])]
