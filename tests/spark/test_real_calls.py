"""Real telephone calls through `ser nightly` as it is shipped: every recording is accounted for, none is a fault."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import CALL_EMOTIONS, CALL_TALK, CHANNELS, QUARANTINE, RECORDINGS
from ser_core.data.tables.store import TableStore
from ser_core.pipeline.stages.train import Train
from tests.faults.night import spark_home
from tests.support.audio import encode
from tests.support.pipeline import job_settings, layout, merged, read_rows, run
from tests.support.synth import EMOTIONS, LABELS, SPEAKERS, SR, write_files
from tests.support.voices import syllables

CORPORA = os.environ.get("SER_CORPORA")
pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.skipif(not CORPORA, reason="SER_CORPORA is not set"),
]
ROOT = Path(__file__).parents[2]
CALLS = Path(CORPORA or "", "real-calls")
DAYS = tuple(dt.date(2026, 3, day) for day in (2, 3, 4))
SILENT = 2  # of the nine recordings that have nothing but what an MP3 decoder leaves of silence
PARTS = ("done_before", "extracted", "refused_now", "refused_before")
SHIPPED = {
    "features": {"set": "functionals-v2", "sample_rate_hz": 8000},
    "segments": {"mode": "speech"},
    "isolation": {"enabled": True},
    "training": {"max_iter": 5},
}


@pytest.fixture(scope="module")
def root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a model of made-up voices, for the shipped features."""
    root = tmp_path_factory.mktemp("real-calls")
    rows, files = ["uri,speaker,emotion"], {}
    pause = np.zeros(SR // 2, np.float32)
    for place, speaker in enumerate(SPEAKERS):
        for kind, emotion in enumerate(EMOTIONS):
            key, pitch = f"{speaker}/{emotion}.wav", (120 + 40 * kind) * (1 + 0.05 * place)
            y = syllables(pitch, SR, 2.0, rate_hz=3 + kind, seed=10 * place + kind)
            files[key] = encode(np.concatenate([pause, y, pause]), SR)
            rows.append(f"{key},{speaker},{emotion}")
    write_files(root / "corpus", {**files, LABELS: "\n".join(rows).encode()})
    run(spark, Train, job_settings(root, SHIPPED))
    return root


def copied(source: Sequence[Path], archive: Path, days: Mapping[str, dt.date]) -> None:
    """Copies recordings into an archive, as of noon of a day; by default of the first."""
    archive.mkdir(parents=True)
    for path in source:
        shutil.copyfile(path, archive / path.name)
        moment = dt.datetime.combine(days.get(path.name, DAYS[0]), dt.time(12), dt.UTC).timestamp()
        os.utime(archive / path.name, (moment, moment))


def nightly(root: Path, name: str, changes: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Any:
    """Runs `ser nightly` over the archive `name`; the run, the settings and the log."""
    places = {"archive": {"uri": f"{root}/{name}"}, "tables": {"uri": f"{root}/tables-{name}"}}
    shown = {key: layout(root)[key] for key in ("archive", "models", "corpus", "spark", "tables")}
    overlay = merged(merged(shown, places), changes)
    path = root / f"{name}.yaml"
    path.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    own = {key: value for key, value in os.environ.items() if not key.startswith(("SER_", "PYSPARK_", "SPARK_"))}
    own |= {"PYTHONPATH": str(ROOT), **(environment or {})}
    code = "import sys; from ser_core.cli.main import main; sys.exit(main(sys.argv[1:]))"
    dates = ["--call-dates.from", str(DAYS[0]), "--call-dates.to", str(DAYS[-1])]
    words = [sys.executable, "-c", code, "nightly", "--config", str(path), *dates, "--json"]
    done = subprocess.run(words, cwd=ROOT, env=own, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "Traceback" in line or line.startswith("\tat ")], (
        done.stderr
    )
    row = json.loads(done.stdout)
    assert row["listed"] == sum(row[part] for part in PARTS)
    return row, job_settings(root, merged(SHIPPED, overlay)), done.stderr


def on_a_cluster(root: Path) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Settings and environment of executors that are processes of their own."""
    spark = {"master": "local-cluster[2,1,1024]", "conf": {"spark.executorEnv.PYTHONPATH": str(ROOT)}}
    return {"spark": spark}, {"SPARK_HOME": str(spark_home(root))}


def tables(settings: Settings) -> TableStore:
    return TableStore(open_storage(settings.tables.uri, settings.storage))


def roles(settings: Settings) -> Counter[str]:
    return Counter(row["role"] for row in read_rows(tables(settings), CHANNELS))


def test_a_dialogue_system_s_calls(root: Path) -> None:
    """MP3 named .wav, of two channels, the second silent. A date has no speech at all, which is an ordinary day."""
    source = sorted((CALLS / "getgoing").glob("*.wav"))
    quiet = [path.name for path in sorted(source, key=loudness)[:SILENT]]
    days = {path.name: DAYS[number % 2] for number, path in enumerate(source)} | dict.fromkeys(quiet, DAYS[2])
    copied(source, root / "getgoing", days)
    row, settings, _ = nightly(root, "getgoing", {"archive": {"pattern": "{call_id}.wav"}})
    assert (row["listed"], row["extracted"], row["refused_now"]) == (50, 50, 0)
    assert roles(settings) == {"customer": 50, "agent": 50}
    assert read_rows(tables(settings), QUARANTINE) == []
    recordings = {one["recording_id"]: one for one in read_rows(tables(settings), RECORDINGS)}
    assert Counter(one["call_date_source"] for one in recordings.values()) == {"object_time": 50}
    channels = read_rows(tables(settings), CHANNELS)
    silent = {one["recording_id"] for one in channels if one["segments"] == 0}
    assert {name for name, one in recordings.items() if one["call_date"] == DAYS[2]} < silent
    assert min(one["duration_s"] for one in channels) < 0.7
    assert {one["codec"] for one in channels} == {"mp3"}
    scored = read_rows(tables(settings), CALL_EMOTIONS)
    assert len(scored) == row["scored_calls"] == 50 - len(silent)
    assert {one["call_date"] for one in scored} == set(DAYS[:2])
    assert len(read_rows(tables(settings), CALL_TALK)) == 50
    again, _, log = nightly(root, "getgoing", {"archive": {"pattern": "{call_id}.wav"}})
    assert (again["extracted"], again["done_before"], again["scored_calls"]) == (0, 50, 0)
    assert "Spark" not in log  # an idle night starts none


def test_an_archive_without_any_speech_on_a_cluster(root: Path) -> None:
    source = sorted((CALLS / "getgoing").glob("*.wav"), key=loudness)[:SILENT]
    copied(source, root / "silence", {})
    row, settings, _ = nightly(root, "silence", *on_a_cluster(root))
    assert (row["listed"], row["extracted"], row["scored_calls"]) == (SILENT, SILENT, 0)
    assert {one["segments"] for one in read_rows(tables(settings), CHANNELS)} == {0, None}
    assert read_rows(tables(settings), CALL_EMOTIONS) == []


def test_legs_in_files_of_their_own_on_a_cluster(root: Path) -> None:
    """The legs' words are *agent* and *caller*; the mixed call is of eight bits. Workers are processes of their own."""
    quiet = sorted((CALLS / "getgoing").glob("*.wav"), key=loudness)[:1]
    copied([*(CALLS / "auto-repairs").glob("*.wav"), *quiet], root / "legs", {})
    spark, home = on_a_cluster(root)
    row, settings, log = nightly(root, "legs", {"archive": {"pattern": "{call_id}_{role}.wav"}, **spark}, home)
    assert (row["listed"], row["extracted"], row["refused_now"], row["refused_before"]) == (6, 5, 0, 1)
    assert "refused 1 recordings, see quarantine: unmatched_path 1; archive.pattern is {call_id}_{role}.wav" in log
    assert roles(settings) == {"customer": 2, "agent": 2, "mixed": 1}
    channels = {one["recording_id"]: one for one in read_rows(tables(settings), CHANNELS)}
    assert {one["codec"] for one in channels.values() if one["role"] == "mixed"} == {"pcm_u8"}
    calls = {one["call_id"] for one in read_rows(tables(settings), CALL_EMOTIONS)}
    assert calls == {"Auto_Repairs_40_UTC", "Auto_Repairs_49_UTC"}
    talk = {one["call_id"]: one for one in read_rows(tables(settings), CALL_TALK)}
    for call in calls:
        assert min(talk[call]["customer_talk_s"], talk[call]["agent_talk_s"]) > 60


def test_a_role_that_nobody_knows_is_refused_and_says_which_are(root: Path) -> None:
    source = CALLS / "auto-repairs" / "Auto_Repairs_40_UTC_caller.wav"
    copied([source], root / "words", {})
    (root / "words" / source.name).rename(root / "words" / "Auto_Repairs_40_UTC_punter.wav")
    pattern = {"archive": {"pattern": "{call_id}_{role}.wav"}}
    passes = {
        "drift": {"action": "warn"},
        "nightly": {"max_unscored_share": 1.0},
    }  # else such a night has a code of its own
    row, settings, _ = nightly(root, "words", {**pattern, **passes})
    assert (row["listed"], row["refused_now"]) == (1, 1)
    (refused,) = read_rows(tables(settings), QUARANTINE)
    assert refused["reason"] == "unmatched_path"
    assert "'punter' names no role" in refused["detail"]
    assert "customer: customer, caller" in refused["detail"]
    names = {"roles": {"names": {"customer": ["punter"]}}}
    row, settings, _ = nightly(root, "words", {**pattern, **names})
    assert (row["extracted"], row["scored_calls"]) == (1, 1)
    assert roles(settings) == {"customer": 1}


def loudness(path: Path) -> float:
    import soundfile as sf

    return float(np.square(sf.read(path, dtype="float32")[0]).mean())
