"""What metadata knows of a call stays until metadata says otherwise, be it a file of one day or of every day."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import pytest

from ser_core.errors import SettingsError
from ser_core.pipeline.stages import archive_listing
from tests.support.archives import SmallArchive
from tests.support.pipeline import PATTERN

MONDAY, TUESDAY, WEDNESDAY = (dt.date(2026, 3, day) for day in (2, 3, 4))
KNOWN = ("agent_id", "queue", "started_at", "extra")


def flat(root: Path, metadata: str = "calls.csv") -> SmallArchive:
    """Nothing but the call is in the path."""
    return SmallArchive(root, {"archive": {"pattern": "{call_id}.wav", "metadata": f"{root}/{metadata}"}})


def dated(root: Path, metadata: str) -> SmallArchive:
    return SmallArchive(
        root, {"archive": {"pattern": "{call_date:%Y/%m/%d}/{call_id}.wav", "metadata": f"{root}/{metadata}"}}
    )


def known(archive: SmallArchive, key: str) -> dict[str, Any]:
    row = archive.recordings()[key]
    return {name: row[name] for name in (*KNOWN, "call_date", "call_date_source")}


def queues(archive: SmallArchive) -> dict[str, str | None]:
    return {key: row["queue"] for key, row in archive.recordings().items()}


@pytest.mark.parametrize("make", [flat, dated])
def test_a_file_of_one_day_leaves_the_other_days_as_they_are(tmp_path: Path, make: Any) -> None:
    archive = make(tmp_path, "calls.csv")
    folder = "2026/03/02/" if make is dated else ""
    first, second = f"{folder}c1.wav", f"{folder.replace('02/', '03/')}c2.wav"
    archive.put(first, WEDNESDAY)
    monday = {"call_id": "c1", "agent_id": "a1", "queue": "billing", "started_at": "2026-03-02T09:00", "campaign": "x"}
    archive.metadata(monday)
    archive.ingest()
    before = known(archive, first)
    assert (before["queue"], before["call_date"]) == ("billing", MONDAY)
    archive.put(second, WEDNESDAY)
    archive.metadata({"call_id": "c2", "queue": "sales", "started_at": "2026-03-03T09:00"})
    for scope in ((), (MONDAY,), (TUESDAY,), (WEDNESDAY,)):
        archive.ingest(*scope)
        assert known(archive, first) == before
    assert known(archive, second)["call_date"] == TUESDAY
    archive.metadata({**monday, "queue": "complaints"})
    archive.ingest(MONDAY)
    assert queues(archive) == {first: "complaints", second: "sales"}
    archive.ingest(changes={"archive": {"metadata": None}})  # without metadata, nothing says otherwise
    assert queues(archive) == {first: "complaints", second: "sales"}


def test_what_is_known_moves_along_with_a_new_upload(tmp_path: Path) -> None:
    archive = flat(tmp_path)
    archive.put("c1.wav", MONDAY)
    archive.metadata({"call_id": "c1", "agent_id": "a1", "queue": "billing"})
    archive.ingest()
    archive.metadata({"call_id": "c2", "agent_id": "a2", "queue": "sales"})
    archive.put("c1.wav", TUESDAY)
    archive.ingest(TUESDAY)
    row = archive.recordings()["c1.wav"]
    assert (row["call_date"], row["agent_id"], row["queue"]) == (TUESDAY, "a1", "billing")


def test_what_was_known_of_another_call_does_not_stay(tmp_path: Path) -> None:
    """A pattern that is mended gives a recording another call."""
    archive = SmallArchive(tmp_path, {"archive": {"metadata": f"{tmp_path}/calls.csv"}})
    archive.put("c1_x.wav", MONDAY)
    archive.metadata({"call_id": "c1_x.wav", "queue": "of the whole key"})
    archive.ingest()
    archive.metadata({"call_id": "c9", "queue": "of another"})
    archive.ingest(changes={"archive": {"pattern": "{call_id}_{part}.wav"}})
    assert queues(archive) == {"c1_x.wav": None}


@pytest.mark.parametrize("group", ["{call_date}", "{call_date:%Y%m%d}"])
@pytest.mark.parametrize("make", [flat, dated])
def test_a_file_a_date(tmp_path: Path, make: Any, group: str) -> None:
    """Where the path has no date, the file of any date may say it, whatever the scope is."""
    archive = make(tmp_path, f"calls-{group}.csv")
    days = (MONDAY, TUESDAY)
    keys = {day: f"{day:%Y/%m/%d}/c{day.day}.wav" if make is dated else f"c{day.day}.wav" for day in days}
    for day in days:
        form = "%Y%m%d" if "%" in group else "%Y-%m-%d"
        archive.put(keys[day], WEDNESDAY)
        archive.metadata({"call_id": f"c{day.day}", "queue": f"q{day.day}"}, name=f"calls-{day.strftime(form)}.csv")
    archive.ingest(WEDNESDAY, TUESDAY)
    assert archive.dates() == {keys[TUESDAY]: TUESDAY}
    archive.ingest(MONDAY)
    assert archive.dates() == {keys[day]: day for day in days}
    assert queues(archive) == {keys[day]: f"q{day.day}" for day in days}
    assert "moved" not in archive.ingest()


def test_with_the_date_in_the_path_only_the_files_of_the_scope_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = dated(tmp_path, "calls-{call_date}.csv")
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        archive.put(f"{day:%Y/%m/%d}/c1.wav", day)
        archive.metadata({"call_id": "c1", "queue": f"q{day.day}"}, name=f"calls-{day}.csv")
    read: list[dt.date | None] = []
    real = archive_listing.read_metadata
    monkeypatch.setattr(
        archive_listing, "read_metadata", lambda file, *rest: (read.append(file.call_date), real(file, *rest))[1]
    )
    archive.ingest(TUESDAY)
    assert read == [TUESDAY]
    archive.ingest()
    assert read == [TUESDAY, MONDAY, TUESDAY, WEDNESDAY]
    assert set(queues(archive).values()) == {"q2", "q3", "q4"}  # one id, three calls


def test_metadata_that_comes_late_dates_the_call(tmp_path: Path) -> None:
    archive = flat(tmp_path)
    archive.metadata({"call_id": "other", "call_date": "2026-03-02"})
    archive.put("c1.wav", WEDNESDAY)
    archive.ingest(WEDNESDAY)
    assert known(archive, "c1.wav")["call_date_source"] == "object_time"
    archive.metadata({"call_id": "c1", "call_date": "2026-03-02"})
    archive.ingest(WEDNESDAY)
    assert known(archive, "c1.wav")["call_date"] == MONDAY
    assert known(archive, "c1.wav")["call_date_source"] == "metadata"


def test_two_rows_of_a_call_and_day_are_a_fault_with_their_places(tmp_path: Path) -> None:
    archive = flat(tmp_path)
    archive.put("c1.wav", MONDAY)
    row = {"call_id": "c1", "call_date": "2026-03-02"}
    archive.metadata({**row, "call_id": "unlisted"}, row, row, {**row, "call_id": "unlisted"})
    words = r"'c1' has two rows on 2026-03-02: expected one row a call and day.*calls.csv, row 3; .*calls.csv, row 4"
    with pytest.raises(SettingsError, match=words):
        archive.ingest()


def test_the_log_says_how_many_have_no_metadata(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive = flat(tmp_path)
    for call in ("c1", "c2"):
        archive.put(f"{call}.wav", MONDAY)
    caplog.set_level(logging.INFO)
    archive.metadata({"call_id": "c1"})
    archive.ingest()
    assert ("INFO", f"1 of 2 recordings have no row in {tmp_path}/calls.csv: what is known of them stays") in [
        (record.levelname, record.getMessage()) for record in caplog.records
    ]
    archive.metadata({"call_id": "c3"})
    archive.ingest()
    assert "2 of 2 recordings have no row" in [r for r in caplog.records if r.levelname == "WARNING"][-1].getMessage()


def test_of_ids_that_recur_only_the_rows_of_the_scope_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file has every day. A night keeps no more of it than its own calls."""
    archive = dated(tmp_path, "calls.csv")
    archive.metadata(*({"call_id": "c1", "call_date": f"2026-03-{day:02d}", "queue": day} for day in range(1, 29)))
    for day in (MONDAY, TUESDAY):
        archive.put(f"{day:%Y/%m/%d}/c1.wav", day)
    kept: list[dt.date | None] = []
    real = archive_listing.metadata_text
    monkeypatch.setattr(archive_listing, "metadata_text", lambda row: (kept.append(row.call.call_date), real(row))[1])
    archive.ingest(TUESDAY)
    assert kept == [TUESDAY]
    assert queues(archive) == {"2026/03/03/c1.wav": "3"}


def test_the_driver_keeps_only_rows_of_listed_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = SmallArchive(tmp_path, {"archive": {"pattern": PATTERN}})
    archive.put("2026/03/02/c7_a.wav", MONDAY)
    uri = archive.metadata(*({"call_id": f"c{n}", "queue": f"q{n}"} for n in range(1000)))
    kept: list[str | None] = []
    real = archive_listing.metadata_text
    monkeypatch.setattr(archive_listing, "metadata_text", lambda row: (kept.append(row.call.call_id), real(row))[1])
    archive.ingest(changes={"archive": {"metadata": uri}})
    assert kept == ["c7"]
    assert queues(archive) == {"2026/03/02/c7_a.wav": "q7"}
