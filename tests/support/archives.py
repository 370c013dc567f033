"""Archives of small files that are ingested without Spark, as small nights are, and what is known of them."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.archive.identity import recording_id
from ser_core.data.storage import FolderStorage
from ser_core.data.tables.schemas import CHANNELS, FEATURES, RECORDINGS, Table
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.state.date_state import DateRules, DateState
from tests.support.pipeline import job_settings, merged, read_rows
from tests.support.synth import write_csv
from tests.support.tables import SET, extraction, refusal

Changes = Mapping[str, Any]


class SmallArchive:
    """An archive below a root, its tables, and their settings. Its recordings are no audio.

    Args:
        root: of archive and tables.
        changes: to the settings.
        session: where given, Spark does all the work, else the driver's process does.
    """

    def __init__(self, root: Path, changes: Changes | None = None, session: SparkSession | None = None) -> None:
        self.root, self.changes, self.session = root, dict(changes or {}), session
        (root / "archive").mkdir(parents=True, exist_ok=True)

    def put(self, key: str, written: dt.date, data: bytes = b"x") -> None:
        """Writes a recording, as of noon (UTC) of a day."""
        path = self.root / "archive" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        moment = dt.datetime.combine(written, dt.time(12), dt.UTC).timestamp()
        os.utime(path, (moment, moment))

    def delete(self, key: str) -> None:
        """Removes a recording."""
        (self.root / "archive" / key).unlink()

    def metadata(self, *rows: Mapping[str, object], name: str = "calls.csv") -> str:
        """Writes a file of metadata; its uri."""
        write_csv(self.root / name, rows)
        return str(self.root / name)

    def settings(self, changes: Changes | None = None) -> Settings:
        """The settings, with changes."""
        driver_rows = {"spark": {"driver_rows": 50_000 if self.session is None else 0}}
        return job_settings(self.root, merged(merged(driver_rows, self.changes), changes or {}))

    def ingest(self, *dates: dt.date, changes: Changes | None = None) -> dict[str, Any]:
        """Ingests the dates, each by a run of its own, or the whole archive; the last run's row."""
        row: dict[str, Any] = {}
        for date in dates or (None,):
            settings = self.settings(merged(changes or {}, {"call_date": date}))
            cluster = Cluster("ingest", settings.spark, self.session)
            row = dict(execute(Ingest(settings), settings, cluster))
            assert cluster.started == (self.session is not None)
        return row

    @property
    def store(self) -> TableStore:
        """The tables."""
        return TableStore(FolderStorage(self.root / "tables"))

    def recordings(self) -> dict[str, dict[str, Any]]:
        """The rows of `recordings` by key. Fails where a recording is there twice."""
        start = len(f"{self.root / 'archive'}/")
        every = read_rows(self.store, RECORDINGS)
        by_key = {row["uri"][start:]: row for row in every}
        assert len(by_key) == len(every), sorted((row["uri"], row["call_date"]) for row in every)
        return by_key

    def dates(self) -> dict[str, dt.date]:
        """The call date of each recording, by key."""
        return {key: row["call_date"] for key, row in self.recordings().items()}

    def extract(self, *keys: str, run: str = "20260301T000000-000000") -> None:
        """Rows of `channels` and `features` for recordings, as extraction would write them."""
        rows = self.recordings()
        members = [rows[key] for key in keys or rows]
        names = ("recording_id", "version", "call_id", "call_date")
        extraction(self.store, run, 0, [tuple(row[name] for name in names) for row in members])

    def refuse(self, key: str, reason: str, **more: Any) -> None:
        """A row of `quarantine` for a recording, by the present rule."""
        row, settings = self.recordings()[key], self.settings()
        rule = {"refused_by": DateRules.of(settings, SET).refusal_rules[reason], "version": row["version"]}
        run, day = "20260301T000000-000000", row["call_date"]
        refusal(self.store, run, 0, row["recording_id"], day, reason=reason, uri=row["uri"], **rule, **more)

    def extracted(self) -> dict[str, tuple[dt.date, int]]:
        """By key the date of each recording whose extraction counts, and its segments in the file that counts."""
        keys = {recording_id("calls", key): key for key in self.recordings()}
        counted: dict[str, tuple[dt.date, int]] = {}
        rules = DateRules.of(self.settings(), SET)
        for date in {row["call_date"] for row in self.recordings().values()}:
            for row in DateState(self.store, date, rules).call_channels().to_pylist():
                vectors = self.store.read(row["file"].replace(CHANNELS.name, FEATURES.name, 1)).to_pylist()
                own = [vector for vector in vectors if vector["recording_id"] == row["recording_id"]]
                assert len(own) == 4, row
                counted[keys[row["recording_id"]]] = (date, len(own))
        return counted

    def to_extract(self) -> set[str]:
        """Keys of recordings that the next extraction would try."""
        keys = {recording_id("calls", key): key for key in self.recordings()}
        rules = DateRules.of(self.settings(), SET)
        states = [DateState(self.store, date, rules) for date in set(self.dates().values())]
        return {keys[name] for state in states for name in state.to_extract()["recording_id"].to_pylist()}

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """Every row of a table."""
        return read_rows(self.store, table)
