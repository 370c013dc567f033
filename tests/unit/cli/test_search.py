from __future__ import annotations

import pytest

from ser_core.cli.main import main
from ser_core.cli.search import header
from ser_core.learning.training.hyperparameter_search import SearchResult, Trial
from ser_core.pipeline.benchmarks.fold_search import FoldSearch, Plan

CORPUS = ("--corpus.uri", "/nowhere")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["corpus"], "corpus.uri is not set"),
        (["corpus", "--trials", "0", *CORPUS], "'--trials': 0 is not in the range x>=1"),
        (["corpus", "--members", "0", *CORPUS], "'--members': 0 is not"),
        (["corpus", "--folds", "1-2", *CORPUS], "'1-2': expected numbers"),
        (["corpus", "--conditions", "random_split_4", *CORPUS], "random_split_4: there are unheard_speaker"),
        (["calls", *CORPUS], "expected corpus"),
    ],
)
def test_wrong_arguments_are_reported_before_any_work(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", *words]) == 2
    assert why in capsys.readouterr().err


def test_the_header_has_the_search_and_its_outcome() -> None:
    def head(gain: float) -> str:
        result = SearchResult((Trial({}, 0.6), Trial({"alpha": 1.0}, 0.6 + gain)), gain, 0.01)
        fold = FoldSearch("ravdess", "telephone", 2, "functionals@8k", ("a", "b"), ("c",), result)
        return "\n".join(header(fold, Plan(2, 3, 7)))

    for gain in (0.005, 0.02):
        assert "the 2 training speakers" in head(gain)
        assert "Features: functionals@8k" in head(gain)
        assert "2 trials of 3 perceptrons, seed 7" in head(gain)
    assert "No trial beats the recipe by more than two standard errors (best +0.5 points, error 1.0)" in head(0.005)
    assert "recipe 0.6000, best trial 0.6200" in head(0.02)
    assert "Better than the recipe by 2.1 points, standard error 1.0." in head(0.021)
