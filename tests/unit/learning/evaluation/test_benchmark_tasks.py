"""What each line of the corpus benchmark trains on and tests: names, splits, corpora, languages, peers, the log."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ser_core.config import load_settings
from ser_core.config.settings import TrainingSettings
from ser_core.errors import SettingsError, TrainingError
from ser_core.learning.evaluation.benchmark_tasks import RANDOM_SPLITS, own_task, peer_task, splits_of
from ser_core.learning.evaluation.corpus_conditions import CONDITIONS, NOISE_CONDITION, recipe
from ser_core.learning.evaluation.fold_predictions import PREDICTIONS
from ser_core.learning.evaluation.outer_fold_log import OuterLog
from ser_core.learning.evaluation.peers import check_peer, with_vectors
from ser_core.learning.evaluation.result_rows import condition_of, known, line_of
from ser_core.learning.evaluation.transfer import between, language_splits
from ser_core.learning.training.labelled_features import LabelledFeatures

UNHEARD = CONDITIONS["unheard_speaker"]


def rows(emotions: str, speakers: str, languages: str = "", ids: str = "", conditions: str = "") -> LabelledFeatures:
    """A row a word; vectors count."""
    words = [text.split() for text in (emotions, speakers, languages, ids, conditions)]
    n = len(words[0])
    emotion, speaker = np.array(words[0]), np.array(words[1])
    language = np.array(words[2] or [""] * n)
    recording = np.array(words[3] or [f"r{i}" for i in range(n)])
    condition = np.array(words[4] or ["as_recorded"] * n)
    return LabelledFeatures(
        np.arange(n, dtype=np.float32)[:, None],
        emotion,
        speaker,
        recording,
        np.ones(n),
        condition,
        language,
        np.full(n, "planted"),
    )


@pytest.fixture
def training() -> TrainingSettings:
    changes = {"label_scheme": "corpus", "folds": "corpus", "group_folds": 2, "seed": 0}
    return load_settings(environ={}).training.model_copy(update=changes)


def test_every_line_tells_its_condition() -> None:
    for name in ("peer:x", "language:de", "across:a->b"):
        for condition in CONDITIONS.values():
            assert condition_of(line_of(name, condition)) == condition
    assert line_of("peer:x", UNHEARD) == "peer:x"
    assert condition_of("noise") == UNHEARD
    assert condition_of("noise_normalised") == CONDITIONS["unheard_speaker_normalised"]
    assert condition_of("annotators") is None
    assert "transductive" in known("peer:x:normalised")


def test_what_is_tested_only_is_not_trained_on(training: TrainingSettings) -> None:
    data = rows("happy angry", "a b")
    task = own_task(data, {}, UNHEARD, training)
    assert task.lines == {"unheard_speaker": "as_recorded", "noise": "noise"}
    assert task.trained == ("as_recorded", "varied-1", "varied-2", "varied-3", "varied-4")
    line = own_task(data, {}, CONDITIONS["telephone"], training)
    assert line.trained == ("telephone", "line-1", "line-2", "line-3", "line-4")
    assert line.together and not task.together
    peer = peer_task("x", data, {}, CONDITIONS["telephone_unnormalised"], training)
    assert (peer.trained, peer.lines) == (("as_recorded",), {"peer:x:telephone_unnormalised": "telephone"})


def test_noise_is_at_its_level() -> None:
    y = np.sin(np.arange(16000) * 0.3).astype(np.float32) * np.float32(0.1)
    noise = NOISE_CONDITION.apply(y, 16000, "a") - y
    level = 10 * np.log10(np.mean(np.square(y)) / np.mean(np.square(noise)))
    assert level == pytest.approx(10.0, abs=0.5)


def test_splits_are_the_published_ones_or_random_of_leaking_speakers(training: TrainingSettings) -> None:
    data = rows("happy angry happy angry fearful calm fearful calm", "a a b b c c d d")
    task = own_task(data, {}, UNHEARD, training)
    folds = splits_of(task, (("a", "d"), ("b", "c")), training, None)
    assert [sorted(set(data.speaker[split.test].tolist())) for split in folds.values()] == [["a", "d"], ["b", "c"]]
    assert list(splits_of(task, (("a", "d"), ("b", "c")), training, [1])) == [1]
    many = rows("happy calm " * 20, "a b " * 20)
    random = splits_of(own_task(many, {}, CONDITIONS["random_split_4"], training), None, training, None)
    assert len(random) == RANDOM_SPLITS
    assert len({tuple(split.test) for split in random.values()}) == RANDOM_SPLITS
    for split in random.values():
        assert (len(split.train), len(split.test)) == (30, 10)


def test_a_corpus_without_the_emotions_cannot_take_the_split(training: TrainingSettings) -> None:
    with pytest.raises(TrainingError, match="tutorial-4"):
        own_task(rows("happy angry", "a b"), {}, CONDITIONS["random_split_4"], training)


def test_a_language_is_tested_by_models_of_the_others_and_of_strangers() -> None:
    data = rows("happy angry happy angry sad sad", "a b c d a e", "de de en en en fr")
    result = language_splits(data)
    assert list(result) == ["de", "en", "fr"]
    assert data.speaker[result["de"].train].tolist() == ["c", "d", "e"]  # a speaks both
    assert result["fr"].test.tolist() == [5]
    assert language_splits(rows("happy sad", "a b", "en en")) == {}
    assert language_splits(rows("happy sad", "a a", "en de")) == {}


def test_corpora_meet_on_the_classes_that_both_have() -> None:
    one = rows("happy angry calm surprised", "s1 s2 s1 s2")
    other = rows("happy bored angry", "s1 s1 s2")
    data, split = between({"a": one, "b": other}, "corpus")
    assert data.emotion.tolist() == ["happy", "angry", "happy", "angry"]
    assert data.speaker[split.train].tolist() == ["a/s1", "a/s2"]
    assert data.recording_id[split.test].tolist() == ["b/r0", "b/r2"]
    data, split = between({"a": one, "b": other}, "contact-centre-4")
    assert data.emotion[split.train].tolist() == ["happy", "angry", "neutral"]
    assert data.emotion[split.test].tolist() == ["happy", "neutral", "angry"]
    with pytest.raises(TrainingError, match="a and b share 1 classes"):
        between({"a": one, "b": rows("sad happy", "a b")}, "corpus")


def write(path: Path, clips: list[str], vectors: list[list[float]]) -> Path:
    pq.write_table(pa.table({"clip": clips, "vector": pa.array(vectors, pa.list_(pa.float32()))}), path)
    return path


def test_a_peers_vectors_find_their_clips(tmp_path: Path) -> None:
    data = rows("happy happy sad sad", "a a b b", ids="r1 r1 r2 r2", conditions="as_recorded as_recorded as_recorded x")
    clips = {"r1": "one.wav", "r2": "two.wav"}
    path = write(tmp_path / "p.parquet", ["two.wav", "else.wav", "one.wav"], [[2, 2], [9, 9], [1, 1]])
    check_peer(path)
    result = with_vectors(data, clips, path)
    assert result.X.tolist() == [[1, 1], [2, 2]]
    assert (result.emotion.tolist(), result.speaker.tolist()) == (["happy", "sad"], ["a", "b"])
    assert result.duration_s.tolist() == [2.0, 1.0]
    faults = {
        "no vector of 1 clips, the first two.wav": (["one.wav"], [[1, 1]]),
        "occur twice": (["one.wav", "one.wav", "two.wav"], [[1, 1]] * 3),
        "differ in length": (["one.wav", "two.wav"], [[1, 1], [1]]),
    }
    for expected, (names, vectors) in faults.items():
        with pytest.raises(SettingsError, match=expected):
            with_vectors(data, clips, write(path, names, vectors))
    both = replace(data, emotion=np.array(["happy", "sad", "sad", "sad"]))
    with pytest.raises(SettingsError, match="has two emotions"):
        with_vectors(both, clips, path)
    pq.write_table(pa.table({"clip": ["one.wav"]}), path)
    with pytest.raises(SettingsError, match="no column vector"):
        check_peer(path)
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(SettingsError, match="cannot be read as Parquet"):
        check_peer(tmp_path / "text.parquet")


def test_every_look_adds_a_line_whose_digest_is_of_what_it_depends_on(
    tmp_path: Path, training: TrainingSettings
) -> None:
    decided = {"truth": "happy", "emotion": "happy", "p_happy": 0.9, "p_sad": 0.1}
    decisions = [
        {"condition": name, "fold": fold, "clip": "c", "speaker": "s", **decided}
        for name in ("unheard_speaker", "noise")
        for fold in (0, 1)
    ]
    table = pa.Table.from_pylist(decisions, schema=PREDICTIONS)
    log = OuterLog(tmp_path / "below" / "log.jsonl")
    settings = {fold: recipe(training, normalised=False) for fold in (0, 1)}
    settings[1] = settings[1].model_copy(update={"alpha": 9.0})
    at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    log.add(table, settings, {"features": "a"}, at)
    log.add(table, settings, {"features": "b"}, at)
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [(one["condition"], one["fold"]) for one in lines[:4]] == [
        ("unheard_speaker", 0),
        ("unheard_speaker", 1),
        ("noise", 0),
        ("noise", 1),
    ]
    assert len(lines) == 8
    assert len({one["settings"] for one in lines}) == 4
    assert lines[0]["at"] == "2026-01-02T00:00:00+00:00"
    assert lines[0]["uar"] == 1.0
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        OuterLog(tmp_path / "file" / "log.jsonl")
