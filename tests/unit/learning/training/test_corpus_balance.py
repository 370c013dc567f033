from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from ser_core.errors import TrainingError
from ser_core.learning.training.corpus_balance import class_means, corpus_shares, row_weights
from ser_core.learning.training.learnability import LEAST, learnability


def test_one_corpus_has_balanced_weights() -> None:
    y = np.repeat([0, 1, 4], [10, 70, 20])
    weight = row_weights(np.full(100, "one"), y, {"one": 1.0}, balance_classes=True)
    np.testing.assert_array_equal(weight, compute_sample_weight("balanced", y))


def test_corpora_have_their_shares_and_classes_within_them_are_alike() -> None:
    corpus, y = (
        np.repeat(["a", "b"], [300, 50]),
        np.concatenate([np.repeat([0, 1, 2], 100), np.repeat([1, 2], [10, 40])]),
    )
    shares = corpus_shares(corpus, {"b": 3.0})
    assert shares == {"a": 0.25, "b": 0.75}
    weight = row_weights(corpus, y, shares, balance_classes=True)
    assert weight.mean() == pytest.approx(1.0)
    assert weight[corpus == "b"].sum() == pytest.approx(0.75 * 350)
    assert weight[(corpus == "b") & (y == 1)].sum() == pytest.approx(weight[(corpus == "b") & (y == 2)].sum())
    unbalanced = row_weights(corpus, y, shares, balance_classes=False)
    assert len(np.unique(unbalanced[corpus == "b"])) == 1
    with pytest.raises(TrainingError, match="a is not above 0"):
        corpus_shares(corpus, {"a": 0.0})


def test_class_means_are_of_corpora_not_of_rows() -> None:
    Z = np.array([[1.0], [1.0], [1.0], [3.0]], np.float32)
    means = class_means(Z, np.array(list("aaab")), np.array([1, 1, 1, 1]), 3, {"a": 0.5, "b": 0.5})
    assert means.tolist() == [[0.0], [2.0], [0.0]]


def test_a_corpus_teaches_as_much_as_its_own_speakers_learn() -> None:
    rng = np.random.default_rng(0)
    y, speaker = np.tile(np.arange(4), 100), np.repeat(np.arange(20), 20).astype(str)
    noise = rng.normal(0, 1, (400, 8)).astype(np.float32)
    clear = noise + 3 * np.eye(4, 8, dtype=np.float32)[y]
    assert learnability(noise, y, speaker) < 0.15
    assert learnability(noise, y, speaker) >= LEAST
    assert learnability(clear, y, speaker) > 0.9
    assert learnability(clear, y, np.full(400, "one speaker")) == 1.0
