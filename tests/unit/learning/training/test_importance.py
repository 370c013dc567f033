from __future__ import annotations

import numpy as np
import pytest

from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.learning.training.importance import FamilyImportance, HeldOut, pooled_importance
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures
from ser_core.learning.training.speaker_normalisation import Speakers

CLASSES = ("neutral", "happy", "sad", "angry")
FAMILIES = {"idle": [6, 7, 8], "pitch": [0, 1, 2], "spare": [3, 4, 5]}


class Reads:
    """A model that adds up, for each class, what some columns say of it; blind to all others."""

    classes = CLASSES

    def __init__(self, *columns: int) -> None:
        self.columns = list(columns)

    def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
        """A column holds the class's number."""
        assert len(speaker) == len(X)
        read = np.rint(X[:, self.columns]).astype(int)
        votes = np.array([np.bincount(row, minlength=4) for row in read], dtype=np.float32)
        return votes / votes.sum(axis=1, keepdims=True)


def informative(n: int = 400, seed: int = 0) -> LabelledFeatures:
    """Every one of nine columns tells the class."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n) % 4)
    return LabelledFeatures(
        X=np.tile(truth[:, np.newaxis], (1, 9)).astype(np.float32),
        emotion=np.array([CLASSES[i] for i in truth]),
        speaker=np.full(n, "s"),
        recording_id=np.array([f"r{i}" for i in range(n)]),
        duration_s=np.ones(n),
        condition=np.full(n, AS_RECORDED),
        language=np.full(n, "en"),
        corpus=np.full(n, "planted"),
    )


def importance(
    model: Reads, data: LabelledFeatures, families: dict[str, list[int]], repeats: int, seed: int
) -> tuple[FamilyImportance, ...]:
    return pooled_importance([HeldOut(model, data, data.recording_id)], families, repeats, seed)


def test_only_the_family_that_is_listened_to_matters() -> None:
    data = informative()
    result = importance(Reads(0, 1, 2), data, FAMILIES, repeats=5, seed=1)
    by_name = {one.family: one for one in result}
    assert result[0].family == "pitch"
    assert by_name["pitch"].features == 3
    assert by_name["pitch"].uar_drop_mean == pytest.approx(0.75, abs=0.04)  # what is left is chance, a quarter
    assert 0 < by_name["pitch"].uar_drop_sd < 0.05
    assert by_name["idle"].uar_drop_mean == by_name["idle"].uar_drop_sd == 0
    assert by_name["spare"].uar_drop_mean == 0


def test_a_family_that_others_outvote_drops_nothing() -> None:
    data = informative()
    result = importance(Reads(0, 3, 6), data, FAMILIES, repeats=2, seed=1)
    assert {one.uar_drop_mean for one in result} == {0}


def test_a_familys_columns_move_together() -> None:
    """Three columns of one family always agree, so that the model never sees them in disagreement."""

    class Agreeing(Reads):
        def posteriors(self, X: Floats, speaker: Speakers) -> Floats:
            assert (X[:, 0] == X[:, 1]).all()
            assert (X[:, 1] == X[:, 2]).all()
            return super().posteriors(X, speaker)

    data = informative(40)
    importance(Agreeing(0, 1, 2), data, {"pitch": [0, 1, 2]}, repeats=3, seed=0)
    with pytest.raises(AssertionError):
        importance(Agreeing(0, 1, 2), data, {"part": [0]}, repeats=3, seed=0)


def test_the_data_stays_as_it_is_and_a_seed_gives_the_same() -> None:
    data = informative()
    before = data.X.copy()
    first, again, other = (importance(Reads(0, 1, 2), data, FAMILIES, repeats=2, seed=seed) for seed in (3, 3, 4))
    assert (before == data.X).all()
    assert first == again != other


def test_folds_are_measured_together() -> None:
    """A fold's own model is asked about its own rows: the one that listens to pitch loses, the other does not."""
    parts = [HeldOut(Reads(column), data := informative(400, column), data.recording_id) for column in (0, 6)]
    result = {one.family: one for one in pooled_importance(parts, FAMILIES, repeats=5, seed=0)}
    assert result["pitch"].uar_drop_mean == pytest.approx(0.375, abs=0.03)
    assert result["idle"].uar_drop_mean == pytest.approx(0.375, abs=0.03)
    assert result["spare"].uar_drop_mean == 0


def test_one_repeat_has_no_deviation() -> None:
    data = informative(40)
    (one,) = importance(Reads(0), data, {"pitch": [0]}, repeats=1, seed=0)
    assert one.uar_drop_sd == 0
    assert one.to_json()["features"] == 1


@pytest.mark.parametrize(("families", "repeats"), [({"far": [9]}, 1), ({"none": []}, 1), ({"pitch": [0]}, 0)])
def test_what_cannot_be_measured_is_refused(families: dict[str, list[int]], repeats: int) -> None:
    data = informative(8)
    with pytest.raises(ValueError, match="expected"):
        importance(Reads(0), data, families, repeats, seed=0)
