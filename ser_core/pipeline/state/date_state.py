"""What the tables say of one call date: which recordings count, what has been extracted, what was refused.

A date is small enough for one process, so its tables are joined here by SQL, without a shuffle. No Spark.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ser_core.config import Settings
from ser_core.data.tables.newest import FILE, newest
from ser_core.data.tables.schemas import CHANNELS, QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.errors import TRANSIENT_REASONS
from ser_core.pipeline.state.refusal_rules import refusal_rules
from ser_core.sound.augmentation import RECORDED, Condition
from ser_core.sound.extraction import LONGEST_COPIED_S

RECORDING_KEY = ("recording_id", "version")
_RECORDINGS = (
    *RECORDING_KEY, "uri", "size_bytes", "call_id", "call_date", "agent_id", "queue", "extra", "duplicate_of", "gone_at"
)  # fmt: skip
_CHANNELS = (
    *RECORDING_KEY, "channel", "feature_set", "condition", "role", "codec", "narrowband", "duration_s", "segments",
    "run_id",
)  # fmt: skip
_MEASURED = ("speech", "syllables", "loudness_dbfs")
_REFUSALS = (*RECORDING_KEY, "run_id", "reason", "attempt", "seen_at", "refused_by")

_VIEWS = """
CREATE VIEW live AS
SELECT * EXCLUDE (extra, duplicate_of, gone_at), gone_at IS NOT NULL AS gone, element_at(extra, 'roles')[1] AS roles,
       element_at(extra, 'role')[1] AS leg_role, element_at(extra, 'channel')[1] AS leg_channel
FROM recordings WHERE duplicate_of IS NULL;
CREATE VIEW extractions AS
SELECT recording_id, version, condition, any_value(run_id) AS run_id, max(duration_s) AS duration_s,
       sum(segments) AS segments
FROM channels GROUP BY ALL HAVING NOT bool_or(lacking);
CREATE VIEW refused AS
SELECT recording_id, version, coalesce(max(attempt) FILTER (valid AND transient), 0) AS attempts,
       coalesce(max_by(NOT transient OR attempt >= max_attempts, seen_at) FILTER (valid), false) AS final,
       max_by(run_id, seen_at) AS run_id, max_by(reason, seen_at) AS reason
FROM quarantine GROUP BY ALL;
"""

_TO_EXTRACT = """
WITH done AS (
  SELECT recording_id, version, list(condition) AS have, max(duration_s) AS duration_s FROM extractions GROUP BY ALL
), lacking AS (
  SELECT live.*, list_filter(CASE WHEN done.duration_s > {longest} THEN {recorded_only} ELSE {wanted} END,
                             lambda c: NOT list_contains(coalesce(done.have, []), c)) AS conditions
  FROM live LEFT JOIN done USING (recording_id, version) WHERE NOT gone
)
SELECT lacking.* EXCLUDE (gone), coalesce(attempts, 0)::INTEGER AS attempt
FROM lacking LEFT JOIN refused USING (recording_id, version)
WHERE len(conditions) > 0 AND NOT coalesce(final, false)
ORDER BY recording_id
"""

_ACCOUNT = """
WITH done AS (
  SELECT recording_id, version, list(condition) AS have, max(duration_s) AS duration_s,
         list(condition) FILTER (run_id <> '{run_id}') AS had, sum(segments) AS segments
  FROM extractions GROUP BY ALL
), states AS (
  SELECT CASE WHEN done.duration_s > {longest} THEN {recorded_only} ELSE {wanted} END AS wanted,
         list_has_all(coalesce(have, []), wanted) AS is_done, list_has_all(coalesce(had, []), wanted) AS was_done,
         segments, refused.run_id AS refused_by_run
  FROM live LEFT JOIN done USING (recording_id, version) LEFT JOIN refused USING (recording_id, version)
  WHERE NOT gone
)
SELECT count(*) AS listed, count(*) FILTER (was_done) AS done_before,
       count(*) FILTER (is_done AND NOT was_done) AS extracted,
       count(*) FILTER (NOT is_done AND refused_by_run = '{run_id}') AS refused_now,
       count(*) FILTER (NOT is_done AND refused_by_run <> '{run_id}') AS refused_before,
       count(*) FILTER (is_done AND segments = 0) AS silent
FROM states
"""

_CALL_CHANNELS = """
SELECT recording_id, version, channel, role, segments, channels.run_id AS extracted_by, codec, narrowband, file,
       call_id, call_date, agent_id, queue, uri
FROM channels JOIN live USING (recording_id, version)
WHERE condition = '{recorded}' AND (NOT gone OR {keep_gone})
ORDER BY recording_id, version, channel
"""


_TALK_ROWS = """
SELECT call_id, call_date, agent_id, queue, recording_id, channel, role, duration_s, speech, syllables, loudness_dbfs
FROM channels JOIN live USING (recording_id, version) WHERE condition = '{recorded}' AND (NOT gone OR {keep_gone})
ORDER BY call_id, recording_id, channel
"""

_INCOMPLETE = """
SELECT DISTINCT call_id FROM live ANTI JOIN channels USING (recording_id, version) WHERE NOT gone
"""


@dataclass(frozen=True)
class DateRules:
    """By which settings a date's state is judged. Picklable.

    Attributes:
        feature_set: id of the feature set; extractions of others do not count.
        roles: roles that are scored: an extraction without their vectors is not complete.
        conditions: ids of the conditions a recording is wanted under.
        max_attempts: how often a transient refusal is tried.
        refusal_rules: the present rule by reason.
        keep_gone: recordings count that are gone from the archive.
    """

    feature_set: str
    roles: tuple[str, ...]
    conditions: tuple[str, ...]
    max_attempts: int
    refusal_rules: Mapping[str, str]
    keep_gone: bool

    @classmethod
    def of(cls, settings: Settings, feature_set: str, conditions: Sequence[Condition] = ()) -> DateRules:
        """The rules of a job's settings; `conditions` beside the recordings as they are."""
        return cls(
            feature_set,
            tuple(settings.scoring.roles),
            tuple(condition.id for condition in (RECORDED, *conditions)),
            settings.quarantine.max_attempts,
            refusal_rules(settings),
            not settings.retention.follow_audio,
        )


class DateState:
    """The state of one call date. Each file is read once, when it is first needed.

    Args:
        store: the tables.
        date: the call date.
        rules: how the state is judged.
        measured: read what was measured on each channel too, for `talk_rows`.
    """

    def __init__(self, store: TableStore, date: dt.date, rules: DateRules, *, measured: bool = False) -> None:
        self.date = date
        self._store, self._rules = store, rules
        self._columns = (*_CHANNELS, *_MEASURED) if measured else _CHANNELS

    def to_extract(self) -> pa.Table:
        """Recordings that lack a condition and are not refused for good: the columns of `live`, `conditions` (ids) and
        `attempt` (how often it has been refused)."""
        return self._sql(_TO_EXTRACT)

    def account(self, run_id: str) -> Mapping[str, int]:
        """listed, done_before, extracted, refused_now, refused_before and silent, each counted by its own condition."""
        rows: list[Mapping[str, int]] = self._sql(_ACCOUNT, run_id=run_id).to_pylist()
        return rows[0]

    def call_channels(self) -> pa.Table:
        """Channels of every role that count, as recorded, with their call and recording, and the `file` they are in."""
        return self._sql(_CALL_CHANNELS, keep_gone=str(self._rules.keep_gone).lower())

    def talk_rows(self) -> pa.Table:
        """Channels that count, as recorded, with what was measured on them: rows of `TALK_ROWS`."""
        return self._sql(_TALK_ROWS, keep_gone=str(self._rules.keep_gone).lower())

    def incomplete_calls(self) -> frozenset[str]:
        """Calls with a recording that has not been extracted: a leg is missing."""
        return frozenset(self._sql(_INCOMPLETE)["call_id"].to_pylist())

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query over the views recordings, live, channels, extractions, quarantine and refused."""
        rows: list[dict[str, Any]] = self._views.sql(sql).to_arrow_table().to_pylist()
        return rows

    def _sql(self, sql: str, **values: str) -> pa.Table:
        names = {"recorded_only": _list([RECORDED.id]), "wanted": _list(self._rules.conditions), **values}
        return self._views.sql(sql.format(longest=LONGEST_COPIED_S, recorded=RECORDED.id, **names)).to_arrow_table()

    @cached_property
    def _views(self) -> duckdb.DuckDBPyConnection:
        db = duckdb.connect(":memory:", config={"threads": 1})
        db.register("recordings", self._read(RECORDINGS, _RECORDINGS).drop_columns([FILE]))
        db.register("channels", self._channels())
        db.register("quarantine", self._refusals())
        db.execute(_VIEWS)
        return db

    def _channels(self) -> pa.Table:
        rows = self._read(CHANNELS, self._columns)
        wanted = pc.and_(
            pc.equal(rows["feature_set"], self._rules.feature_set),
            pc.is_in(rows["condition"], pa.array(self._rules.conditions, pa.string())),
        )
        rows = newest(rows.filter(wanted))
        scored = pc.is_in(rows["role"], pa.array(self._rules.roles, pa.string()))
        return rows.append_column("lacking", pc.and_(scored, pc.is_null(rows["segments"])))

    def _refusals(self) -> pa.Table:
        rows = self._read(QUARANTINE, _REFUSALS)
        present = self._rules.refusal_rules
        valid = [
            present.get(row["reason"]) == row["refused_by"] for row in rows.select(["reason", "refused_by"]).to_pylist()
        ]
        transient = pc.is_in(rows["reason"], pa.array([reason.value for reason in TRANSIENT_REASONS]))
        rows = rows.append_column("valid", pa.array(valid, pa.bool_())).append_column("transient", transient)
        return rows.append_column("max_attempts", pa.repeat(self._rules.max_attempts, len(rows)))

    def _read(self, table: Any, columns: Sequence[str]) -> pa.Table:
        return self._store.read_all(table, self._store.files_of(table, call_date=self.date), columns)


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join("'" + value.replace("'", "''") + "'" for value in values) + "]"
