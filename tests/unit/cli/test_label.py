"""From scored segments to clips, filled sheets and rows of `labels`, on an archive made for it."""

from __future__ import annotations

import csv
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from ser_core.cli.main import main
from ser_core.config import load_settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import AS_RECORDED, CHANNELS, LABELS, RECORDINGS, SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore, bucket_key, log_key, rows
from ser_core.learning.corpora import corpus_reader
from tests.support.audio import encode, tone
from tests.support.s3 import storage_settings
from tests.support.synth import write_files

SR = 8000
MODEL = "emotions/1"
DAYS = (dt.date(2026, 11, 20), dt.date(2026, 11, 21))
CALLS = ("c0", "c1", "c2", "c3")  # two a day
SEGMENTS = 5  # a call, of 2 s each; the last lasts half a second
EXTRACTED = {"version": "v", "feature_set": "f", "condition": AS_RECORDED, "run_id": "run"}
CUSTOMER_HZ, AGENT_HZ = 440.0, 1000.0


def archive_uri(root: Path, call: str) -> str:
    return f"{root}/archive/{call}.wav"


def posteriors(call: str, number: int) -> Mapping[str, float]:
    """The segment 1 of c1 is the least certain by far."""
    sure = 0.51 if (call, number) == ("c1", 1) else 0.7 + 0.05 * number
    return {"p_neutral": sure, "p_angry": 1 - sure}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four calls, customer on channel 0; the agent was scored too, by an earlier run with a purpose; c3 is gone."""
    times = np.arange(10 * SR) / SR
    envelope = (0.1 + 0.05 * np.floor(times / 2)).astype(np.float32)  # each segment has its own level
    y = np.column_stack([tone(hz, SR, 10.0, 1.0) * envelope for hz in (CUSTOMER_HZ, AGENT_HZ)])
    write_files(tmp_path / "archive", {f"{call}.wav": encode(y, SR) for call in CALLS})
    store = store_of(tmp_path)
    for day, calls in zip(DAYS, (CALLS[:2], CALLS[2:]), strict=True):
        recordings = [
            {"recording_id": f"r-{call}", "uri": archive_uri(tmp_path, call), "call_id": call, "call_date": day}
            for call in calls
        ]
        for row in recordings:
            row |= {"gone_at": dt.datetime(2026, 11, 22, tzinfo=dt.UTC)} if row["call_id"] == "c3" else {}
        store.write(bucket_key(RECORDINGS, {"call_date": day}, 0), rows(RECORDINGS.schema, recordings))
        segments = [segment(call, day, channel, i) for call in calls for channel in (0, 1) for i in range(SEGMENTS)]
        partition = {"model_version": MODEL, "call_date": day}
        store.write(bucket_key(SEGMENT_EMOTIONS, partition, 0), rows(SEGMENT_EMOTIONS.schema, segments))
        channels = [
            {**EXTRACTED, "recording_id": f"r-{call}", "channel": channel, "role": role}
            for call in calls
            for channel, role in enumerate(("customer", "agent"))
        ]
        store.write(log_key(CHANNELS, "run", 0, call_date=day), rows(CHANNELS.schema, channels))
    write_files(tmp_path / "models", {"emotions/current.json": b'{"version": "1"}'})
    return tmp_path


def segment(call: str, day: dt.date, channel: int, number: int) -> dict[str, Any]:
    return {
        "model_version": MODEL,
        "recording_id": f"r-{call}",
        "channel": channel,
        "segment_no": number,
        "call_id": call,
        "call_date": day,
        "role": ("customer", "agent")[channel],
        "start_s": 2.0 * number,
        "end_s": 2.0 * number + (0.5 if number == SEGMENTS - 1 else 2.0),
        **posteriors(call, number),
    }


def store_of(root: Path) -> TableStore:
    return TableStore(open_storage(f"{root}/tables", load_settings(environ={}).storage))


def words(root: Path) -> list[str]:
    return ["--tables.uri", f"{root}/tables", "--models.uri", f"{root}/models", "--archive.uri", f"{root}/archive"]


def answer(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> dict[str, Any]:
    assert main(["label", *arguments, *words(root), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def refusal(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> tuple[int, str]:
    code = main(["label", *arguments, *words(root)])
    return code, capsys.readouterr().err


def sheet(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def fill(folder: Path, to: str, emotions: Mapping[int, str], **cells: str) -> str:
    """A copy of the sheet with `emotions` by row, and its path."""
    lines = sheet(folder)
    for number, line in enumerate(lines):
        line |= {"emotion": emotions.get(number, ""), **(cells if number in emotions else {})}
    with (folder / to).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return str(folder / to)


def labels(root: Path) -> list[dict[str, Any]]:
    store = store_of(root)
    stored = [row for key in store.files(LABELS) for row in store.read(key).to_pylist()]
    return sorted(stored, key=lambda row: (row["recording_id"], row["start_s"], row["annotator"]))


def test_clips_are_the_customers_segments(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = root / "out"
    facts = answer(capsys, root, "sample", "--out", str(out), "--count", "50")
    assert facts == {
        "sheet": str(out / "labels.csv"),
        "clips": 12,  # three calls that are there, four segments each that last a second
        "candidates": 12,
        "model_version": MODEL,
        "refused": {},
    }
    lines = sheet(out)
    assert len({line["clip"] for line in lines}) == 12
    assert "predicted" not in lines[0]
    for line in lines:
        assert (line["emotion"], line["annotator"], line["channel"]) == ("", "", "0")
        assert line["speaker"] == f"{Path(line['uri']).stem}-0"
        y, sr = sf.read(out / line["clip"])
        assert (sr, len(y)) == (SR, 2 * SR)
        assert np.argmax(np.abs(np.fft.rfft(y))) * sr / len(y) == pytest.approx(CUSTOMER_HZ)
        level = 0.1 + 0.05 * float(line["start_s"]) / 2
        assert np.max(np.abs(y)) == pytest.approx(level, abs=0.01)
    assert (out / "index.html").read_text().count("<audio") == 12


def test_the_least_certain_is_chosen_and_calls_take_turns(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = root / "out"
    answer(capsys, root, "sample", "--out", str(out), "--count", "3", "--show-predictions")
    lines = sheet(out)
    assert {Path(line["uri"]).stem for line in lines} == {"c0", "c1", "c2"}
    (uncertain,) = (line for line in lines if line["chosen"] == "uncertain")
    assert (uncertain["speaker"], uncertain["start_s"]) == ("c1-0", "2.0")
    assert (uncertain["predicted"], uncertain["confidence"]) == ("neutral", "0.510")


def test_dates_and_seed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = answer(capsys, root, "sample", "--out", f"{root}/a", "--from", "2026-11-21", "--to", "2026-11-21")
    assert day["candidates"] == 4
    again = answer(capsys, root, "sample", "--out", f"{root}/b", "--call-date", "2026-11-21")
    assert again["candidates"] == 4
    assert sheet(root / "a") == sheet(root / "b")
    answer(capsys, root, "sample", "--out", f"{root}/c", "--call-date", "2026-11-21", "--seed", "1")
    assert sheet(root / "a") != sheet(root / "c")


def test_the_segments_of_one_call(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = answer(capsys, root, "sample", "--out", f"{root}/a", "--call-id", "c1", "--call-id", "c2")
    assert facts["candidates"] == 8
    facts = answer(capsys, root, "sample", "--out", f"{root}/b", "--call-id", "c1", "--call-date", "2026-11-20")
    assert facts["candidates"] == 4
    assert {Path(line["uri"]).stem for line in sheet(root / "b")} == {"c1"}
    code, printed = refusal(
        capsys, root, "sample", "--out", f"{root}/c", "--call-id", "c1", "--call-date", "2026-11-21"
    )
    assert (code, "No segment to label" in printed) == (1, True)


def test_a_date_reads_that_date_only(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (store_of(root).storage.local_path("x") or root).parent.joinpath(
        bucket_key(SEGMENT_EMOTIONS, {"model_version": MODEL, "call_date": DAYS[1]}, 0)
    ).write_bytes(b"damaged")
    facts = answer(capsys, root, "sample", "--out", f"{root}/a", "--call-date", "2026-11-20")
    assert facts["candidates"] == 8
    filled = fill(root / "a", "anna.csv", {0: "sad"})
    for table in (RECORDINGS, CHANNELS):
        for key in store_of(root).files_of(table, call_date=DAYS[1]):
            Path(root, "tables", key).write_bytes(b"damaged")
    assert answer(capsys, root, "read", filled, "--call-date", "2026-11-20")["labels"] == 1
    elsewhere = answer(capsys, root, "read", filled, "--call-date", "2026-11-19")
    assert (elsewhere["labels"], len(elsewhere["unknown"])) == (0, 1)


def test_the_newest_extraction_says_the_role(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(root)
    swapped = [{**EXTRACTED, "recording_id": "r-c0", "channel": 0, "role": "agent", "run_id": "a"}]
    store.write(log_key(CHANNELS, "run-later", 0, call_date=DAYS[0]), rows(CHANNELS.schema, swapped))
    for channel, fault in ((0, "channel 0 is agent"), (1, "channel 1 has not been extracted")):
        line = f"{archive_uri(root, 'c0')},{channel},0,2,x,sad,anna"
        (root / "filled.csv").write_text(f"uri,channel,start_s,end_s,speaker,emotion,annotator\n{line}\n")
        assert fault in refusal(capsys, root, "read", f"{root}/filled.csv")[1]


def test_an_agent_is_listened_to_only_with_a_purpose(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = refusal(capsys, root, "sample", "--out", f"{root}/a", "--scoring.roles", "[agent]")
    assert (code, "scoring.purpose" in printed) == (2, True)
    purpose = ("--scoring.roles", "[agent]", "--scoring.purpose", "safety of agents who asked for it")
    answer(capsys, root, "sample", "--out", f"{root}/a", *purpose)
    assert {line["channel"] for line in sheet(root / "a")} == {"1"}


def test_undecodable_recordings_are_reported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "archive" / "c0.wav").unlink()
    (root / "archive" / "c1.wav").write_bytes(b"no audio at all")
    facts = answer(capsys, root, "sample", "--out", f"{root}/a")
    assert facts["clips"] == 4
    assert set(facts["refused"]) == {archive_uri(root, "c0"), archive_uri(root, "c1")}
    assert facts["refused"][archive_uri(root, "c1")].startswith("not_audio")
    assert {Path(line["uri"]).stem for line in sheet(root / "a")} == {"c2"}
    assert len(list((root / "a" / "clips").iterdir())) == 4


def test_a_filled_sheet_becomes_labels(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = root / "out"
    answer(capsys, root, "sample", "--out", str(out))
    anna = fill(out, "anna.csv", {0: "angry", 1: "neutral", 2: "sad"})
    ben = fill(out, "ben.csv", {0: "Angry", 1: "happy"}, annotator="Ben")
    facts = answer(capsys, root, "read", anna, ben, "--consensus", f"{out}/agreed.csv")
    assert (facts["labels"], facts["blank"], facts["gone"], facts["unknown"]) == (5, 19, [], [])
    assert facts["annotators"] == {"Ben": {"angry": 1, "happy": 1}, "anna": {"angry": 1, "neutral": 1, "sad": 1}}
    assert (facts["shared_segments"], facts["pairwise_agreement"]) == (2, 0.5)
    assert facts["krippendorff_alpha"] == pytest.approx(1 - 3 * 2 / 10)
    stored = labels(root)
    assert len(stored) == 5
    first = sheet(out)[0]
    angry = [row for row in stored if row["emotion"] == "angry"]
    assert {row["annotator"] for row in angry} == {"anna", "Ben"}
    for row in angry:
        assert row["recording_id"] == f"r-{Path(first['uri']).stem}"
        assert (row["channel"], row["start_s"], row["end_s"]) == (0, float(first["start_s"]), float(first["end_s"]))
        assert (row["corpus"], row["speaker"], row["language"]) == ("own", first["speaker"], "en")
        assert dict(row["extra"]) == {"clip": first["clip"]}
    assert facts["consensus"] == 2
    reader = corpus_reader("manifest", (out / "agreed.csv").read_bytes(), "agreed", str(out), "en")
    keys = [archive_uri(root, call) for call in CALLS]
    assert sorted(stretch.emotion for stretch in reader.read(keys).stretches) == ["angry", "sad"]


def test_reading_again_corrects_and_the_next_sample_brings_others(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = root / "out"
    answer(capsys, root, "sample", "--out", str(out), "--count", "8")
    everything = fill(out, "anna.csv", dict.fromkeys(range(8), "sad"))
    assert answer(capsys, root, "read", everything)["labels"] == 8
    corrected = fill(out, "anna.csv", {0: "happy"})
    assert answer(capsys, root, "read", corrected)["annotators"] == {"anna": {"sad": 7, "happy": 1}}
    assert len(labels(root)) == 8
    facts = answer(capsys, root, "sample", "--out", f"{root}/next")
    assert facts["candidates"] == 4
    labelled = {(line["uri"], line["start_s"]) for line in sheet(out)}
    assert labelled.isdisjoint((line["uri"], line["start_s"]) for line in sheet(root / "next"))


def test_recordings_that_are_gone_are_reported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["uri,channel,start_s,end_s,speaker,emotion,annotator"]
    lines += [f"{archive_uri(root, call)},0,0,2,x,sad,anna" for call in ("c0", "c3", "c9")]
    (root / "filled.csv").write_text("\n".join(lines) + "\n")
    facts = answer(capsys, root, "read", f"{root}/filled.csv", "--name", "batch-2")
    assert (facts["labels"], facts["gone"], facts["unknown"]) == (
        1,
        [archive_uri(root, "c3")],
        [archive_uri(root, "c9")],
    )
    assert store_of(root).files(LABELS) == ["labels/batch-2.parquet"]


@pytest.mark.parametrize("channel", ["1", ""])
def test_an_agents_voice_is_not_labelled(root: Path, channel: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"{archive_uri(root, 'c0')},{channel},0,2,x,sad,anna"
    (root / "filled.csv").write_text(f"uri,channel,start_s,end_s,speaker,emotion,annotator\n{line}\n")
    code, printed = refusal(capsys, root, "read", f"{root}/filled.csv")
    assert code == 1
    assert "channel 1 is agent; scoring.roles is customer" in printed
    assert not labels(root)


def test_for_a_person(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = root / "out"
    assert main(["label", "sample", "--out", str(out), *words(root)]) == 0
    assert "12 of 12 segments" in capsys.readouterr().out.replace("\n", " ")
    filled = fill(out, "anna.csv", {0: "sad"})
    assert main(["label", "read", filled, *words(root)]) == 0
    assert "1 labels read, 11 rows still empty" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "label"),
        (["--json", "sample"], "--out"),
        (["sing"], "sing"),
        (["sample"], "--out"),
        (["sample", "--out", "x", "--count", "0"], "not in the range x>=1"),
        (["sample", "--out", "x", "--from", "today"], "YYYY-MM-DD"),
        (["read", "x.csv", "--name", "../x"], "--name"),
        (["read", "x.csv", "--name", "no-rows"], "--name"),
    ],
)
def test_wrong_words(root: Path, arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = refusal(capsys, root, *arguments)
    assert code == 2
    assert expected in printed


def test_a_sheet_is_not_overwritten(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer(capsys, root, "sample", "--out", f"{root}/out")
    code, printed = refusal(capsys, root, "sample", "--out", f"{root}/out")
    assert (code, "which may be filled" in printed) == (2, True)


def test_nothing_to_label(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = refusal(capsys, root, "sample", "--out", f"{root}/out", "--min-s", "60")
    assert code == 1
    assert "of 60 s or more" in printed
    assert not (root / "out").exists()


def test_everything_may_lie_on_s3(
    root: Path, s3_server: str, s3_bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = open_storage(f"s3://{s3_bucket}", storage_settings(s3_server))
    for path in root.rglob("*"):
        if path.is_file():
            bucket.put(path.relative_to(root).as_posix(), path)
    store = TableStore(open_storage(f"s3://{s3_bucket}/tables", storage_settings(s3_server)))
    for key in store.files(RECORDINGS):
        moved = [
            {**row, "uri": f"s3://{s3_bucket}/archive/{row['call_id']}.wav"} for row in store.read(key).to_pylist()
        ]
        store.write(key, rows(RECORDINGS.schema, moved))
    there = ["--tables.uri", f"s3://{s3_bucket}/tables", "--models.uri", f"s3://{s3_bucket}/models", "--json"]
    there += ["--archive.uri", f"s3://{s3_bucket}/archive", "--storage.s3.endpoint-url", s3_server]
    assert main(["label", "sample", "--out", f"{root}/out", *there]) == 0
    assert json.loads(capsys.readouterr().out)["clips"] == 12
    bucket.put("filled/anna.csv", Path(fill(root / "out", "anna.csv", {0: "angry"})))
    assert main(["label", "read", f"s3://{s3_bucket}/filled/anna.csv", *there]) == 0
    assert json.loads(capsys.readouterr().out)["annotators"] == {"anna": {"angry": 1}}
    assert store.files(LABELS) == ["labels/own.parquet"]


def test_no_pyspark_is_loaded() -> None:
    code = (
        "import sys, ser_core.cli.label, ser_core.cli.open, ser_core.pipeline.engine.recording_source, "
        "ser_core.learning.annotation.candidates, "
        "ser_core.learning.annotation.export; print('pyspark' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
