"""Where Spark lists and merges, the tables are those that the driver makes; moves and killed runs included."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS
from ser_core.data.upkeep.tombstones import keep_tombstones
from ser_core.errors import SettingsError
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.state.moves import unfinished_moves
from tests.support.archives import SmallArchive
from tests.support.pipeline import file_marks, same_rows
from tests.support.tables import StopError

MONDAY, TUESDAY, WEDNESDAY = (dt.date(2026, 3, day) for day in (2, 3, 4))
SECRET = "a secret of many letters"
BERLIN = {"archive": {"timezone": "Europe/Berlin"}}
ZONED = {"archive": {"pattern": "{call_id}_{started_at:%Y%m%dT%H%M%z}.wav"}}
FLAT = {"archive": {"pattern": "{call_id}.wav"}}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SER_PRIVACY_SECRET", SECRET)


def written(root: Path) -> SmallArchive:
    """Calls dated by metadata and by their objects' times; one is forgotten, one has no place."""
    archive = SmallArchive(root, {"archive": {**FLAT["archive"], "metadata": f"{root}/calls-{{call_date}}.csv"}})
    for number in range(6):
        archive.put(f"c{number}.wav", WEDNESDAY if number < 3 else MONDAY)
    archive.put("odd.flac", TUESDAY)
    for number, day in enumerate((MONDAY, TUESDAY, TUESDAY)):
        archive.metadata({"call_id": f"c{number}", "queue": f"q{number}"}, name=f"calls-{day}.csv")
    rows = [{"call_id": f"c{number}", "queue": f"q{number}"} for number in (1, 2)]
    archive.metadata(*rows, name=f"calls-{TUESDAY}.csv")
    names = Pseudonyms(SECRET.encode())
    keep_tombstones(archive.store, "a", names, [names.of_call("c4"), *(names.of_call(f"x{n}") for n in range(50))])
    keep_tombstones(archive.store, "b", names, [names.of_call("c5")])
    return archive


def change(archive: SmallArchive) -> None:
    """c0 is corrected, c1 has no row any more, c2 stays, c3 is uploaded again."""
    archive.metadata({"call_id": "c0", "queue": "q0"}, name=f"calls-{WEDNESDAY}.csv")
    archive.metadata({"call_id": "c9"}, name=f"calls-{MONDAY}.csv")
    archive.metadata({"call_id": "c2", "queue": "new"}, name=f"calls-{TUESDAY}.csv")
    archive.put("c3.wav", TUESDAY)


def both(root: Path, session: SparkSession) -> tuple[SmallArchive, SmallArchive]:
    """Two archives with the same files; Spark works on the second."""
    first = written(root / "driver")
    second = SmallArchive(root / "spark", session=session)
    shutil.copytree(first.root, second.root, dirs_exist_ok=True, copy_function=shutil.copy2)
    second.changes = {"archive": {**FLAT["archive"], "metadata": f"{second.root}/calls-{{call_date}}.csv"}}
    return first, second


def unchanged(root: Path) -> dict[str, int]:
    marks = file_marks(root / "tables")
    return {name: at for name, at in marks.items() if not name.startswith(("runs/", "_lease/", "_state/lease"))}


@pytest.mark.parametrize("scope", [(), (TUESDAY,)], ids=["full", "date"])
def test_spark_and_the_driver_make_the_same_tables(
    spark: SparkSession, tmp_path: Path, scope: tuple[dt.date, ...]
) -> None:
    archives = both(tmp_path, spark)
    for archive in archives:
        archive.ingest()
        assert set(archive.dates()) == {"c0.wav", "c1.wav", "c2.wav", "c3.wav", "odd.flac"}
        archive.extract(*(key for key in archive.recordings() if key != "odd.flac"))
        change(archive)
        archive.ingest(*scope)
    driver, by_spark = archives
    names = ("uri", "run_id", "recording_id", "duplicate_of")
    same_rows(driver.store, by_spark.store, RECORDINGS, names)
    same_rows(driver.store, by_spark.store, QUARANTINE, names)
    expected = {"c0.wav": WEDNESDAY, "c1.wav": TUESDAY, "c2.wav": TUESDAY, "c3.wav": TUESDAY, "odd.flac": TUESDAY}
    assert by_spark.dates() == expected | ({"c0.wav": MONDAY} if scope else {})
    assert by_spark.extracted() == driver.extracted()
    before = unchanged(by_spark.root)
    by_spark.ingest(*scope)
    assert unchanged(by_spark.root) == before


@pytest.mark.parametrize("stop_at", [0, 1, 2])
def test_a_run_killed_between_its_steps_is_ended_by_the_next(
    spark: SparkSession, tmp_path: Path, stop_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps are: copy rows, write the new dates, write the old dates."""
    archive = SmallArchive(tmp_path, ZONED, spark)
    for key in ("moves_20260302T2330+0000.wav", "stays_20260302T0930+0000.wav"):
        archive.put(key, MONDAY)
    archive.ingest()
    archive.extract()
    steps: list[Any] = []
    real = Cluster.each

    def each(self: Cluster, *work: Any) -> Any:
        if len(steps) == stop_at:
            raise StopError
        steps.append(work)
        return real(self, *work)

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "each", each)
        with pytest.raises(StopError):
            archive.ingest(changes=BERLIN)
    assert unfinished_moves(archive.store) == {MONDAY, TUESDAY}
    archive.ingest(WEDNESDAY, changes=BERLIN)
    archive.changes = {"archive": {**ZONED["archive"], **BERLIN["archive"]}}
    dates = {"moves_20260302T2330+0000.wav": TUESDAY, "stays_20260302T0930+0000.wav": MONDAY}
    assert archive.dates() == dates
    assert {key: date for key, (date, _) in archive.extracted().items()} == dates
    assert archive.to_extract() == set()
    assert unfinished_moves(archive.store) == set()


def test_ids_that_recur_are_joined_by_their_day(spark: SparkSession, tmp_path: Path) -> None:
    archive = SmallArchive(tmp_path, {"archive": {"pattern": "{call_date:%Y%m%d}-{call_id}.wav"}}, spark)
    days = (MONDAY, TUESDAY, WEDNESDAY)
    for day in days:
        archive.put(f"{day:%Y%m%d}-c1.wav", WEDNESDAY)
    rows = [{"call_id": "c1", "call_date": day, "queue": f"q{day.day}"} for day in (MONDAY, TUESDAY)]
    uri = archive.metadata(*rows, {"call_id": "c1", "call_date": "", "queue": "any day"})
    archive.ingest(changes={"archive": {"metadata": uri}})
    queues = {row["call_date"]: row["queue"] for row in archive.recordings().values()}
    assert queues == {MONDAY: "q2", TUESDAY: "q3", WEDNESDAY: "any day"}


def test_faults_of_the_metadata_are_those_of_the_driver(spark: SparkSession, tmp_path: Path) -> None:
    archive = SmallArchive(
        tmp_path, {**FLAT, "archive": {**FLAT["archive"], "metadata": f"{tmp_path}/calls.csv"}}, spark
    )
    archive.put("c1.wav", MONDAY)
    archive.metadata({"call_id": "c1"}, {"call_id": "c1"})
    with pytest.raises(SettingsError, match="'c1' has two rows: expected one row a call and day"):
        archive.ingest()


def test_few_new_recordings_over_many_known_ones(spark: SparkSession, tmp_path: Path) -> None:
    """The driver lists, Spark looks up where the recordings are known, and neither loses a row."""
    archive = SmallArchive(tmp_path, FLAT)
    for number in range(12):
        archive.put(f"c{number}.wav", MONDAY)
    archive.ingest()
    for number in range(8, 12):
        archive.delete(f"c{number}.wav")
    for number in range(8):
        archive.put(f"c{number}.wav", TUESDAY if number < 2 else MONDAY)
    archive.session = spark
    assert archive.ingest(changes={"spark": {"driver_rows": 8}})["moved"] == 2
    assert sorted(archive.dates().values()) == [MONDAY] * 10 + [TUESDAY] * 2
    assert sum(row["gone_at"] is not None for row in archive.recordings().values()) == 4
