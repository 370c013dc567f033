"""The demo's corpus, calls and check, with what was planted."""

from __future__ import annotations

import csv
import datetime as dt
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile as sf

from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.layout import check_layout
from ser_core.data.tables.schemas import CALL_EMOTIONS, SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore, bucket_key, rows
from ser_core.emotions import EMOTIONS, SCHEMES

DEMO = Path(__file__).parents[2] / "deploy" / "demo"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The folder's `calls` module; the others import as they do when a script is run there."""
    monkeypatch.syspath_prepend(str(DEMO))
    yield importlib.import_module("calls")


class Tones:
    """Voices that are tones: the customer at 500 Hz, the agent at 1000 Hz."""

    def __init__(self, calls: ModuleType) -> None:
        self._calls = calls

    def _tone(self, hz: float, seconds: float, emotion: str) -> object:
        t = np.arange(int(seconds * 8000)) / 8000
        return self._calls.Utterance((0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32), emotion)

    def customer(self, plan: object, emotion: str, turn: int) -> object:
        return self._tone(500.0, 2.0, emotion)

    def agent(self, plan: object, turn: int) -> object:
        return self._tone(1000.0, 1.5, "neutral")


def plans(calls: ModuleType) -> list[object]:
    return calls.plan_calls((("neutral", "angry"), ("happy",)), ("agent-01", "agent-02"), 3, 0)


def test_plans_have_names_dates_and_voices_of_their_own(demo: ModuleType) -> None:
    made = plans(demo)
    assert len({plan.key for plan in made}) == len(made) == 4
    assert made[0].key == "2026/03/02/call-1001_agent-01.wav"
    assert {plan.call_date for plan in made} == set(demo.DATES)
    assert plans(demo) == made
    assert made[0].course == made[2].course
    assert made[0].customer_no != made[2].customer_no


def test_a_calls_truth_is_where_the_voices_are(demo: ModuleType) -> None:
    for plan in plans(demo):
        y, truth = demo.make_call(plan, Tones(demo), 0)
        assert 40.0 <= len(y) / 8000 <= 100.0
        for channel, role in enumerate(("customer", "agent")):
            planted = np.zeros(len(y), dtype=bool)
            for stretch in truth:
                if stretch.role == role:
                    planted[int(stretch.start_s * 8000) : int(stretch.end_s * 8000)] = True
            heard = y[:, channel] != 0.0
            assert heard[planted].mean() > 0.9  # a tone passes through zero
            assert heard[~planted].mean() < 0.001
        own = [t.emotion for t in truth if t.role == "customer"]
        assert set(own) == set(plan.course)
        assert own == sorted(own, key=plan.course.index)


def test_the_line_keeps_the_voice_band_and_takes_the_rest(demo: ModuleType) -> None:
    t = np.arange(16000) / 16000

    def level(hz: float) -> float:
        return float(np.std(demo.telephone(np.sin(2 * np.pi * hz * t).astype(np.float32), 16000)))

    assert level(1000.0) == pytest.approx(np.sqrt(0.5), rel=0.02)
    assert level(100.0) < 0.01
    assert level(3900.0) < 0.2


def test_mu_law_is_heard_and_silence_stays_silence(demo: ModuleType) -> None:
    y = (0.3 * np.sin(np.arange(8000) / 5.0)).astype(np.float32)
    noise = demo.over_the_line(y) - y
    assert 30.0 < 10 * np.log10(np.mean(y**2) / np.mean(noise**2)) < 45.0  # G.711: about 38 dB
    assert not demo.over_the_line(np.zeros(800, dtype=np.float32)).any()


def test_cast_speaks_the_schemes_emotions_and_calls_have_other_voices(demo: ModuleType) -> None:
    cast = importlib.import_module("cast")
    assert set(cast.MANNERS) == set(cast.CUSTOMER_SENTENCES) == set(SCHEMES["contact-centre-4"].classes)
    groups = [cast.CORPUS_SPEAKERS, cast.CUSTOMERS, cast.AGENTS]
    assert len({s.voice for group in groups for s in group}) == sum(map(len, groups))


SPEAK_A_LITTLE = """
import sys
from pathlib import Path
import synthetic
synthetic.CORPUS_SPEAKERS = synthetic.CORPUS_SPEAKERS[1:3]  # voices with breath, which is noise
synthetic.CORPUS_SENTENCES = synthetic.CORPUS_SENTENCES[:2]
for label in synthetic.write_corpus(synthetic.Actors(0), Path(sys.argv[1])):
    print(label.uri, label.speaker, label.emotion, label.start_s, label.end_s)
"""


@pytest.mark.slow
def test_the_spoken_corpus_sounds_as_planted_and_comes_out_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="needs the extra `demo`")
    spoken = [
        subprocess.run(
            [sys.executable, "-c", SPEAK_A_LITTLE, str(tmp_path / name)],
            env=os.environ | {"PYTHONPATH": str(DEMO)}, check=True, capture_output=True, text=True,
        ).stdout
        for name in ("one", "two")
    ]  # fmt: skip
    assert spoken[0] == spoken[1]
    labels = [line.split() for line in spoken[0].splitlines()]
    assert len(labels) == 2 * 4 * 2
    level: dict[str, list[float]] = {}
    for uri, _, emotion, start_s, end_s in labels:
        assert (tmp_path / "one" / uri).read_bytes() == (tmp_path / "two" / uri).read_bytes()
        y, sr = sf.read(tmp_path / "one" / uri)
        assert (sr, sf.info(tmp_path / "one" / uri).subtype, y.ndim) == (8000, "PCM_16", 1)
        assert (float(start_s), float(end_s)) == (0.0, pytest.approx(len(y) / sr, abs=1e-3))
        level.setdefault(emotion, []).append(float(np.sqrt(np.mean(y[y != 0] ** 2))))
    mean = {emotion: np.mean(levels) for emotion, levels in level.items()}
    assert mean["angry"] > mean["happy"] > mean["neutral"] > mean["distressed"]


def test_espeak_says_that_it_does_not_know_a_voice(demo: ModuleType) -> None:
    pytest.importorskip("espeakng_loader", reason="needs the extra `demo`")
    espeak = importlib.import_module("espeak")
    with pytest.raises(ValueError, match="no voice 'en-us-nowhere'"):
        espeak.Espeak().speak("Hello.", "en-us-nowhere", espeak.Prosody(165, 50, 50))


def ravdess_like(root: Path, actors: int) -> None:
    rng = np.random.default_rng(0)
    for actor in range(1, actors + 1):
        for emotion in range(1, 9):
            path = root / f"Actor_{actor:02d}" / f"03-01-{emotion:02d}-01-01-01-{actor:02d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            y = np.zeros(16000)
            y[4000:12000] = 0.1 * rng.standard_normal(8000)
            sf.write(path, y, 16000)


def test_acted_calls_hold_actors_that_are_not_trained_on(demo: ModuleType, tmp_path: Path) -> None:
    ravdess_like(tmp_path / "corpus", 6)
    speak = importlib.import_module("speak")
    assert speak.main(["--out", str(tmp_path / "out"), "--corpus", str(tmp_path / "corpus")]) == 0
    with (tmp_path / "out" / "corpus" / "labels.csv").open() as file:
        labels = list(csv.DictReader(file))
    assert {label["speaker"] for label in labels} == {"actor-01", "actor-02"}
    assert {label["emotion"] for label in labels} == set(EMOTIONS[:8])
    assert all(Path(label["uri"]).is_file() for label in labels)
    calls = sorted((tmp_path / "out" / "archive").rglob("*.wav"))
    info = sf.info(calls[0])
    assert (len(calls), info.subtype, info.channels, info.samplerate) == (24, "ULAW", 2, 8000)


def test_a_corpus_of_too_few_actors_is_refused(demo: ModuleType, tmp_path: Path) -> None:
    ravdess_like(tmp_path, 3)
    with pytest.raises(ValueError, match="of 3 actors; the demo needs 6"):
        importlib.import_module("acted").find_clips(tmp_path)


def write_tables(out: Path) -> None:
    """A call planted angry for 10 s and neutral for 10 s, of which model m/10 recovered 8 s and 3 s."""
    (out / "truth.csv").write_text(
        "call_id,start_s,end_s,emotion,role\nc,0,10,angry,customer\nc,10,20,neutral,customer\nc,5,9,happy,agent\n"
    )
    spans = [(0.0, 8.0, "angry"), (8.0, 16.0, "happy"), (16.0, 19.0, "neutral")]
    segments = [
        {"call_id": "c", "role": "customer", "model_version": version, "start_s": a, "end_s": b, "emotion": e}
        for version, shift in (("m/9", "neutral"), ("m/10", None))
        for a, b, e in [(a, b, shift or e) for a, b, e in spans]
    ]
    summary = {"call_id": "c", "role": "customer", "dominant_emotion": "angry", "valence": -0.25, "escalated": True}
    calls = [summary | {"model_version": version} for version in ("m/9", "m/10")]
    store = TableStore(FolderStorage(out / "tables"))
    check_layout(store)
    for table, given in ((SEGMENT_EMOTIONS, segments), (CALL_EMOTIONS, calls)):
        for version in ("m/9", "m/10"):
            own = [row for row in given if row["model_version"] == version]
            partition = {"model_version": version, "call_date": dt.date(2026, 3, 2)}
            store.write(bucket_key(table, partition, 0), rows(table.schema, own))


def test_check_counts_recovered_seconds_of_the_newest_model(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tables(tmp_path)
    assert importlib.import_module("check").main(["--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    lines = {line.split("│")[1].strip(): line.split("│")[2:5] for line in out.splitlines() if line.count("│") == 5}
    assert [cell.strip() for cell in lines["angry"]] == ["10", "100%", "80%"]
    assert [cell.strip() for cell in lines["neutral"]] == ["10", "90%", "30%"]
    assert "model m/10" in out
    assert "Recovered 55% of the planted speech time; guessing evenly would give 50%." in out


def test_check_says_what_is_missing(demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert importlib.import_module("check").main(["--out", str(tmp_path)]) == 1
    assert "make demo" in capsys.readouterr().err
