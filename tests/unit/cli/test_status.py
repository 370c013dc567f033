"""`ser status`: what it shows, what it counts as a problem, and its exit code."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ser_core.cli.main import main
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.lease import held
from ser_core.data.tables.schemas import QUARANTINE, RECORDINGS, RUNS
from ser_core.data.tables.store import TableStore, bucket_key, log_key, partition_path, rows
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.nights import Nights
from tests.support.tables import recording

DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC)
YESTERDAY = NOW.date() - DAY


class Archive:
    """Tables with a month of published weekdays and a night after each of the last three days, all well."""

    def __init__(self, root: Path) -> None:
        self.store = TableStore(FolderStorage(root))
        self.words = ["status", "--tables.uri", str(root)]
        self.note({YESTERDAY - n * DAY: {"listed": 40} for n in range(28)})
        for n in (2, 1, 0):
            self.run(f"night{n}", "nightly", NOW - n * DAY, status="done", call_date=YESTERDAY - n * DAY)
        Nights(YESTERDAY, YESTERDAY - 2 * DAY).write(self.store)

    def note(self, changes: Mapping[dt.date, Mapping[str, Any]]) -> None:
        dates = Dates(self.store)
        usual = {"open": False, "models": ["m/1"], "refused": 0}
        for date, values in changes.items():
            dates.update(date, **{**usual, **values})
        dates.save()

    def forget(self, *days: dt.date) -> None:
        dates = Dates(self.store)
        for date in days:
            dates.forget(date)
        dates.save()

    def run(self, name: str, job: str, start: dt.datetime, **values: Any) -> str:
        """A row of `runs`; its id."""
        run_id = f"{start:%Y%m%dT%H%M%S}-{name}"
        counts = {"listed": 40, "extracted": 39, "refused_now": 1, "scored_calls": 39, "wall_s": 90.0}
        row = {"run_id": run_id, "job": job, "started_at": start, **counts, **values}
        key = f"{RUNS.name}/{partition_path(RUNS, {'month': f'{start:%Y-%m}'})}{run_id}.parquet"
        self.store.write(key, rows(RUNS.schema, [row]))
        return run_id


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


Capture = pytest.CaptureFixture[str]


def asked(archive: Archive, capsys: Capture, code: int) -> dict[str, Any]:
    assert main([*archive.words, "--json"]) == code
    facts = dict(json.loads(capsys.readouterr().out))
    assert facts["exit_code"] == code
    return facts


def shown(archive: Archive, capsys: Capture, monkeypatch: pytest.MonkeyPatch, code: int) -> str:
    """What a terminal of 80 columns shows."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main(archive.words) == code
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines())
    return text


def problem(archive: Archive, capsys: Capture) -> dict[str, str]:
    """The only problem."""
    (only,) = asked(archive, capsys, 4)["problems"]
    return dict(only)


def test_all_is_well(archive: Archive, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = asked(archive, capsys, 0)
    assert facts["problems"] == facts["missing"] == facts["open"] == facts["stalled"] == []
    assert facts["held"] == facts["leases"] == facts["quarantine"] == {}
    assert [night["day"] for night in facts["nights"]] == [str(YESTERDAY - n * DAY) for n in range(3)]
    text = shown(archive, capsys, monkeypatch, 0)
    assert "All is well" in text
    assert "Nobody holds a lease" in text
    (night, *_) = [line.split() for line in text.splitlines() if line.startswith(str(YESTERDAY))]
    assert night == f"{YESTERDAY} {NOW:%Y-%m-%d %H:%M} done 40 39 1 39 1.5".split()


def test_a_held_date_is_shown_with_the_command_that_lets_it_pass(
    archive: Archive, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    dates = Dates(archive.store)
    dates.hold(
        YESTERDAY, "lost_calls: 0 of 39 published calls would be left; 40 of 40 recordings are refused", "r", NOW
    )
    dates.save()
    command = f"ser score --call-date {YESTERDAY} --drift.action warn"
    only = problem(archive, capsys)
    assert (only["kind"], only["command"]) == ("held", command)
    assert only["text"].startswith(f"{YESTERDAY} is held back since {NOW:%Y-%m-%d %H:%M} UTC: lost_calls: 0 of 39")
    text = shown(archive, capsys, monkeypatch, 4)
    assert "To look at: 1" in text
    assert f"      {command}\n" in text
    assert "Dates with work left: 1" in text


def test_a_day_without_a_row_is_missing_if_its_weekday_always_has_one(archive: Archive, capsys: Capture) -> None:
    gap = YESTERDAY - 3 * DAY
    archive.forget(gap)
    only = problem(archive, capsys)
    assert (only["kind"], only["command"]) == (
        "missing", f"ser nightly --call-date {gap} --nightly.lookback-days 0",
    )  # fmt: skip
    assert f"{gap} is missing: it has no recordings, {gap:%A}s have 40" in only["text"]
    archive.forget(gap - 7 * DAY)
    assert asked(archive, capsys, 4)["missing"] == [str(gap - 7 * DAY), str(gap)]
    archive.note({gap - 14 * DAY: {"listed": 0}})
    assert asked(archive, capsys, 0)["missing"] == []  # it is no rule


def test_the_days_of_nights_that_were_run_may_be_missing_too(archive: Archive, capsys: Capture) -> None:
    archive.forget(YESTERDAY)
    assert asked(archive, capsys, 4)["missing"] == [str(YESTERDAY)]


def test_few_dates_have_no_usual_days(archive: Archive, capsys: Capture) -> None:
    archive.forget(YESTERDAY - 3 * DAY)
    archive.note({YESTERDAY - n * DAY: {"models": []} for n in range(28) if n != 3})
    assert asked(archive, capsys, 0)["missing"] == []


def test_nights_that_were_not_run(archive: Archive, capsys: Capture) -> None:
    Nights(YESTERDAY - DAY, YESTERDAY - DAY).write(archive.store)
    asked(archive, capsys, 0)  # tonight's may be still to come
    Nights(YESTERDAY - 2 * DAY, YESTERDAY - DAY).write(archive.store)
    only = problem(archive, capsys)
    assert only["text"] == f"no night has ended since {YESTERDAY - 2 * DAY}: 2 days are due"
    assert only["command"] == "ser nightly"


@pytest.mark.parametrize(("status", "code"), [("failed", 4), ("refused", 4), ("incomplete", 4), ("done", 0)])
def test_the_last_night_counts(archive: Archive, capsys: Capture, status: str, code: int) -> None:
    archive.run("earlier", "nightly", NOW - dt.timedelta(hours=3), status="failed", detail="StorageError: old")
    detail = "StorageError: the store is away\nat once"
    run_id = archive.run("last", "nightly", NOW - dt.timedelta(hours=2), status=status, detail=detail)
    archive.run("score", "score", NOW - dt.timedelta(hours=1), status="done")
    archive.run("second", "nightly", NOW, status="refused", detail="LeaseHeldError: another run holds the lease")
    archive.run("third", "nightly", dt.datetime.now(dt.UTC), status="running")
    archive.run("night0", "nightly", NOW - DAY / 2, status="done")
    for path in Path(archive.words[-1], "runs").rglob("*night0.parquet"):
        path.unlink()
    problems = asked(archive, capsys, code)["problems"]
    texts = [f"the last night {run_id} is {status}: StorageError: the store is away"] if code else []
    assert [each["text"] for each in problems] == texts


def test_counts_of_a_night_that_was_refused_are_those_of_its_stages(archive: Archive, capsys: Capture) -> None:
    start = NOW + dt.timedelta(seconds=10)
    night = archive.run("refused", "nightly", start, status="refused", scored_calls=None, detail="held")
    archive.run("part", "score", start, status="refused", scored_calls=12, parent_run_id=night)
    dates = Dates(archive.store)
    dates.hold(YESTERDAY, "drift: label_psi 1", "r", NOW)
    dates.save()
    assert asked(archive, capsys, 4)["nights"][0]["scored_calls"] == 12
    assert problem(archive, capsys)["kind"] == "held"  # that is what the night was refused for


def test_a_running_row_without_a_lease_is_stalled(archive: Archive, capsys: Capture) -> None:
    start = NOW - dt.timedelta(minutes=50)
    killed = archive.run("killed", "extract", start, status="running", updated_at=start + dt.timedelta(minutes=5))
    archive.run("corpus", "train", start, status="running")
    archive.run("young", "ingest", dt.datetime.now(dt.UTC), status="running")
    only = problem(archive, capsys)
    assert (only["kind"], killed in only["text"]) == ("stalled", True)
    with held(archive.store.storage, ["tables"], killed, "extract", 60.0):
        asked(archive, capsys, 0)
        archive.words += ["--lease.stall-s", "1800"]
        stalled = asked(archive, capsys, 4)["stalled"]  # it holds the lease, and does nothing
    assert [run_id[-6:] for run_id in stalled] == ["killed", "corpus"]
    archive.run("later", "extract", start + dt.timedelta(minutes=30), status="done")
    archive.run("later2", "train", start + dt.timedelta(minutes=30), status="done")
    assert asked(archive, capsys, 0)["stalled"] == []


def test_who_holds_the_lease_and_how_far(archive: Archive, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    start = NOW - dt.timedelta(minutes=30)
    night = archive.run("tonight", "nightly", start, status="running")
    progress = {"stage": "extract", "units_done": 1200, "units_total": 5000}
    archive.run("part", "extract", start, status="running", parent_run_id=night, **progress)
    with held(archive.store.storage, ["tables"], night, "nightly", 60.0):
        lease = asked(archive, capsys, 0)["leases"]["tables"]
        text = shown(archive, capsys, monkeypatch, 0)
    assert (lease["run_id"], lease["job"], lease["units_done"], lease["units_total"]) == (night, "nightly", 1200, 5000)
    line = " ".join(text.split())
    assert f"nightly {night} holds the lease of tables since" in line
    assert "UTC; extract: 1,200 of 5,000" in line


def test_refusals_of_open_dates_and_the_last_seven(
    archive: Archive, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, quiet = YESTERDAY - 20 * DAY, YESTERDAY - 21 * DAY
    archive.note({YESTERDAY: {"refused": 2}, old: {"refused": 1, "open": True}, quiet: {"refused": 1}})
    for number, (date, reason) in enumerate([(YESTERDAY, "not_audio")] * 2 + [(old, "missing"), (quiet, "empty")]):
        name = {"recording_id": f"r{number}", "version": "v1", "uri": "/a/call.wav", "run_id": "r"}
        row = recording(f"r{number}", f"c{number}", date)
        archive.store.write(bucket_key(RECORDINGS, {"call_date": date}, number), rows(RECORDINGS.schema, [row]))
        refusal = {**name, "reason": reason, "attempt": 1, "seen_at": NOW, "call_date": date}
        archive.store.write(log_key(QUARANTINE, "r", number, call_date=date), rows(QUARANTINE.schema, [refusal]))
    facts = asked(archive, capsys, 0)
    assert facts["quarantine"] == {"not_audio": 2, "missing": 1}
    assert facts["open"] == [str(old)]
    text = shown(archive, capsys, monkeypatch, 0)
    assert [line.split() for line in text.splitlines() if line.startswith("not_audio")] == [
        ["not_audio", "2", str(YESTERDAY)]
    ]


def test_many_problems_are_counted(archive: Archive, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    dates = Dates(archive.store)
    for n in range(25):
        dates.hold(YESTERDAY - n * DAY, "drift: label_psi 1", "r", NOW)
    dates.save()
    assert len(asked(archive, capsys, 4)["problems"]) == 25
    assert "and 5 more: see --json" in shown(archive, capsys, monkeypatch, 4)


def test_runs_without_a_night_are_shown(tmp_path: Path, capsys: Capture) -> None:
    archive = Archive(tmp_path)
    for path in (tmp_path / "runs").rglob("*.parquet"):
        path.unlink()
    archive.run("a", "ingest", NOW, status="done")
    assert [run["job"] for run in asked(archive, capsys, 0)["nights"]] == ["ingest"]


def test_a_place_without_tables_is_named(tmp_path: Path, capsys: Capture) -> None:
    assert main(["status", "--tables.uri", str(tmp_path / "nowhere")]) == 2
    assert f"there are no tables below {tmp_path / 'nowhere'}" in capsys.readouterr().err


def test_tables_in_which_nothing_is_yet(tmp_path: Path, capsys: Capture) -> None:
    store = TableStore(FolderStorage(tmp_path))
    store.write("recordings/call_date=0001-01-01/no-rows.parquet", RECORDINGS.file_schema.empty_table())
    assert main(["status", "--tables.uri", str(tmp_path)]) == 0
    assert "All is well" in capsys.readouterr().out


def test_it_loads_neither_spark_nor_numerics(archive: Archive) -> None:
    code = (
        "import sys; from ser_core.cli.main import main\n"
        f"code = main({archive.words!r})\n"
        "assert not {'pyspark', 'py4j', 'sklearn', 'librosa', 'duckdb'} & set(sys.modules), sorted(sys.modules)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
