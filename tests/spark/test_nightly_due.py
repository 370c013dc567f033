"""Nights without a date: what is due, what is missed is made up for, and what a night costs."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.schemas import CALL_EMOTIONS, QUARANTINE, RUNS
from ser_core.errors import PublishRefusedError, StorageError
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.state.dates import Dates
from tests.support.pipeline import PATTERN, job_settings, read_rows, store_of
from tests.support.synth import stereo_wav, write_files

Copied = Callable[..., Settings]
NIGHTLY = {"nightly": {"lookback_days": 1, "full_listing_days": 7}}


def upload(settings: Settings, *days: int) -> None:
    """A further call on days of March: `late2` on the second, and so on."""
    files = {f"2026/03/{day:02d}/late{day}_a1.wav": stereo_wav("sad", "happy", 1.0, day) for day in days}
    write_files(Path(settings.archive.uri or ""), files)


def over(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Other settings over the same root."""
    return job_settings(Path(settings.tables.uri).parent, {"archive": {"pattern": PATTERN}, **changes})


def night(session: SparkSession | Cluster, settings: Settings, day: int) -> Mapping[str, Any]:
    """The night after a day of March."""
    now = dt.datetime(2026, 3, day, 2, 30, tzinfo=dt.UTC) + dt.timedelta(days=1)
    return execute(Nightly(settings, now), settings, session)


def scored(settings: Settings, row: Mapping[str, Any]) -> set[str]:
    """Calls that a night has scored."""
    return {call["call_id"] for call in read_rows(settings, CALL_EMOTIONS) if call["run_id"] == row["score"]}


def nights(settings: Settings) -> dict[str, str]:
    kept = json.loads(Path(settings.tables.uri, "_state/nights.json").read_text())
    return {name: kept[name] for name in ("day", "full_listing")}


def test_every_date_that_is_due_is_worked_on(spark: SparkSession, copied: Copied) -> None:
    settings = copied(NIGHTLY)
    upload(settings, 2, 4)
    row = night(spark, settings, 5)  # the first: it lists everything
    assert row["call_dates"] == "2026-03-04..2026-03-05, full listing"
    assert scored(settings, row) == {"c1", "c2", "late2", "late4"}
    assert nights(settings) == {"day": "2026-03-05", "full_listing": "2026-03-05"}
    upload(settings, 3, 6)
    row = night(spark, settings, 6)
    assert scored(settings, row) == {"late6"}  # the third is outside of what is listed
    upload(settings, 7, 8)
    row = night(spark, settings, 9)  # the nights after the seventh and the eighth were missed
    assert row["call_dates"] == "2026-03-06..2026-03-09"
    assert scored(settings, row) == {"late7", "late8"}
    dates = Dates(store_of(settings))
    assert dates.open_dates() == []
    dates.update(dt.date(2026, 3, 3), open=True)
    dates.save()
    row = night(spark, settings, 10)
    assert scored(settings, row) == {"c3", "late3"}
    assert Dates(store_of(settings)).open_dates() == []
    upload(settings, 1)
    assert scored(settings, night(spark, settings, 11)) == set()
    row = night(spark, settings, 12)  # a week after the first
    assert row["call_dates"] == "2026-03-11..2026-03-12, full listing"
    assert scored(settings, row) == {"late1"}
    assert nights(settings) == {"day": "2026-03-12", "full_listing": "2026-03-12"}
    (mine,) = [one for one in read_rows(settings, RUNS) if one["run_id"] == row["run_id"]]
    assert "full listing" in mine["detail"]


def test_a_night_that_fails_is_made_up_for(
    spark: SparkSession, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copied(NIGHTLY)
    night(spark, settings, 5)
    upload(settings, 6)

    def fails(*_: object) -> None:
        raise StorageError("the store is away")

    with monkeypatch.context() as patch, pytest.raises(StorageError):
        patch.setattr(Extract, "run", fails)
        night(spark, settings, 8)
    assert nights(settings)["day"] == "2026-03-05"
    assert scored(settings, night(spark, settings, 8)) == {"late6"}


def test_a_held_date_is_due_until_it_is_free(spark: SparkSession, copied: Copied) -> None:
    settings = copied(NIGHTLY)
    upload(settings, 5)
    night(spark, settings, 5)
    path = Path(settings.archive.uri or "", "2026/03/05/late5_a1.wav")
    sound = path.read_bytes()
    path.write_bytes(b"no audio at all")
    with pytest.raises(PublishRefusedError, match="2026-03-05: lost_calls"):
        night(spark, settings, 6)
    assert nights(settings)["day"] == "2026-03-06"  # what is held back is open: no other day waits for it
    with pytest.raises(PublishRefusedError, match="2026-03-05: lost_calls"):
        night(spark, settings, 9)
    path.write_bytes(sound)
    assert scored(settings, night(spark, settings, 10)) == {"late5"}
    assert Dates(store_of(settings)).held() == {}


def test_a_date_is_open_as_long_as_there_is_work(
    spark: SparkSession, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copied({"nightly": {"lookback_days": 0}, "quarantine": {"max_attempts": 2}})
    upload(settings, 5)
    path = Path(settings.archive.uri or "", "2026/03/05/late5_a1.wav")
    write_files(path.parent, {"c7_a1.wav": path.read_bytes()})
    sound, listed, extract = path.read_bytes(), path.stat(), Extract.run

    def vanishing(self: Extract, *args: Any) -> None:
        path.unlink()
        extract(self, *args)
        path.write_bytes(sound)
        os.utime(path, ns=(listed.st_atime_ns, listed.st_mtime_ns))

    with monkeypatch.context() as patch:
        patch.setattr(Extract, "run", vanishing)
        assert scored(settings, night(spark, settings, 5)) == {"c7"}
        assert Dates(store_of(settings)).open_dates() == [dt.date(2026, 3, 5)]
        row = night(spark, settings, 9)
        assert row["call_dates"] == "2026-03-06..2026-03-09"  # the fifth is due because it is open
        assert (row["refused_now"], row["refused_before"]) == (1, 0)
    assert [one["attempt"] for one in read_rows(settings, QUARANTINE)] == [1, 2]
    assert Dates(store_of(settings)).open_dates() == []
    row = night(spark, settings, 10)
    assert row["refused_now"] == 0


def test_a_changed_limit_is_applied_to_dates_of_any_age(spark: SparkSession, copied: Copied) -> None:
    strict = copied({**NIGHTLY, "limits": {"max_duration_s": 5.0}})
    write_files(Path(strict.archive.uri or ""), {"2026/03/03/long_a1.wav": stereo_wav("sad", "happy", 6.0, 9)})
    night(spark, strict, 5)
    (refusal,) = read_rows(strict, QUARANTINE)
    assert refusal["reason"] == "too_long"
    assert scored(strict, night(spark, strict, 8)) == set()
    row = night(spark, over(strict, NIGHTLY), 9)
    assert scored(strict, row) == {"c3", "long"}
    assert Dates(store_of(strict)).open_dates() == []


def count_requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts calls of the storage interface from now on, by name and the first folder of the key."""
    counts: Counter[str] = Counter()
    for name in ("list", "children", "info", "read", "fetch", "open_ranges", "put", "put_if_absent", "delete"):
        real = getattr(FolderStorage, name)

        def counted(self: FolderStorage, *args: Any, _name: str = name, _real: Any = real, **more: Any) -> Any:
            counts[f"{_name} {str([*args, ''][0]).split('/')[0]}"] += 1
            return _real(self, *args, **more)

        monkeypatch.setattr(FolderStorage, name, counted)
    return counts


def test_an_idle_night_costs_the_same_at_any_age(copied: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = copied(NIGHTLY)
    cluster = Cluster("nightly", settings.spark)
    night(cluster, settings, 5)
    with monkeypatch.context() as patch:
        counts = count_requests(patch)
        night(cluster, settings, 6)
    young = dict(counts)
    dates = Dates(store_of(settings))
    for day in (dt.date(2025, 1, 1) + dt.timedelta(days=n) for n in range(300)):
        dates.update(day, listed=2, scored=2, models=["emotions/1"], open=False)
        for table in ("recordings", "channels", "features", "quarantine", "call_talk"):
            Path(settings.tables.uri, table, f"call_date={day}").mkdir(parents=True)
    dates.save()
    with monkeypatch.context() as patch:
        counts = count_requests(patch)
        night(cluster, settings, 7)
    assert dict(counts) == young
    assert not cluster.started
