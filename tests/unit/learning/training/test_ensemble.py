from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from ser_core.config.settings import TrainingSettings
from ser_core.errors import TrainingError
from ser_core.learning.training.ensemble import BASE_CONDITIONS, MIN_POSTERIOR, Ensemble, fit_ensemble, log_softmax
from ser_core.learning.training.labelled_features import LabelledFeatures, class_index

CLASSES = ("neutral", "happy", "sad", "angry")


def fitted(data: LabelledFeatures, settings: TrainingSettings, members: int = 3, number: int = 0) -> Ensemble:
    return fit_ensemble(data, class_index(data.emotion, CLASSES), settings, members, number)


def test_log_posteriors_are_those_of_scikit_learn(copied: LabelledFeatures, voting: TrainingSettings) -> None:
    for layers in ((16,), (16, 8)):
        ensemble = fitted(copied, voting.model_copy(update={"hidden_layers": layers}))
        Z = ensemble.standardiser(copied.X)
        for member in ensemble.members:
            expected = member.network.predict_proba(Z[:, member.columns])
            result = member.log_posteriors(Z)
            assert result.dtype == np.float32
            np.testing.assert_allclose(np.exp(result), expected, atol=1e-5)


def test_two_classes_have_one_logistic_unit(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    two = planted.take(np.isin(planted.emotion, ["happy", "sad"]))
    (member,) = (ensemble := fitted(two, quick, 1)).members
    assert member.network.out_activation_ == "logistic"
    Z = ensemble.standardiser(two.X)
    np.testing.assert_allclose(np.exp(member.log_posteriors(Z)), member.network.predict_proba(Z), atol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_perceptron_of_everything_is_scikit_learns(planted: LabelledFeatures, quick: TrainingSettings) -> None:
    ensemble = fitted(planted, quick.model_copy(update={"balance_classes": False, "seed": 5}), 1)
    network = MLPClassifier((16,), alpha=0.01, batch_size=64, learning_rate_init=0.01, max_iter=60, random_state=5)
    Z = ensemble.standardiser(planted.X)
    network.fit(Z, class_index(planted.emotion, CLASSES))
    for result, expected in zip(ensemble.members[0].network.coefs_, network.coefs_, strict=True):
        np.testing.assert_array_equal(result, expected)


def test_each_member_has_its_own_features_copies_and_beginning(
    copied: LabelledFeatures, voting: TrainingSettings
) -> None:
    members = fitted(copied, voting.model_copy(update={"members": 6}), 6).members
    assert {len(member.columns) for member in members} == {6}
    assert all((np.diff(member.columns) > 0).all() for member in members)
    assert len({member.columns.tobytes() for member in members}) > 1
    assert len({member.network.random_state for member in members}) == 6


def test_a_member_does_not_depend_on_the_number_of_members(copied: LabelledFeatures, voting: TrainingSettings) -> None:
    few, many = (fitted(copied, voting, count).members for count in (2, 3))
    for drawn, same in zip(few, many, strict=False):
        np.testing.assert_array_equal(drawn.network.coefs_[0], same.network.coefs_[0])
    other = fitted(copied, voting, 2, number=1).members
    assert other[0].network.random_state != few[0].network.random_state


def rows_heard(
    data: LabelledFeatures, settings: TrainingSettings, members: int, monkeypatch: pytest.MonkeyPatch
) -> list[set[str]]:
    """By member, the conditions of the rows that it was trained on; told from the last column."""
    names = np.unique(data.condition)
    marked = data.X.copy()
    marked[:, -1] = np.searchsorted(names, data.condition)
    data = dataclasses.replace(data, X=marked)
    conditions: list[set[str]] = []
    fit = MLPClassifier.fit

    def spy(self: MLPClassifier, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> MLPClassifier:
        marks = known[:, -1]
        conditions.append({str(names[np.argmin(np.abs(marks - value))]) for value in np.unique(X[:, -1])})
        return fit(self, X, y, weight)

    settings = settings.model_copy(update={"feature_share": 1.0, "speaker_directions": 0, "max_iter": 2})
    # a base of several conditions, so that the mark is of some variance
    known = fitted(data, settings, 1).standardiser(
        np.concatenate([np.zeros((len(names), marked.shape[1] - 1)), np.arange(len(names))[:, np.newaxis]], axis=1)
    )
    monkeypatch.setattr(MLPClassifier, "fit", spy)
    fitted(data, settings, members)
    return conditions


def test_every_member_hears_the_base_and_some_copies(
    copied: LabelledFeatures, voting: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = set(BASE_CONDITIONS)
    assert base == {"as_recorded", "telephone"}
    renamed = np.where(copied.condition == "line-1", "telephone", copied.condition)
    both = dataclasses.replace(copied, condition=renamed)
    conditions = rows_heard(both, voting.model_copy(update={"copies": 1}), 8, monkeypatch)
    assert all(drawn >= base and len(drawn) == 3 for drawn in conditions)
    assert set().union(*conditions) == base | {"varied-1", "varied-2"}


def test_no_copies_no_more_than_the_base(
    copied: LabelledFeatures, voting: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = np.where(copied.condition == "line-1", "telephone", copied.condition)
    both = dataclasses.replace(copied, condition=renamed)
    conditions = rows_heard(both, voting.model_copy(update={"copies": 0}), 3, monkeypatch)
    assert conditions == [set(BASE_CONDITIONS)] * 3


def test_copies_alone_are_refused(copied: LabelledFeatures, voting: TrainingSettings) -> None:
    with pytest.raises(TrainingError, match="are of line-1, varied-1, varied-2; expected some of as_recorded"):
        fitted(copied.take(copied.condition != "as_recorded"), voting)


def test_classes_have_equal_weights(
    planted: LabelledFeatures, quick: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[np.ndarray | None] = []
    fit = MLPClassifier.fit

    def spy(self: MLPClassifier, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> MLPClassifier:
        given.append(weight)
        return fit(self, X, y, weight)

    monkeypatch.setattr(MLPClassifier, "fit", spy)
    skewed = planted.take((planted.emotion != "sad") | (planted.speaker == "speaker-0"))
    short = quick.model_copy(update={"max_iter": 2})
    fitted(skewed, short, 1)
    weight = given[0]
    assert weight is not None
    assert weight.sum() == pytest.approx(len(skewed))  # so that alpha and the steps mean what they did
    for name in CLASSES:
        assert weight[skewed.emotion == name].sum() == pytest.approx(len(skewed) / 4)
    fitted(skewed, short.model_copy(update={"balance_classes": False}), 1)
    assert given[1] is None


def test_a_rare_class_is_predicted_more_with_weights(quick: TrainingSettings) -> None:
    """Two classes that overlap, 20 to 1: unweighted, the rare one is hardly ever named."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [1000, 50])
    X = (y[:, np.newaxis] + rng.normal(0, 1, (1050, 3))).astype(np.float32)
    columns = (np.array(CLASSES)[y], np.arange(1050) % 8, np.arange(1050), np.ones(1050))
    emotion, speaker, recording, duration = columns
    data = LabelledFeatures(
        X,
        emotion,
        speaker.astype(str),
        recording.astype(str),
        duration,
        np.full(1050, "as_recorded"),
        np.full(1050, ""),
        np.full(1050, "planted"),
    )
    named = {}
    for balanced in (True, False):
        ensemble = fitted(data, quick.model_copy(update={"balance_classes": balanced, "max_iter": 20}), 1)
        named[balanced] = np.mean(ensemble.sum_of_logs(ensemble.standardiser(X[y == 1])).argmax(axis=1) == 1)
    assert named[True] > 0.7
    assert named[False] < 0.4


def test_nobody_overrules_all_others(copied: LabelledFeatures, voting: TrainingSettings) -> None:
    ensemble = fitted(copied, voting)
    far = copied.X * np.float32(100)
    assert ensemble.sum_of_logs(ensemble.standardiser(far)).min() >= 3 * np.log(MIN_POSTERIOR) - 1e-4


def test_the_sum_is_over_members(copied: LabelledFeatures, voting: TrainingSettings) -> None:
    ensemble = fitted(copied, voting)
    Z = ensemble.standardiser(copied.X)
    slow = sum(
        np.log(np.maximum(member.network.predict_proba(Z[:, member.columns]), MIN_POSTERIOR))
        for member in ensemble.members
    )
    np.testing.assert_allclose(ensemble.sum_of_logs(ensemble.standardiser(copied.X)), slow, atol=1e-4)


def test_log_softmax_of_what_overflows() -> None:
    result = log_softmax(np.array([[1000.0, 0.0], [-1000.0, -1000.0]], np.float32))
    np.testing.assert_allclose(result, [[0, -1000], [np.log(0.5)] * 2], rtol=1e-6)


def test_the_standardiser_is_of_the_base(copied: LabelledFeatures, voting: TrainingSettings) -> None:
    moved = copied.X + np.float32(100) * (copied.condition != "as_recorded")[:, np.newaxis]
    result = fitted(dataclasses.replace(copied, X=moved), voting).standardiser
    recorded = fitted(copied.of_condition("as_recorded"), voting).standardiser
    np.testing.assert_array_equal(result.mean, recorded.mean)
    np.testing.assert_array_equal(result.directions, recorded.directions)
