from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ser_core.config.settings import TrainingSettings
from ser_core.errors import TrainingError
from ser_core.learning.training import model_fit as module
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.model_fit import fit_model
from ser_core.learning.training.voice_groups import simulated_calls, whole_voices

CLASSES = ("neutral", "happy", "sad", "angry")


def strong(settings: TrainingSettings, train_on: str) -> TrainingSettings:
    changed = {"strength_mean": 1.0, "strength_deviation": 1.0, "prior_segments": 1e-4, "train_on": train_on}
    normalisation = settings.speaker_normalisation.model_copy(update=changed)
    return settings.model_copy(update={"speaker_normalisation": normalisation})


def normalised(data: LabelledFeatures, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch) -> LabelledFeatures:
    """What the classifier is trained on."""
    given: list[LabelledFeatures] = []
    fit = module.fit_classifier

    def spy(data: LabelledFeatures, *rest: object) -> object:
        given.append(data)
        return fit(data, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "fit_classifier", spy)
    fit_model(data, CLASSES, settings)
    return given[0]


def test_a_speaker_is_normalised_under_each_condition_apart(
    copied: LabelledFeatures, quick: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = copied.X + np.float32(100) * (copied.condition == "line-1")[:, np.newaxis]
    data = dataclasses.replace(copied, X=moved)
    result = normalised(data, strong(quick, "speakers"), monkeypatch)
    for voice in np.unique(whole_voices(data)):
        np.testing.assert_allclose(result.X[whole_voices(data) == voice].mean(axis=0), 0, atol=0.01)


def test_calls_are_normalised_as_calls(
    copied: LabelledFeatures, quick: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = normalised(copied, strong(quick, "calls"), monkeypatch)
    calls = simulated_calls(copied, quick.seed)
    for call in np.unique(calls):
        np.testing.assert_allclose(result.X[calls == call].mean(axis=0), 0, atol=0.05)
    whole = whole_voices(copied)
    means = [result.X[whole == voice].mean(axis=0) for voice in np.unique(whole)]
    assert len(np.unique(calls)) > 2 * len(means)


def test_the_population_is_as_recorded(copied: LabelledFeatures, quick: TrainingSettings) -> None:
    moved = copied.X + np.float32(100) * (copied.condition != "as_recorded")[:, np.newaxis]
    model = fit_model(dataclasses.replace(copied, X=moved), CLASSES, quick)
    recorded = fit_model(copied.of_condition("as_recorded"), CLASSES, quick)
    np.testing.assert_allclose(model.normaliser.mean, recorded.normaliser.mean)
    np.testing.assert_allclose(model.normaliser.deviation, recorded.normaliser.deviation)


def test_a_model_trained_on_copies_is_robust_to_them(quick: TrainingSettings) -> None:
    """The emotion stands in two features alike; the line mirrors the first. Only copies can tell that it does."""
    rng = np.random.default_rng(0)
    speaker, emotion = np.repeat(np.arange(10), 40), np.tile(np.arange(4), 100)
    plain = np.stack([emotion + rng.normal(0, 0.2, 400), emotion + rng.normal(0, 1.0, 400)], axis=1)
    line = plain * [-1.0, 1.0] + [3.0, 0.0]
    data = LabelledFeatures(
        np.concatenate([plain, line]).astype(np.float32),
        np.tile(np.array(CLASSES)[emotion], 2),
        np.tile(np.char.add("speaker-", speaker.astype(str)), 2),
        np.tile(np.arange(400).astype(str), 2),
        np.ones(800),
        np.repeat(np.array(["as_recorded", "line-1"]), 400),
        np.full(800, ""),
        np.full(800, "planted"),
    )
    train = data.take(np.isin(data.speaker, [f"speaker-{i}" for i in range(7)]))
    test = data.of_condition("line-1").take(np.isin(data.of_condition("line-1").speaker, ["speaker-8", "speaker-9"]))
    right = {}
    for copies in (0, 1):
        model = fit_model(train, CLASSES, quick.model_copy(update={"copies": copies}))
        decided = model.posteriors(test.X, test.recording_id).argmax(axis=1)
        right[copies] = np.mean(np.array(CLASSES)[decided] == test.emotion)
    assert right[1] > right[0] + 0.2


def test_the_whole_recipe_finds_what_is_planted(
    copied: LabelledFeatures, planted: LabelledFeatures, voting: TrainingSettings
) -> None:
    for train_on in ("speakers", "calls"):
        normalisation = voting.speaker_normalisation.model_copy(update={"train_on": train_on})
        settings = voting.model_copy(update={"speaker_normalisation": normalisation, "max_iter": 60})
        model = fit_model(copied, CLASSES, settings)
        decided = np.array(CLASSES)[model.posteriors(planted.X, planted.speaker).argmax(axis=1)]
        assert np.mean(decided == planted.emotion) > 0.95


def test_copies_alone_cannot_train(copied: LabelledFeatures, quick: TrainingSettings) -> None:
    with pytest.raises(TrainingError, match="The training rows are of varied-1"):
        fit_model(copied.of_condition("varied-1"), CLASSES, quick)
