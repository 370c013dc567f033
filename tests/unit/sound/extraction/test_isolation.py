from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.config.isolation_settings import IsolationSettings
from ser_core.errors import IsolationError, Reason, Refusal
from ser_core.sound.extraction import ExtractionPlan, extract, extract_isolated, isolation
from tests.support.audio import encode, noise
from tests.support.synth import wav

DATA = wav("angry", 1.0)
pytestmark = pytest.mark.slow  # a child takes a second to start
ROOM = IsolationSettings(enabled=True, memory_mb=512, base_s=20.0, s_per_mb=1.0)
SHORT = ROOM.model_copy(update={"base_s": 0.5})


@pytest.fixture(scope="module")
def plan() -> ExtractionPlan:
    words = "--features.set paper-180 --segments.mode window --roles.mono customer"
    return ExtractionPlan.of(load_settings(words.split(), environ={}))


@pytest.fixture(autouse=True)
def _a_child_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ISOLATION_TEST_HOOK", "tests.support.hooks:misbehave")
    yield
    isolation.close_child()


def run(plan: ExtractionPlan, name: str, settings: IsolationSettings = ROOM, data: bytes = DATA) -> Any:
    return extract_isolated(io.BytesIO(data), len(data), plan, settings, recording_id=name)


def same(first: Any, second: Any) -> bool:
    pairs = zip(first.channels, second.channels, strict=True)
    return all(
        np.array_equal(getattr(a, field.name), getattr(b, field.name))
        for a, b in pairs
        for field in dataclasses.fields(a)
    )


def test_the_result_is_that_of_extract_from_memory_and_from_a_file(plan: ExtractionPlan, tmp_path: Path) -> None:
    alone = extract(io.BytesIO(DATA), len(DATA), plan)
    assert len(alone.channels[0].vectors)
    assert same(run(plan, "good"), alone)
    path = tmp_path / "good.wav"
    path.write_bytes(DATA)
    with path.open("rb") as file:
        file.read(7)  # the position does not matter
        assert same(extract_isolated(file, len(DATA), plan, ROOM), alone)
    for memory in (10**6, 10):
        with tempfile.SpooledTemporaryFile(max_size=memory) as spool:
            spool.write(DATA)
            assert same(extract_isolated(cast("BinaryIO", spool), len(DATA), plan, ROOM), alone)
            assert (spool.name is None) == (memory > 10)  # what was in memory stays there


@pytest.mark.parametrize(
    ("kind", "reason", "detail"),
    [
        ("segfaults", Reason.DECODER_CRASH, "its process died of SIGSEGV; tried 2 times"),
        ("exits", Reason.DECODER_CRASH, "its process died with exit code 3; tried 2 times"),
        (
            "killed",
            Reason.OUT_OF_MEMORY,
            "its process was killed, as the system does when memory runs out; tried 2 times",
        ),
        ("raises", Reason.DECODER_CRASH, "RuntimeError: an unforeseen state"),
    ],
)
def test_a_recording_that_ends_the_child_is_refused_and_the_next_is_extracted(
    plan: ExtractionPlan, kind: str, reason: Reason, detail: str
) -> None:
    run(plan, "good")
    with pytest.raises(Refusal) as caught:
        run(plan, f"bad-{kind}")
    assert (caught.value.reason, caught.value.detail) == (reason, detail)
    assert run(plan, "good").channels


@pytest.mark.parametrize("kind", ["loops", "sleeps"])
def test_a_hang_is_ended(plan: ExtractionPlan, kind: str) -> None:
    began = time.monotonic()
    with pytest.raises(
        Refusal, match=r"took longer than 1 s \(isolation.base_s, isolation.s_per_mb\); tried"
    ) as caught:
        run(plan, f"bad-{kind}", SHORT)
    assert caught.value.reason is Reason.DECODER_TIMEOUT
    assert time.monotonic() - began < 20


def test_memory_is_limited(plan: ExtractionPlan) -> None:
    with pytest.raises(Refusal, match=r"more than 512 MB \(isolation.memory_mb\)") as caught:
        run(plan, "bad-eats")
    assert caught.value.reason is Reason.OUT_OF_MEMORY
    assert run(plan, "good").channels


def test_what_fails_once_is_extracted_the_second_time(
    plan: ExtractionPlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ISOLATION_TEST_MARK", str(tmp_path / "mark"))
    assert run(plan, "bad-once").channels
    assert (tmp_path / "mark").exists()


def test_refusals_of_the_child_are_raised(plan: ExtractionPlan) -> None:
    with pytest.raises(Refusal) as caught:
        run(plan, "text", data=b"no audio at all")
    assert caught.value.reason is Reason.NOT_AUDIO
    with pytest.raises(Refusal) as alone:
        extract(io.BytesIO(b"no audio at all"), 15, plan)
    assert caught.value.detail == alone.value.detail


def test_one_child_serves_many_and_another_plan_gets_its_own(plan: ExtractionPlan) -> None:
    run(plan, "good")
    first = isolation._kept[0]._process
    run(plan, "good")
    assert isolation._kept[0]._process is first
    run(dataclasses.replace(plan, roles_scored=("customer", "agent")), "good")
    assert isolation._kept[0]._process is not first
    assert first.poll() is not None


def test_a_large_recording_in_memory_is_sent(plan: ExtractionPlan) -> None:
    data = encode(noise(16000, 400.0), 16000)  # 12 MB: more than a socket holds
    assert run(plan, "long", data=data).channels[0].duration_s == pytest.approx(400.0)


def test_a_child_that_cannot_start_is_an_isolation_error(plan: ExtractionPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOLATION_TEST_HOOK", "tests.support.no_such_module:f")
    with pytest.raises(IsolationError, match=r"did not start .*exit code 1.*--isolation.enabled false"):
        run(plan, "good")


def test_a_broken_installation_is_an_isolation_error(plan: ExtractionPlan) -> None:
    with pytest.raises(IsolationError, match="No module named 'soundfile'"):
        run(plan, "bad-lacks")


def test_an_interrupted_answer_goes_to_no_other_recording(
    plan: ExtractionPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(plan, "good")

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(isolation._kept[0]._connection, "poll", interrupted, raising=False)
        with pytest.raises(KeyboardInterrupt):
            run(plan, "good")
    assert len(run(plan, "good", data=wav("happy", 3.0)).channels[0].vectors) > 0
    assert run(plan, "good", data=wav("happy", 3.0)).channels[0].duration_s == pytest.approx(3.0)


def test_the_child_ends_with_a_parent_that_is_killed(plan: ExtractionPlan) -> None:
    code = """
import io, sys, time
sys.path.insert(0, '.')
from tests.unit.sound.extraction import test_isolation as t
from ser_core.sound.extraction import isolation
plan = t.ExtractionPlan.of(t.load_settings(["--features.set", "paper-180"], environ={}))
isolation._kept.append(isolation.Child(plan, t.ROOM))
print(isolation._kept[0]._process.pid, flush=True)
t.run(plan, "bad-sleeps")
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.5)  # it sleeps in native code by now
        parent.kill()
    for _ in range(100):
        if not Path(f"/proc/{child}").exists():
            return
        time.sleep(0.05)
    os.kill(child, 9)
    pytest.fail("the child outlived its parent by 5 s")
