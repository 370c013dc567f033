"""What a search may hear, without a JVM."""

from __future__ import annotations

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.config.settings import Settings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.learning.evaluation.corpus_conditions import CONDITIONS
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.splits import Split, speaker_folds
from ser_core.pipeline.benchmarks.corpus_data import CorpusData
from ser_core.pipeline.benchmarks.fold_search import inner_folds

FOLDS = (("a", "b"), ("c", "d"), ("e",), ("f", "g"))


@pytest.fixture(scope="module")
def corpus() -> CorpusData:
    """7 speakers, 3 emotions, each clip as recorded and as a copy."""
    names = [name for fold in FOLDS for name in fold]
    grid = [(s, e, c) for s in names for e in ("neutral", "sad", "angry") for c in (AS_RECORDED, "varied-1")]
    speaker, emotion, condition = (np.array(column) for column in zip(*grid, strict=True))
    recording = np.char.add(speaker, emotion)
    X = np.random.default_rng(0).normal(size=(len(grid), 3)).astype(np.float32)
    same = [np.full(len(grid), name) for name in ("en", "planted")]
    data = LabelledFeatures(X, emotion, speaker, recording, np.ones(len(grid)), condition, *same)
    return CorpusData("planted", data, {name: name for name in recording.tolist()}, FOLDS, {})


def outer(corpus: CorpusData, settings: Settings) -> tuple[Split, ...]:
    published = corpus.folds if settings.training.folds == "corpus" else None
    return speaker_folds(corpus.data.speaker, published, settings.training.group_folds, settings.training.seed)


@pytest.mark.parametrize("kind", ["corpus", "group"])
def test_the_outer_test_speakers_are_never_heard(kind: str, corpus: CorpusData) -> None:
    settings = load_settings(["--training.folds", kind, "--training.group-folds", "3"], environ={})
    for split in outer(corpus, settings):
        strangers = set(corpus.data.speaker[split.test].tolist())
        inner = inner_folds(corpus, CONDITIONS["unheard_speaker"], split, settings)
        assert set(inner.data.speaker.tolist()) == {name for fold in FOLDS for name in fold} - strangers
        heard = set()
        for one in inner.splits:
            train, test = (set(inner.data.speaker[rows].tolist()) for rows in one)
            assert not train & test
            assert not (train | test) & strangers
            heard |= test
        assert heard == set(inner.data.speaker.tolist())


def test_the_other_published_folds_are_the_inner_ones(corpus: CorpusData) -> None:
    settings = load_settings(["--training.folds", "corpus"], environ={})
    inner = inner_folds(corpus, CONDITIONS["unheard_speaker"], outer(corpus, settings)[1], settings)
    tested = [tuple(np.unique(inner.data.speaker[split.test]).tolist()) for split in inner.splits]
    assert tested == [FOLDS[0], FOLDS[2], FOLDS[3]]


def test_a_voice_is_what_the_condition_says(corpus: CorpusData) -> None:
    settings = load_settings(["--training.folds", "corpus"], environ={})
    split = outer(corpus, settings)[0]
    alone = inner_folds(corpus, CONDITIONS["unheard_speaker"], split, settings)
    together = inner_folds(corpus, CONDITIONS["unheard_speaker_normalised"], split, settings)
    assert alone.voice(alone.data).tolist() == alone.data.recording_id.tolist()
    assert together.voice(together.data).tolist() == together.data.speaker.tolist()
    assert alone.tested == AS_RECORDED
    assert inner_folds(corpus, CONDITIONS["telephone"], split, settings).tested == "telephone"
