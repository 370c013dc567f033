"""The evaluation on strangers: names of rows, draws, shared classes, what each condition gives a model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.data.tables.schemas import probability
from ser_core.emotions import EMOTIONS
from ser_core.errors import TrainingError
from ser_core.learning.evaluation import stranger_tasks
from ser_core.learning.evaluation.stranger_conditions import STRANGER_CONDITIONS, StrangerRow, stranger_row
from ser_core.learning.evaluation.stranger_draws import mostly_neutral, skewed_rows
from ser_core.learning.evaluation.stranger_metrics import row_metrics, summarise_strangers
from ser_core.learning.evaluation.stranger_peers import fit_peer
from ser_core.learning.evaluation.stranger_rows import (
    STRANGER_PREDICTIONS,
    TestedCorpus,
    restricted,
    shared_classes,
    stranger_rows,
)
from ser_core.learning.evaluation.stranger_tasks import StrangerTask, run_stranger_task
from ser_core.learning.training.fitted_model import Scores
from ser_core.learning.training.joined_corpora import join_corpora
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.population import Population
from tests.support.rows import labelled

FIVE = "angry happy sad neutral fearful"


@dataclass
class Told:
    """A model that remembers what it was given, and returns the emotion in a vector's place of 1."""

    classes: tuple[str, ...]
    asked: list[tuple[int, Any, Population | None]] = field(default_factory=list)

    def scores(self, X: np.ndarray, speaker: Any, population: Population | None) -> Scores:
        self.asked.append((len(X), None if speaker is None else speaker.tolist(), population))
        posteriors = np.full((len(X), len(self.classes)), 0.1, dtype=np.float32)
        posteriors[np.arange(len(X)), X[:, 0].astype(int)] += np.float32(1 - 0.1 * len(self.classes))
        high = np.isin(np.array(self.classes)[X[:, 0].astype(int)], ["angry", "happy", "fearful"])
        return Scores(posteriors, high.astype(np.float32), np.zeros(len(X), np.float32), np.ones(len(X), np.float32))


def corpus(emotions: str, speakers: str, ids: str = "", classes: tuple[str, ...] = EMOTIONS) -> TestedCorpus:
    """Vectors hold the number of the emotion in `classes`; disgust sounds like the first."""
    words = emotions.split()
    X = np.array([[classes.index(word) if word in classes else 0] for word in words])
    data = labelled(emotions, speakers, ids, X=X)
    return TestedCorpus("made", data, {one: f"{one}.wav" for one in data.recording_id.tolist()})


@pytest.mark.parametrize("peer", [None, "tutorial"])
@pytest.mark.parametrize("line", [False, True])
@pytest.mark.parametrize("condition", STRANGER_CONDITIONS.values(), ids=lambda one: one.name or "raw")
def test_the_name_of_a_row_tells_what_it_is(condition: Any, line: bool, peer: str | None) -> None:
    row = StrangerRow("nemo", line, condition, peer)
    assert stranger_row(row.name) == row


def test_rows_are_called_as_documented() -> None:
    raw, archive = STRANGER_CONDITIONS[""], STRANGER_CONDITIONS["archive"]
    assert StrangerRow("nemo", False, raw, None).name == "transfer:nemo"
    assert StrangerRow("nemo", True, archive, None).name == "transfer:nemo:line:archive"
    assert StrangerRow("nemo", False, archive, "tutorial").name == "peer:tutorial:transfer:nemo:archive"
    with pytest.raises(ValueError, match="no row"):
        stranger_row("unheard_speaker")


def test_a_skewed_speaker_has_mostly_one_emotion() -> None:
    speakers = [f"s{number}" for number in range(10)]
    grid = [(speaker, emotion) for speaker in speakers for emotion in FIVE.split() for _ in range(12)]
    data = labelled(" ".join(emotion for _, emotion in grid), " ".join(speaker for speaker, _ in grid))
    kept = data.take(skewed_rows(data, 0))
    mains = Counter()
    for speaker in speakers:
        counts = Counter(kept.emotion[kept.speaker == speaker].tolist())
        (main, most), *_ = counts.most_common(1)
        assert (most, counts.total()) == (12, 15)
        mains[main] += 1
    assert set(mains.values()) == {2}  # each is dealt to as many speakers
    assert skewed_rows(data, 0).tolist() == skewed_rows(data, 0).tolist()
    assert skewed_rows(data, 0).tolist() != skewed_rows(data, 1).tolist()


def test_a_speaker_of_one_emotion_keeps_it_and_segments_stay_together() -> None:
    data = labelled("sad sad sad", "a a b", ids="r1 r1 r2")
    assert skewed_rows(data, 0).all()
    two = labelled("sad sad happy happy", "a a a a", ids="r1 r1 r2 r2")
    kept = two.take(skewed_rows(two, 0))
    assert set(Counter(kept.recording_id.tolist()).values()) == {2}


def test_an_archive_that_is_mostly_neutral() -> None:
    data = labelled("neutral " * 8 + "angry " * 20, "a " * 28)
    kept = mostly_neutral(data, 0)
    assert kept is not None
    assert Counter(data.emotion[kept].tolist()) == {"neutral": 8, "angry": 2}
    assert mostly_neutral(labelled("angry sad", "a a"), 0) is None


def test_only_what_both_sides_have_is_shared() -> None:
    trained = labelled("happy sad calm", "a b c")
    assert shared_classes(labelled("calm sad disgust", "x y z"), trained) == ("calm", "sad")
    with pytest.raises(TrainingError, match="it shares sad with the training corpora"):
        shared_classes(labelled("sad disgust", "x y"), trained)


def test_posteriors_are_of_the_shared_classes_and_sum_to_1() -> None:
    posteriors = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    result = restricted(posteriors, ("neutral", "happy", "sad"), ("neutral", "sad"))
    assert result == pytest.approx(np.array([[0.4, 0.6], [0.5, 0.5]]))


def test_each_condition_tells_the_model_what_it_says() -> None:
    emotions = f"{FIVE} disgust " * 4
    tested = corpus(emotions, "a a a a a a b b b b b b " * 2)
    shared = shared_classes(tested.data, labelled(FIVE, FIVE))
    model = Told(EMOTIONS)
    for name, condition in STRANGER_CONDITIONS.items():
        rows = stranger_rows(model, tested, shared, condition, "row", 0)
        assert rows is not None and rows.schema.equals(STRANGER_PREDICTIONS)
        (count, speaker, population) = model.asked.pop()
        assert count == (20 if name != "skewed" else rows.num_rows)
        assert (speaker is not None) == (name in ("normalised", "skewed"))
        assert (population is not None) == (name != "")
        if name in ("archive", "normalised", "skewed"):
            assert population is not None and population.count == 24  # all of the archive, disgust too
        if name == "archive-neutral":
            assert population is not None and population.count == 5
        assert len(set(rows["clip"].to_pylist())) == rows.num_rows
        assert rows["emotion"].null_count == 0
        assert rows[probability("disgust")].null_count == rows.num_rows
        total = np.sum([rows[probability(one)].to_numpy() for one in shared], axis=0)
        assert total == pytest.approx(1.0, abs=1e-6)
    without = corpus("angry happy", "a b")
    assert stranger_rows(model, without, ("happy", "angry"), STRANGER_CONDITIONS["archive-neutral"], "row", 0) is None


def test_a_clip_is_decided_once_by_the_mean_of_its_segments() -> None:
    tested = corpus("sad sad happy", "a a a", ids="r1 r1 r2")
    tested.data.X[1] = EMOTIONS.index("happy")
    tested.data.X[0] = EMOTIONS.index("sad")
    rows = stranger_rows(Told(EMOTIONS), tested, ("happy", "sad"), STRANGER_CONDITIONS[""], "row", 0)
    assert rows is not None
    assert rows["clip"].to_pylist() == ["r1.wav", "r2.wav"]
    assert rows[probability("sad")].to_pylist()[0] == pytest.approx(0.5)
    assert rows["arousal_high"].to_pylist() == pytest.approx([0.5, 1.0])


def predictions(truths: str, decisions: str, confidence: list[float], name: str = "transfer:made") -> Any:
    import pyarrow as pa

    rows = []
    for number, (truth, emotion, sure) in enumerate(zip(truths.split(), decisions.split(), confidence, strict=True)):
        others = [one for one in ("happy", "angry", "sad") if one != emotion]
        row = {"condition": name, "fold": 0, "clip": f"c{number}", "speaker": f"s{number % 2}", "truth": truth}
        row |= {"emotion": emotion, probability(emotion): sure}
        row |= {probability(one): (1 - sure) / len(others) for one in others}
        rows.append({**row, "arousal_high": 0.9 if emotion != "sad" else 0.2, "valence_negative": 0.1})
    return pa.Table.from_pylist(rows, schema=STRANGER_PREDICTIONS)


def test_metrics_of_a_row() -> None:
    table = predictions("happy angry sad sad", "happy happy sad happy", [0.9, 0.5, 0.8, 0.4])
    metrics = row_metrics(table, 0.6)
    assert metrics["uar"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert metrics["chance"] == pytest.approx(1 / 3)
    assert metrics["arousal"]["recall"] == pytest.approx((1 + 0.5) / 2)
    assert metrics["valence"]["recall"] == pytest.approx((1 + 0) / 2)  # nothing is heard as negative
    assert metrics["decided"] == {"precision": 1.0, "undecided": 0.5}
    assert metrics["accuracy_by_quarter"] == [0.0, 0.0, 1.0, 1.0]
    assert row_metrics(table, 0.0)["decided"]["undecided"] == 0.0
    nothing = row_metrics(table, 1.0)["decided"]
    assert (nothing["precision"], nothing["undecided"]) == (None, 1.0)


def test_metrics_by_sex_language_and_the_emotions_of_one_training_corpus() -> None:
    table = predictions("happy angry sad sad", "happy happy sad happy", [0.9, 0.5, 0.8, 0.4])
    people = {"made": {f"c{n}": {"sex": "male" if n < 2 else "female", "language": "pl"} for n in range(4)}}
    classes = {"made": {"small": ("happy", "angry"), "same": ("happy", "angry", "sad", "calm"), "none": ("calm",)}}
    facts = summarise_strangers(table, 0.0, people, classes)
    metrics = facts["conditions"]["transfer:made"]
    assert metrics["by"] == {
        "sex": {
            "female": {"uar": 0.5, "accuracy": 0.5, "n": 2},
            "male": {"uar": 0.5, "accuracy": 0.5, "n": 2},
        }
    }
    assert list(metrics["of_classes"]) == ["small"]
    assert (metrics["of_classes"]["small"]["n"], metrics["of_classes"]["small"]["uar"]) == (2, 0.5)
    peer = predictions("happy sad", "happy sad", [0.9, 0.9], "peer:x:transfer:made:archive")
    assert summarise_strangers(peer, 0.0, {}, {})["peers"]["x"]["transfer:made:archive"]["uar"] == 1.0


def shifted(name: str, offset: float, seed: int, emotions: str = FIVE) -> LabelledFeatures:
    """Emotions lie apart alike in every corpus, around an `offset` of its own."""
    rng = np.random.default_rng(seed)
    words = [emotion for emotion in emotions.split() for _ in range(16)]
    X = 3.0 * np.eye(12)[[EMOTIONS.index(word) for word in words]] + 0.5 * rng.standard_normal((len(words), 12))
    X += offset * np.random.default_rng(seed).standard_normal(12)
    speakers = [f"s{number % 4}" for number in range(len(words))]
    return join_corpora({name: labelled(" ".join(words), " ".join(speakers), X=X)})


def test_a_peer_is_tuned_for_the_corpora_it_is_trained_on() -> None:
    trained = LabelledFeatures.joined([shifted("a", 10.0, 0), shifted("b", 10.0, 1)])
    tested = shifted("c", 10.0, 2)
    classes = stranger_tasks.present_classes(trained)
    right = {}
    for archive in (False, True):
        model = fit_peer(trained, classes, {}, (archive, False), 0)
        scores = model.scores(tested.X, None, Population.of(tested.X) if archive else None)
        decided = np.array(classes)[scores.posteriors.argmax(axis=1)]
        right[archive] = np.mean(decided == tested.emotion)
        assert np.isnan(scores.arousal_high).all()
    assert right[True] > 0.9
    assert right[False] < 0.6


def test_a_peer_of_many_features_is_fitted_in_the_span_of_its_rows() -> None:
    data = shifted("a", 0.0, 0, "angry happy")
    wide = np.concatenate([data.X, np.random.default_rng(0).normal(size=(len(data), 60))], axis=1).astype(np.float32)
    model = fit_peer(LabelledFeatures(**{**vars(data), "X": wide}), ("happy", "angry"), {}, (False, False), 0)
    decided = np.array(["happy", "angry"])[model.scores(wide, None, None).posteriors.argmax(axis=1)]
    assert np.mean(decided == data.emotion) > 0.9


def test_a_task_tests_every_corpus_that_shares_emotions(monkeypatch: pytest.MonkeyPatch) -> None:
    weights: list[Any] = []

    def fit(data: LabelledFeatures, classes: tuple[str, ...], settings: Any, given: Any) -> Told:
        weights.append(given)
        return Told(classes)

    monkeypatch.setattr(stranger_tasks, "fit_model", fit)
    trained = shifted("a", 0.0, 0)
    classes = stranger_tasks.present_classes(trained)
    good = corpus("happy angry neutral", "x y z", classes=classes)
    bad = TestedCorpus("bad", labelled("bored happy", "p q"), {})
    training = load_settings(environ={}).training
    result = run_stranger_task(StrangerTask(trained, {"a": 2.0}, (good, bad), False), training)
    names = [table["condition"][0].as_py() for table in result.tables]
    suffixes = ("", ":archive", ":archive-neutral", ":normalised", ":skewed")
    assert names == [f"transfer:made{suffix}" for suffix in suffixes]
    assert "shares happy" in result.left_out["bad"]
    assert weights == [{"a": 2.0}]
    line = run_stranger_task(StrangerTask(trained, {}, (good,), True), training)
    assert [table["condition"][0].as_py() for table in line.tables] == [
        f"transfer:made:line{suffix}" for suffix in ("", ":archive", ":normalised", ":skewed")
    ]
    same = TestedCorpus("a", good.data, good.clips)
    with pytest.raises(TrainingError, match="the corpus a is trained on and tested"):
        run_stranger_task(StrangerTask(trained, {}, (same,), False), training)
