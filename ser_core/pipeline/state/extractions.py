"""Recordings that count, their extractions and their refusals, as the tables have them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.data.tables.schemas import AS_RECORDED, CHANNELS, FEATURES, QUARANTINE, RECORDINGS, Table
from ser_core.data.tables.store import TableStore, partition_path
from ser_core.errors import TRANSIENT_REASONS
from ser_core.pipeline.engine.scan import FILE, scan

RECORDING_KEY = ("recording_id", "version")


@dataclass(frozen=True)
class Scope:
    """The call dates a run works on; None is every date."""

    dates: tuple[dt.date, ...] | None

    @classmethod
    def of(cls, settings: Settings) -> Scope:
        """The date or the range of dates of the settings, or every date."""
        first, last = settings.call_dates.from_, settings.call_dates.to
        if first is not None and last is not None:
            return cls.window(last, (last - first).days)
        return cls(None if settings.call_date is None else (settings.call_date,))

    @classmethod
    def window(cls, last: dt.date, lookback_days: int) -> Scope:
        """`last` and the `lookback_days` before it."""
        return cls(tuple(last - dt.timedelta(days) for days in range(lookback_days, -1, -1)))

    def with_dates(self, dates: Iterable[dt.date]) -> Scope:
        """This scope, extended by `dates`."""
        return self if self.dates is None else Scope(tuple(sorted({*self.dates, *dates})))

    def files(self, store: TableStore, table: Table, fixed: Mapping[str, str]) -> list[str]:
        """The files of a derived table that this scope covers."""
        if self.dates is None:
            head = "".join(partition_path(table, {**fixed, "call_date": ""}).partition("call_date=")[:1])
            return store.files(table, head)
        paths = [partition_path(table, {**fixed, "call_date": date}) for date in self.dates]
        return [key for path in paths for key in store.files(table, path)]

    def covers(self, date: dt.date) -> bool:
        """Whether `date` is in scope."""
        return self.dates is None or date in self.dates

    def holds(self, column: str = "call_date") -> Column:
        """The condition that the date in `column` is in scope."""
        return F.lit(True) if self.dates is None else F.col(column).isin(list(self.dates))


def live_recordings(session: SparkSession, store: TableStore, scope: Scope, *, gone: bool = False) -> DataFrame:
    """Recordings in scope that count: neither gone from the archive nor the duplicate of another recording.

    With `gone`, a call whose every recording is gone keeps the newest.

    Columns: recording_id, version, uri, size_bytes, call_id, call_date, agent_id, queue, and the roles given by
    metadata or path: `roles` (such as `0=agent,1=customer`), `leg_role` and `leg_channel` (where each leg has its own
    file).
    """
    columns = ("uri", "size_bytes", "call_id", "call_date", "agent_id", "queue", "extra", "duplicate_of", "gone_at")
    rows = scan(session, store, RECORDINGS, [*RECORDING_KEY, *columns], files=scope.files(store, RECORDINGS, {}))
    live = rows.where(F.col("duplicate_of").isNull() & (F.lit(gone) | F.col("gone_at").isNull()))
    roles = {"roles": "roles", "leg_role": "role", "leg_channel": "channel"}
    live = live.withColumns({name: F.col("extra")[key] for name, key in roles.items()})
    return live.drop("extra", "duplicate_of", "gone_at")


def extractions(
    session: SparkSession, store: TableStore, feature_set: str, roles: Sequence[str], conditions: Sequence[str]
) -> DataFrame:
    """Extractions under `conditions` that cover `roles`: recording_id, version, run_id, condition, duration_s.

    A channel whose role was not scored when it was extracted has null `segments`. If that role is scored now, the
    extraction does not count.
    """
    columns = [*RECORDING_KEY, "run_id", "feature_set", "condition", "role", "duration_s", "segments"]
    rows = scan(session, store, CHANNELS, columns)
    lacking = F.col("role").isin(list(roles)) & F.col("segments").isNull()
    return (
        rows.where((F.col("feature_set") == feature_set) & F.col("condition").isin(list(conditions)))
        .groupBy(*RECORDING_KEY, "run_id", "condition")
        .agg(F.max(lacking).alias("lacking"), F.max("duration_s").alias("duration_s"))
        .where(~F.col("lacking"))
        .drop("lacking")
    )


def refused_recordings(session: SparkSession, store: TableStore) -> DataFrame:
    """Refused recordings by (recording_id, version): `attempts`, and whether the last reason is `transient`."""
    rows = scan(session, store, QUARANTINE, [*RECORDING_KEY, "reason", "attempt", "seen_at"])
    return rows.groupBy(*RECORDING_KEY).agg(
        F.max("attempt").alias("attempts"),
        F.max_by("reason", "seen_at").isin([reason.value for reason in TRANSIENT_REASONS]).alias("transient"),
    )


def extracted_channels(session: SparkSession, store: TableStore, feature_set: str) -> DataFrame:
    """Channels of this feature set, as recorded, each from one file, whose key is in the column `file`.

    If a recording was extracted more than once (by two runs at once, or again for more roles), its newest file counts.
    """
    return extracted_copies(session, store, feature_set, [AS_RECORDED]).drop("condition")


def extracted_copies(
    session: SparkSession, store: TableStore, feature_set: str, conditions: Sequence[str]
) -> DataFrame:
    """As `extracted_channels`, for each of `conditions` (ids), with the column `condition`.

    The conditions of a recording may be in different files.
    """
    columns = [*RECORDING_KEY, "channel", "feature_set", "condition", "role", "duration_s", "segments"]
    rows = scan(session, store, CHANNELS, columns, with_file=True)
    rows = rows.where((F.col("feature_set") == feature_set) & F.col("condition").isin(list(conditions)))
    newest = rows.groupBy(*RECORDING_KEY, "condition").agg(F.max(FILE).alias(FILE))
    return rows.join(newest, [*RECORDING_KEY, "condition", FILE], "left_semi").drop("feature_set")


def features_file(channels_file: str) -> str:
    """Key of the `features` file that the same task wrote beside a `channels` file."""
    return f"{FEATURES.name}/{channels_file.removeprefix(f'{CHANNELS.name}/')}"
