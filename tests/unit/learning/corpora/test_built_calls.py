from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ser_core.config import load_settings
from ser_core.data.storage import Storage, open_storage
from ser_core.errors import CorpusError
from ser_core.learning.corpora.built_calls import (
    ROLES,
    TRUTH,
    Call,
    CallPlan,
    compose,
    plan_calls,
    render,
    truth_table,
    write_call,
)
from ser_core.learning.corpora.clip_library import SAMPLE_RATE, ClipLibrary, speech_extent
from ser_core.learning.corpora.courses import COURSES
from ser_core.learning.corpora.manifest import ManifestReader
from ser_core.sound.audio.telephone_line import CLEAN, TELEPHONE, Line
from tests.support.audio import encode, noise, tone

EMOTIONS = ("neutral", "happy", "sad", "angry")
SPEAKERS = ("anna", "ben", "cleo")
PITCHES = dict(zip(SPEAKERS, (400.0, 700.0, 1100.0), strict=True))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ClipLibrary:
    """Three speakers, four emotions, two clips of each: a tone of the speaker's pitch between stretches of room."""
    root = tmp_path_factory.mktemp("clips")
    lines = ["uri,speaker,emotion"]
    for speaker in SPEAKERS:
        for emotion in EMOTIONS:
            for take in range(2):
                y = tone(PITCHES[speaker], SAMPLE_RATE, 1.0 + 0.25 * take, 0.2)
                room = noise(SAMPLE_RATE, 0.5, 1e-5)
                name = f"{speaker}-{emotion}-{take}.wav"
                (root / name).write_bytes(encode(np.concatenate([room, y, room]), SAMPLE_RATE))
                lines.append(f"{name},{speaker},{emotion}")
    reader = ManifestReader("\n".join(lines).encode(), "planted", str(root), "en")
    return ClipLibrary(reader, _storage(root))


def _storage(root: Path) -> Storage:
    return open_storage(str(root), load_settings(environ={}).storage)


def plan(course: str = "random", overlap: float = 0.0, length_s: float = 40.0, seed: int = 0) -> CallPlan:
    return CallPlan("call-0001", "anna", "ben", course, length_s, overlap, seed)


def time_of(call: Call, role: str) -> dict[str, float]:
    spoken: dict[str, float] = {}
    for utterance in call.truth:
        if utterance.role == role:
            spoken[utterance.emotion] = spoken.get(utterance.emotion, 0.0) + utterance.end_s - utterance.start_s
    return spoken


def test_the_truth_is_where_the_sound_is(library: ClipLibrary) -> None:
    call = compose(plan(), library)
    said = np.zeros((len(call.y), 2), dtype=bool)
    for utterance in call.truth:
        said[
            round(utterance.start_s * SAMPLE_RATE) : round(utterance.end_s * SAMPLE_RATE), ROLES.index(utterance.role)
        ] = True
    assert not call.y[~said].any()
    inside = np.convolve(np.abs(call.y[said]), np.ones(160) / 160, "same")
    assert np.mean(inside > 0.05) > 0.98
    assert {utterance.speaker for utterance in call.truth if utterance.role == "customer"} == {"anna"}
    assert {utterance.emotion for utterance in call.truth if utterance.role == "agent"} == {"neutral"}
    assert len(call.y) / SAMPLE_RATE > 40


def test_the_same_plan_is_the_same_call(library: ClipLibrary) -> None:
    utterance, same, other = (compose(plan(seed=seed), library) for seed in (1, 1, 2))
    np.testing.assert_array_equal(utterance.y, same.y)
    assert utterance.truth == same.truth
    assert utterance.truth != other.truth
    np.testing.assert_array_equal(render(utterance, TELEPHONE, 3), render(same, TELEPHONE, 3))
    assert not np.array_equal(render(utterance, TELEPHONE, 3), render(utterance, TELEPHONE, 4))


def test_nobody_speaks_twice_at_once(library: ClipLibrary) -> None:
    crossed = {}
    for overlap in (0.0, 1.0):
        call = compose(plan(overlap=overlap, length_s=60.0), library)
        for role in ROLES:
            own = [utterance for utterance in call.truth if utterance.role == role]
            assert all(before.end_s < after.start_s for before, after in pairwise(own))
        crossed[overlap] = sum(
            a.start_s < b.end_s and b.start_s < a.end_s
            for a in call.truth
            for b in call.truth
            if (a.role, b.role) == ROLES
        )
    assert crossed[0.0] == 0
    assert crossed[1.0] > 5


def test_courses(library: ClipLibrary) -> None:
    by_course = {name: compose(plan(name, length_s=120.0), library) for name in COURSES}
    assert set(time_of(by_course["random"], "customer")) == set(EMOTIONS)
    assert len(time_of(by_course["steady"], "customer")) == 1
    assert 2 <= len(time_of(by_course["shifting"], "customer")) <= 3
    dominated = time_of(by_course["dominated"], "customer")
    assert max(dominated.values()) / sum(dominated.values()) == pytest.approx(0.8, abs=0.08)
    rising = [utterance.emotion for utterance in by_course["escalating"].truth if utterance.role == "customer"]
    falling = [utterance.emotion for utterance in by_course["recovering"].truth if utterance.role == "customer"]
    assert rising[0] in {"neutral", "happy"}
    assert rising[-1] == falling[0] == "angry"
    assert falling[-1] in {"neutral", "happy"}


def test_clips_are_used_up_before_they_come_again(library: ClipLibrary) -> None:
    clips = [utterance.clip for utterance in compose(plan("steady"), library).truth if utterance.role == "customer"]
    assert all(first != second for first, second in zip(clips[::2], clips[1::2], strict=False))


def test_plans_take_turns() -> None:
    plans = plan_calls(SPEAKERS, 12, ("random", "escalating"), (60.0, 90.0), 0.1, 0)
    assert len({utterance.call_id for utterance in plans}) == 12
    assert all(utterance.customer != utterance.agent and 60 <= utterance.length_s <= 90 for utterance in plans)
    assert {utterance.customer for utterance in plans} == set(SPEAKERS)
    assert {(utterance.customer, utterance.course) for utterance in plans} == {
        (s, c) for s in SPEAKERS for c in ("random", "escalating")
    }
    assert plans == plan_calls(SPEAKERS, 12, ("random", "escalating"), (60.0, 90.0), 0.1, 0)
    with pytest.raises(CorpusError, match="two speakers, found anna"):
        plan_calls(SPEAKERS[:1], 1, ("random",), (60.0, 90.0), 0.1, 0)


def test_the_noise_is_as_far_below_the_speech_as_was_asked_for(library: ClipLibrary) -> None:
    call = compose(plan(), library)
    y = render(call, Line(8000, "pcm_16", None, 20.0), 0)
    lead = y[: round(0.4 * 8000)]  # nobody has spoken yet
    level = 10 * np.log10(np.mean(np.square(lead, dtype=np.float64), axis=0))
    np.testing.assert_allclose(level, call.speech_dbfs - 20, atol=0.5)


@pytest.mark.parametrize(("codec", "rate"), [("pcm_16", 16000), ("ulaw", 8000), ("gsm", 8000), ("mp3", 16000)])
def test_a_written_call_can_be_decoded(codec: str, rate: int, library: ClipLibrary, tmp_path: Path) -> None:
    import soundfile as sf

    call = compose(plan(), library)
    line = Line(rate, codec, None, None)
    keys = write_call(call, line, _storage(tmp_path), "calls/", 0)
    assert [key.rpartition(".")[0] for key in keys] == (
        ["calls/call-0001/customer", "calls/call-0001/agent"] if codec == "gsm" else ["calls/call-0001"]
    )
    read = [sf.read(tmp_path / key, always_2d=True) for key in keys]
    assert {sr for _, sr in read} == {rate}
    y = np.column_stack([part[: min(len(p) for p, _ in read)] for part, _ in read])
    expected = render(call, line, 0)
    assert len(y) == pytest.approx(len(expected), abs=3000)  # codecs pad
    assert np.std(y[:, 0]) == pytest.approx(np.std(expected[:, 0]), rel=0.1)


def test_the_truth_as_a_table(library: ClipLibrary) -> None:
    calls = [compose(plan(seed=seed), library) for seed in (0, 1)]
    table = truth_table(calls)
    assert table.schema == TRUTH
    assert len(table) == sum(len(call.truth) for call in calls)
    assert table.slice(0, 1).to_pylist()[0]["start_s"] == calls[0].truth[0].start_s
    assert pa.compute.all(pa.compute.less(table["start_s"], table["end_s"])).as_py()


def test_the_clean_line_changes_nothing(library: ClipLibrary) -> None:
    call = compose(plan(), library)
    np.testing.assert_allclose(render(call, CLEAN, 0), call.y, atol=1e-6)


def test_speech_without_its_room() -> None:
    room, speech = noise(SAMPLE_RATE, 0.5, 1e-4), tone(300, SAMPLE_RATE, 1.0, 0.1)
    result = speech_extent(np.concatenate([room, speech, room, speech, room]), SAMPLE_RATE)
    assert result == pytest.approx((0.5, 3.0), abs=0.01)  # a pause is the clip's own
    assert speech_extent(speech, SAMPLE_RATE) == pytest.approx((0.0, 1.0), abs=0.01)
    click = tone(300, SAMPLE_RATE, 0.03, 0.1)
    result = speech_extent(np.concatenate([click, room, speech, room, click]), SAMPLE_RATE)
    assert result == pytest.approx((0.53, 1.53), abs=0.02)
    assert speech_extent(np.zeros(16000, np.float32), SAMPLE_RATE) is None
    assert speech_extent(np.zeros(0, np.float32), SAMPLE_RATE) is None


def test_a_corpus_without_clips_is_refused(tmp_path: Path) -> None:
    reader = ManifestReader(b"uri,speaker,emotion\na.wav,anna,sad\n", "planted", str(tmp_path), "en")
    with pytest.raises(CorpusError, match="whole-recording label of planted"):
        ClipLibrary(reader, _storage(tmp_path))
