from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from ser_core.config.searched import with_overrides
from ser_core.config.settings import TrainingSettings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.errors import SettingsError, TrainingError
from ser_core.learning.training.hyperparameter_search import InnerFolds, InnerPredictions, search, standard_error
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures
from ser_core.learning.training.model_fit import fit_model
from ser_core.learning.training.search_space import Space
from ser_core.learning.training.speaker_normalisation import Speakers
from ser_core.learning.training.splits import speaker_folds

CLASSES = ("neutral", "happy", "sad", "angry")
MEMBERS = 1


@dataclasses.dataclass(frozen=True)
class Leaning:
    """Posteriors are the vector's first columns, disturbed the more, the farther `alpha` is from 1."""

    disturbance: float
    classes: tuple[str, ...] = CLASSES

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        noise = np.random.default_rng(1).normal(0, self.disturbance, (len(X), 4))
        return (X[:, :4] + noise).astype(np.float32)


def leaning(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> Leaning:
    return Leaning(abs(np.log10(settings.alpha)))


def level(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> Leaning:
    return Leaning(1.0)


@pytest.fixture
def recipe(quick: TrainingSettings) -> TrainingSettings:
    return quick.model_copy(update={"alpha": 0.03, "max_iter": 20, "members": 8, "calibration_members": 2})


@pytest.fixture(scope="module")
def informative() -> LabelledFeatures:
    """12 speakers, 24 clips each as recorded and altered; the class is the largest of the first four columns."""
    rng = np.random.default_rng(5)
    label = np.tile(np.repeat(np.arange(4), 6), 24)
    X = np.eye(4)[label] * 1.5 + rng.normal(0, 0.3, (len(label), 4))
    speaker = np.repeat(np.arange(12), 48)
    copy = np.tile(np.repeat([0, 1], 24), 12)
    return LabelledFeatures(
        X.astype(np.float32),
        np.array(CLASSES)[label],
        np.char.add("speaker-", speaker.astype(str)),
        np.array([f"{s}-{i % 24}" for i, s in enumerate(speaker)]),
        np.ones(len(label)),
        np.array([AS_RECORDED, "varied-1"])[copy],
        np.full(len(label), "en"),
        np.full(len(label), "planted"),
    )


def folds(data: LabelledFeatures, fit: object = leaning) -> InnerFolds:
    splits = speaker_folds(data.speaker, None, 4, 0)
    return InnerFolds(data, CLASSES, AS_RECORDED, lambda rows: rows.recording_id, splits, fit)  # type: ignore[arg-type]


def test_a_better_point_replaces_the_recipe(informative: LabelledFeatures, recipe: TrainingSettings) -> None:
    result = search(folds(informative), recipe, trials=12, members=MEMBERS, seed=0)
    assert len(result.trials) == 12
    assert result.trials[0].overrides == {}
    assert not result.kept
    assert result.gain > result.standard_error > 0
    assert result.best.uar == pytest.approx(result.trials[0].uar + result.gain)
    assert 0.3 < result.overrides["alpha"] < 3


def test_the_recipe_is_kept_where_nothing_is_better(informative: LabelledFeatures, recipe: TrainingSettings) -> None:
    result = search(folds(informative), recipe.model_copy(update={"alpha": 1.0}), trials=8, members=MEMBERS, seed=0)
    assert result.kept
    assert result.overrides == {}
    alike = search(folds(informative, level), recipe, trials=4, members=MEMBERS, seed=0)
    assert alike.gain == 0
    assert alike.kept


def test_one_trial_is_the_recipe(informative: LabelledFeatures, recipe: TrainingSettings) -> None:
    result = search(folds(informative), recipe, trials=1, members=MEMBERS, seed=0)
    assert [trial.overrides for trial in result.trials] == [{}]
    assert result.kept


def test_the_same_seed_gives_the_same_trials(informative: LabelledFeatures, recipe: TrainingSettings) -> None:
    first, again, other = (search(folds(informative), recipe, trials=6, members=MEMBERS, seed=s) for s in (3, 3, 4))
    assert first == again
    assert first.trials != other.trials


def test_no_speaker_is_decided_on_who_was_trained_on(informative: LabelledFeatures, recipe: TrainingSettings) -> None:
    """And all rows of the train part are trained on, rows as recorded only are decided on, each recording once."""
    trained: list[LabelledFeatures] = []

    def spy(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> Leaning:
        trained.append(data)
        return Leaning(0.0)

    inner = folds(informative, spy)
    predictions = inner.predict(recipe)
    assert len(predictions.truth) == 12 * 24
    assert len(trained) == len(inner.splits) == 4
    for data, split in zip(trained, inner.splits, strict=True):
        assert not set(data.speaker.tolist()) & set(informative.speaker[split.test].tolist())
        assert set(data.condition.tolist()) == {AS_RECORDED, "varied-1"}
    assert predictions.uar > 0.95


def test_members_are_few_and_not_calibrated(informative: LabelledFeatures, recipe: TrainingSettings) -> None:
    seen: list[TrainingSettings] = []

    def spy(data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings) -> Leaning:
        seen.append(settings)
        return Leaning(0.0)

    search(folds(informative, spy), recipe, trials=3, members=3, seed=0)
    assert {(one.members, one.calibration_members) for one in seen} == {(3, 0)}
    assert seen[0] == recipe.model_copy(update={"members": 3, "calibration_members": 0})


def test_perceptrons_are_searched(planted: LabelledFeatures, recipe: TrainingSettings) -> None:
    splits = speaker_folds(planted.speaker, None, 2, 0)
    inner = InnerFolds(planted, CLASSES, AS_RECORDED, lambda rows: rows.speaker, splits, fit_model)
    result = search(inner, recipe.model_copy(update={"alpha": 0.3}), trials=3, members=MEMBERS, seed=0)
    assert result.best.uar > 0.95


def test_standard_error_is_that_of_speakers_drawn() -> None:
    """With equal recordings a speaker, the jackknife of a mean is the textbook's s / sqrt(n)."""
    gains = np.array([0.0, 0.1, 0.2, 0.3, 0.5])
    truth = np.zeros(50, dtype=np.intp)
    speaker = np.repeat(np.arange(5), 10).astype(str)
    right = np.concatenate([np.arange(10) >= 10 * gain for gain in gains])
    worse = InnerPredictions(truth, np.where(right, 0, 1), speaker)
    better = InnerPredictions(truth, truth, speaker)
    assert better.uar - worse.uar == pytest.approx(gains.mean())
    assert standard_error(better, worse) == pytest.approx(gains.std(ddof=1) / np.sqrt(5))
    assert standard_error(better, better) == 0


def test_standard_error_needs_the_same_recordings_of_several_speakers() -> None:
    zeros = np.zeros(4, dtype=np.intp)
    one = InnerPredictions(zeros, zeros, np.array(["a", "a", "b", "b"]))
    with pytest.raises(TrainingError, match="different recordings"):
        standard_error(one, InnerPredictions(zeros + 1, zeros, one.speaker))
    with pytest.raises(TrainingError, match="two speakers"):
        standard_error(*[InnerPredictions(zeros, zeros, np.full(4, "a"))] * 2)


def test_the_recipe_is_a_point_of_the_space(recipe: TrainingSettings) -> None:
    odd = recipe.model_copy(update={"alpha": 40.0, "max_iter": 500, "hidden_layers": (300, 20), "copies": 9})
    for training in (recipe, odd):
        space = Space(training, altered=2)
        assert space.overrides(space.point()) == {}
    assert with_overrides(odd, Space(odd, 2).overrides({**Space(odd, 2).point(), "alpha": 0.5})).alpha == 0.5


def test_what_does_nothing_is_not_searched(recipe: TrainingSettings) -> None:
    def normalised(strength: float) -> TrainingSettings:
        return with_overrides(recipe, {"speaker_normalisation": {"strength_mean": strength}})

    assert "speaker_directions" in Space(normalised(0.0), 3).ranges
    assert "prior_segments" not in Space(normalised(0.0), 3).ranges
    assert "prior_segments" in Space(normalised(1.0), 3).ranges
    assert "speaker_directions" not in Space(normalised(1.0), 3).ranges
    assert "copies" not in Space(recipe, 0).ranges
    space = Space(normalised(1.0), 3)
    assert space.overrides({**space.point(), "prior_segments": 1.23456}) == {
        "speaker_normalisation": {"prior_segments": 1.23}
    }


def test_without_optuna_the_error_has_the_package_to_install(
    informative: LabelledFeatures, recipe: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SettingsError, match=r"ser-core\[search\]"):
        search(folds(informative), recipe, trials=2, members=MEMBERS, seed=0)
