"""channels → call_talk: who talked when in each call. Reads neither audio nor vectors, and needs no model."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from functools import partial

import pyarrow as pa

from ser_core.config import Settings
from ser_core.config.talk_settings import TalkSettings
from ser_core.data.tables.schemas import CALL_TALK
from ser_core.data.tables.store import TableStore, bucket_key, bucket_of
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.state.date_state import DateRules, DateState
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.inputs import Inputs, fingerprint
from ser_core.pipeline.state.runs import Run
from ser_core.scoring.talk_tables import talk_table

_log = logging.getLogger(__name__)
_PUBLISHED = pa.schema([("call_date", pa.date32()), ("calls", pa.int64())])


class Talk:
    """Publishes `call_talk` for dates whose channels have changed, whole dates at a time.

    Args:
        settings: of the job.
        store: the tables.
        rules: which channels count.
    """

    def __init__(self, settings: Settings, store: TableStore, rules: DateRules) -> None:
        self._settings, self._store, self._rules = settings, store, rules
        self._inputs = Inputs(store, CALL_TALK, {}, fingerprint(settings.talk))

    def publish(self, cluster: Cluster, inputs: Mapping[dt.date, str | None], run: Run, dates: Dates) -> None:
        """Publishes the stale dates of `inputs` (digests, as `ser_core.pipeline.stages.score_plan` makes them)."""
        stale = self._inputs.stale(inputs)
        _log.info("%d dates of call_talk to publish", len(stale))
        run.summary["talk_calls"] = 0
        if not stale:
            return
        buckets = self._store.buckets(CALL_TALK, self._settings.tables.buckets)
        work = partial(_publish, self._store, self._rules, self._settings.talk, run.run_id, buckets)
        self._inputs.begin(stale)
        written = cluster.of_dates(work, sorted(stale), _PUBLISHED, dates.listed(stale)).table()
        self._inputs.keep(stale)
        run.summary["talk_calls"] = sum(written["calls"].to_pylist())


def _publish(
    store: TableStore, rules: DateRules, settings: TalkSettings, run_id: str, buckets: int, date: dt.date
) -> pa.Table:
    """Writes all buckets of a date; a row of `_PUBLISHED`."""
    state = DateState(store, date, rules, measured=True)
    rows = talk_table(state.talk_rows(), state.incomplete_calls(), settings, run_id)
    bucket = pa.array([bucket_of(call_id, buckets) for call_id in rows["call_id"].to_pylist()], pa.int32())
    for number in range(buckets):
        key = bucket_key(CALL_TALK, {"call_date": date}, number)
        store.write(key, rows.filter(pa.compute.equal(bucket, number)))
    return pa.Table.from_pylist([{"call_date": date, "calls": len(rows)}], schema=_PUBLISHED)
