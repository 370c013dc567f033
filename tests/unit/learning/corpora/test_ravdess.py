from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from ser_core.learning.corpora.ravdess import FOLDS, RavdessReader


def test_labels_are_read_from_the_name() -> None:
    listing = RavdessReader().read(["Actor_12/03-01-05-02-02-01-12.wav"])
    (stretch,) = listing.stretches
    assert (stretch.speaker, stretch.emotion, stretch.intensity, stretch.language) == (
        "actor-12",
        "angry",
        "strong",
        "en",
    )
    assert (stretch.channel, stretch.start_s, stretch.end_s, stretch.annotator) == (None, 0.0, None, "corpus")
    assert stretch.extra == {
        "statement": "Dogs are sitting by the door",
        "repetition": "1",
        "vocal_channel": "speech",
        "sex": "female",
    }


@pytest.mark.parametrize(
    ("code", "emotion"),
    [
        ("01", "neutral"),
        ("02", "calm"),
        ("03", "happy"),
        ("04", "sad"),
        ("05", "angry"),
        ("06", "fearful"),
        ("07", "disgust"),
        ("08", "surprised"),
    ],
)
def test_emotion_codes_are_the_published_ones(code: str, emotion: str) -> None:
    (stretch,) = RavdessReader().read([f"03-01-{code}-01-01-01-01.flac"]).stretches
    assert stretch.emotion == emotion


def test_song_is_read_and_video_left_out() -> None:
    listing = RavdessReader().read(
        ["a/b/03-02-03-01-01-02-07.FLAC", "01-01-03-01-01-02-07.mp4", "02-01-03-01-01-02-07.mp4"]
    )
    assert [stretch.extra["vocal_channel"] for stretch in listing.stretches] == ["song"]
    assert listing.stretches[0].extra["sex"] == "male"
    assert len(listing.left_out) == 2
    assert not listing.unplaced


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "03-01-09-01-01-01-01.wav",
        "03-01-01-01-01-01-25.wav",
        "03-01-01-01-01-01-00.wav",
        "x03-01-01-01-01-01-01.wav",
    ],
)
def test_no_path_is_lost(name: str) -> None:
    listing = RavdessReader().read([name])
    assert [unplaced.key for unplaced in listing.unplaced] == [name]
    assert "expected modality-channel" in listing.unplaced[0].why


def test_folds_are_a_partition_of_the_actors() -> None:
    assert sorted(speaker for fold in FOLDS for speaker in fold) == [f"actor-{number:02d}" for number in range(1, 25)]
    assert [len(fold) for fold in FOLDS] == [5, 5, 5, 5, 4]


@pytest.mark.corpus
@pytest.mark.skipif(not os.environ.get("SER_CORPORA"), reason="SER_CORPORA is not set")
def test_the_whole_corpus_is_read() -> None:
    root = Path(os.environ["SER_CORPORA"]) / "ravdess" / "speech-16k"
    listing = RavdessReader().read(path.relative_to(root).as_posix() for path in root.rglob("*.flac"))
    assert not listing.unplaced
    assert not listing.left_out
    counts = Counter(stretch.emotion for stretch in listing.stretches)
    assert counts.pop("neutral") == 96  # no strong intensity
    assert set(counts.values()) == {192}
    assert len(counts) == 7
    assert len({stretch.speaker for stretch in listing.stretches}) == 24
