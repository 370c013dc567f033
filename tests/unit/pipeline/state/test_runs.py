"""The row of a run from its start to its end, and what the next run does of one that was killed."""

from __future__ import annotations

import datetime as dt
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ser_core.config import Settings, load_settings
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.lease import held, holders
from ser_core.data.tables.schemas import RUNS
from ser_core.data.tables.store import TableStore
from ser_core.errors import EndedError, IncompleteError, LeaseHeldError, LeaseLostError, SettingsError
from ser_core.pipeline.engine.early_end import EARLY_END
from ser_core.pipeline.state import runs
from ser_core.pipeline.state.run_frame import running
from ser_core.pipeline.state.runs import TABLES_LEASE, Run, run_key

SECOND = dt.timedelta(seconds=1)
_kept: list[Any] = []  # blocks that nobody leaves: a run that goes would end them


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(FolderStorage(tmp_path / "tables"))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(environ={})


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is written at once."""
    monkeypatch.setattr(runs, "_WRITE_S", 0.0)


def row(store: TableStore, run: Run) -> dict[str, Any]:
    (only,) = store.read(run_key(run.run_id), schema=RUNS.schema).to_pylist()
    return dict(only)


def killed(
    store: TableStore,
    settings: Settings,
    job: str = "nightly",
    leases: tuple[str, ...] = (TABLES_LEASE,),
    stage: str | None = None,
) -> tuple[Run, Run | None]:
    """A run, and one of its stages, that end as they are: nobody leaves their blocks."""
    long_ago = dt.datetime.now(dt.UTC) - 2 * SECOND
    run, inner = Run(job, None, long_ago), None
    _kept.append(running(run, store, settings, leases))
    _kept[-1].__enter__()
    if stage is not None:
        inner = Run(stage, None, long_ago + SECOND, parent=run, fences=dict(run.fences))
        _kept.append(running(inner, store, settings, ()))
        _kept[-1].__enter__()
    free(store)
    return run, inner


def free(store: TableStore) -> None:
    """Ends leases as their expiry would."""
    for info in list(store.storage.list("_state/lease/")):
        store.storage.delete(info.key)


@pytest.fixture(autouse=True)
def nothing_deferred() -> Iterator[None]:
    """`killed` leaves blocks open, which defer signals."""
    yield
    while _kept:
        _kept.pop().gen.close()
    EARLY_END._reset()


def test_a_run_has_a_row_from_its_start(store: TableStore, settings: Settings) -> None:
    run = Run("extract", dt.date(2026, 3, 2))
    with running(run, store, settings, [TABLES_LEASE]):
        at = row(store, run)
        assert (at["status"], at["job"], at["stage"], at["call_date"]) == (
            "running",
            "extract",
            "extract",
            run.call_date,
        )
        assert at["finished_at"] is at["wall_s"] is at["parent_run_id"] is None
        assert all(at[name] for name in ("host", "settings_hash", "code_version", "updated_at"))
        run.facts["extracted"] = 3
    ended = row(store, run)
    assert (ended["status"], ended["extracted"], ended["started_at"]) == ("done", 3, at["started_at"])
    assert ended["finished_at"] >= at["updated_at"]
    assert ended["settings_hash"] == at["settings_hash"]
    assert len(store.files(RUNS)) == 1
    assert list(store.storage.list("_state/running/")) == []


@pytest.mark.usefixtures("every_step")
def test_progress_is_in_the_rows_of_a_stage_and_of_its_night(store: TableStore, settings: Settings) -> None:
    night = Run("nightly", None)
    with running(night, store, settings, [TABLES_LEASE]):
        stage = Run("extract", None, parent=night, fences=night.fences)
        with running(stage, store, settings, ()):
            stage.progress(3, 10)
            own, outer = row(store, stage), row(store, night)
            assert own["parent_run_id"] == night.run_id
            for at in (own, outer):
                assert (at["stage"], at["units_done"], at["units_total"]) == ("extract", 3, 10)
            stage.progress(3, 10)  # the same: no progress
            assert row(store, stage)["updated_at"] == own["updated_at"]


def test_rows_are_written_at_most_every_15_s(
    store: TableStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(runs.time, "monotonic", lambda: now[0])
    run = Run("score", None)
    with running(run, store, settings, ()):
        for second in range(1, 46):
            now[0] = 1000.0 + second
            run.progress(second, 100)
            assert row(store, run)["units_done"] == (None if second < 15 else second // 15 * 15)
        assert run.still_s == 0.0
        now[0] += 7.0
        assert run.still_s == 7.0


def test_a_run_that_is_killed_at_its_very_start_is_closed_too(
    store: TableStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed_at(*_: Any) -> None:
        raise Killed

    first = Run("score", None, dt.datetime.now(dt.UTC) - SECOND)
    with monkeypatch.context() as patch:
        patch.setattr("ser_core.pipeline.state.run_frame.close_killed", killed_at)
        patch.setattr("ser_core.pipeline.state.run_frame._close", lambda *_: None)
        with pytest.raises(Killed), running(first, store, settings, [TABLES_LEASE]):
            pass
    assert row(store, first)["status"] == "running"
    with running(Run("score", None), store, settings, [TABLES_LEASE]):
        assert row(store, first)["status"] == "failed"


@pytest.mark.usefixtures("every_step")
def test_progress_that_comes_late_does_not_open_a_row_again(store: TableStore, settings: Settings) -> None:
    run = Run("score", None)
    with running(run, store, settings, ()):
        pass
    for units in range(3):
        thread = threading.Thread(target=run.progress, args=(units, 5))
        thread.start()
        thread.join()
    assert row(store, run)["status"] == "done"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (IncompleteError("half of it"), "incomplete", "IncompleteError: half of it"),
        (LeaseLostError("gone"), "failed", "LeaseLostError: gone"),
        (ZeroDivisionError("x"), "failed", "ZeroDivisionError: x"),
        (EndedError(signal.SIGTERM), "failed", "ended by SIGTERM"),
    ],
)
def test_a_run_that_fails_has_a_row_that_says_why(
    store: TableStore, settings: Settings, error: BaseException, status: str, text: str
) -> None:
    run = Run("extract", None)
    with pytest.raises(type(error)), running(run, store, settings, [TABLES_LEASE]):
        raise error
    assert (row(store, run)["status"], row(store, run)["detail"]) == (status, text)
    assert holders(store.storage) == {}
    assert list(store.storage.list("_state/running/")) == []


def test_a_night_that_a_signal_ends_has_rows_of_its_stages_too(store: TableStore, settings: Settings) -> None:
    night = Run("nightly", None)
    stage = Run("score", None, parent=night)
    with pytest.raises(EndedError), running(night, store, settings, [TABLES_LEASE]):
        stage.fences |= night.fences
        with running(stage, store, settings, ()):
            raise EndedError(signal.SIGTERM)
    assert [row(store, run)["detail"] for run in (stage, night)] == ["ended by SIGTERM"] * 2
    assert row(store, night)["stage"] == "score"


def test_a_killed_run_stays_running_and_the_next_one_closes_it(store: TableStore, settings: Settings) -> None:
    night, stage = killed(store, settings, stage="extract")
    assert stage is not None
    assert [row(store, run)["status"] for run in (night, stage)] == ["running", "running"]
    other = Run("train", None)  # holds no lease of these tables: it cannot know
    with running(other, store, settings, ()):
        pass
    assert row(store, night)["status"] == "running"
    with running(Run("score", None), store, settings, [TABLES_LEASE]):
        for run in (night, stage):
            closed = row(store, run)
            assert closed["status"] == "failed"
            assert closed["detail"].startswith("killed: its last sign was at ")
            assert closed["finished_at"] == closed["updated_at"]
            assert closed["parent_run_id"] == (night.run_id if run is stage else None)
    assert list(store.storage.list("_state/running/")) == []


def test_runs_that_are_closed_are_few_however_many_there_are(
    store: TableStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of runs before the killed one are not read."""
    for _ in range(3):
        with running(Run("score", None, dt.datetime.now(dt.UTC) - 9 * SECOND), store, settings, [TABLES_LEASE]):
            pass
    killed(store, settings)
    read: list[str] = []
    reads = TableStore.read

    def noted(self: TableStore, key: str, *args: Any, **named: Any) -> pa.Table:
        read.append(key)
        return reads(self, key, *args, **named)

    monkeypatch.setattr(TableStore, "read", noted)
    run = Run("score", None)
    with running(run, store, settings, [TABLES_LEASE]):
        assert sum(key.startswith("runs/") for key in read) == 2  # the killed one, and the run itself


def test_a_run_without_a_lease_is_closed_when_it_gave_no_sign_for_long(store: TableStore, settings: Settings) -> None:
    dead, _ = killed(store, settings, job="train", leases=())
    with running(Run("train", None), store, settings, ()):
        assert row(store, dead)["status"] == "running"  # it may be alive
    strict = settings.model_copy(update={"lease": settings.lease.model_copy(update={"stall_s": 0.001})})
    with running(Run("train", None), store, strict, ()):
        assert row(store, dead)["status"] == "failed"


def test_a_run_that_meets_another_has_a_row_and_says_so_the_second_time(store: TableStore, settings: Settings) -> None:
    def meet(job: str) -> str:
        run = Run(job, None)
        with pytest.raises(LeaseHeldError) as caught, running(run, store, settings, [TABLES_LEASE]):
            pass
        assert row(store, run)["status"] == "refused"
        return str(caught.value)

    with held(store.storage, [TABLES_LEASE], "20260302T020000-abcdef", "nightly", 60.0):
        first, other, second = meet("nightly"), meet("extract"), meet("nightly")
    assert all("20260302T020000-abcdef" in text for text in (first, other, second))
    assert [" second time" in text for text in (first, other, second)] == [False, False, True]
    with held(store.storage, [TABLES_LEASE], "20260303T020000-abcdef", "nightly", 60.0):
        assert " second time" not in meet("nightly")


@pytest.mark.parametrize("job", ["ingest", "extract", "score", "nightly", "maintain"])
def test_ingest_beside_extract_is_refused_before_work(job: str, store: TableStore, settings: Settings) -> None:
    with (
        running(Run("extract", None), store, settings, [TABLES_LEASE]),
        pytest.raises(LeaseHeldError, match="extract"),
        running(Run(job, None), store, settings, [TABLES_LEASE]),
    ):
        pytest.fail("both are at work")


def test_tables_of_another_layout_get_no_row(store: TableStore, settings: Settings) -> None:
    store.storage.put("channels/_table.json", b"{}")
    with pytest.raises(SettingsError, match="layout"), running(Run("score", None), store, settings, [TABLES_LEASE]):
        pass
    assert store.files(RUNS) == []
