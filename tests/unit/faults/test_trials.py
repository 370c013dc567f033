"""The trials themselves: what is dealt, who is found, and that a difference is seen."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.schemas import CALL_EMOTIONS, CALL_TALK
from ser_core.data.tables.store import TableStore, bucket_key, rows
from tests.faults.processes import below, kill
from tests.faults.readings import same_readings
from tests.faults.torn_readers import Expected, Reader
from tests.faults.trials import deal
from tests.support.tables import MONDAY


def test_the_trials_hold_enough_of_each() -> None:
    trials = deal(56, 0)
    jobs = Counter(trial.job for trial in trials)
    assert len(trials) == 56
    assert min(jobs["nightly"], jobs["train"]) >= 5
    assert min(jobs["ingest"], jobs["extract"], jobs["score"]) >= 10
    assert sum(trial.publishing for trial in trials) >= 15
    assert set(Counter(trial.target for trial in trials)) == {"driver", "executor", "worker"}
    assert trials == deal(56, 0) != deal(56, 1)


def test_a_process_below_is_found_and_killed() -> None:
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"1\n"
        first, second = below(parent.pid)
        assert (first.pid, second.parent) == (parent.pid, parent.pid)
        assert kill(second)
        assert parent.wait(10) == 0
    assert not kill(second)
    assert below(parent.pid) == []


def _talk(root: Path, call_ids: list[str]) -> TableStore:
    store = TableStore(FolderStorage(root))
    values = [{"call_id": name, "call_date": MONDAY, "run_id": str(root)} for name in call_ids]
    store.write(bucket_key(CALL_TALK, {"call_date": MONDAY}, 0), rows(CALL_TALK.schema, values))
    return store


def test_a_row_too_many_or_a_mark_too_few_is_a_difference(tmp_path: Path) -> None:
    whole, twice = _talk(tmp_path / "a", ["c1"]), _talk(tmp_path / "b", ["c1", "c1"])
    same_readings(whole, _talk(tmp_path / "c", ["c1"]))
    with pytest.raises(AssertionError, match="call_talk: 1 rows and 2"):
        same_readings(whole, twice)
    marked = _talk(tmp_path / "d", ["c1"])
    marked.put("_state/inputs/call_talk/call_date=2026-03-02.json", b'{"inputs": "1"}')
    with pytest.raises(AssertionError, match="beside the tables"):
        same_readings(whole, marked)


def test_a_reader_reports_what_is_missing_doubled_or_of_another_model() -> None:
    key = ("m/1", MONDAY, "c1", "customer")
    expected = Expected()
    for confidence in (0.5, 0.9):
        expected.add(CALL_EMOTIONS, [(*key, "sad", confidence)])
    good = [(*key, "sad", 0.9)]
    bad = [
        [],
        good * 2,
        [(*key, "sad", 0.7)],
        [(*key, "happy", 0.9)],
        [*good, ("m/2", *key[1:], "sad", 0.9)],
    ]
    answers = [good, *bad]
    reader = Reader(lambda _: answers.pop(0), expected)
    for _ in range(6):
        reader.once(CALL_EMOTIONS)
    assert (reader.looks, len(reader.torn)) == (6, 5)
    assert "'c1', 'customer'): 0" in reader.torn[0]
    assert "'c1', 'customer'): 2" in reader.torn[1]
