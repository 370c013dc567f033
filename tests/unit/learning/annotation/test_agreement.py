from __future__ import annotations

import pytest

from ser_core.learning.annotation.agreement import agreement_of, majority, nominal_alpha, pairwise_agreement

# Krippendorff 2011, section C: four observers, twelve units, "." is no answer; alpha 0.743 for nominal data.
OBSERVERS = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")


def published() -> list[list[str]]:
    columns = zip(*(line.split() for line in OBSERVERS), strict=True)
    return [[value for value in column if value != "."] for column in columns]


def test_alpha_is_the_published_one() -> None:
    assert nominal_alpha(published()) == pytest.approx(0.743, abs=0.0005)


def test_alpha_of_two_who_agree_and_of_two_who_never_do() -> None:
    assert nominal_alpha([["sad", "sad"], ["happy", "happy"]]) == pytest.approx(1.0)
    # o = 4 differing pairs, e = 2 * 2 * 2 = 8 of n (n - 1) = 12: 1 - 3 * 4 / 8
    assert nominal_alpha([["sad", "happy"], ["happy", "sad"]]) == pytest.approx(-0.5)


@pytest.mark.parametrize("units", [[], [["sad"], ["happy"]], [["sad", "sad"], ["sad", "sad"]]])
def test_nothing_to_agree_about(units: list[list[str]]) -> None:
    assert nominal_alpha(units) is None


def test_pairs() -> None:
    assert pairwise_agreement([["a", "a", "b"], ["a", "a"], ["c"]]) == pytest.approx((1 / 3 + 1) / 2)
    assert pairwise_agreement([["a"]]) is None


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(["a"], "a"), (["a", "b", "a"], "a"), (["a", "b"], None), (["a", "b", "c", "b", "a"], None), ([], None)],
)
def test_majority(labels: list[str], expected: str | None) -> None:
    assert majority(labels) == expected


def test_agreement_of_rows() -> None:
    place = {"recording_id": "r1", "channel": 0, "start_s": 1.0, "end_s": 2.0}
    rows = [
        {**place, "annotator": "ben", "emotion": "sad"},
        {**place, "annotator": "anna", "emotion": "sad"},
        {**place, "start_s": 3.0, "annotator": "anna", "emotion": "happy"},
    ]
    result = agreement_of(rows)
    assert result["annotators"] == {"anna": {"sad": 1, "happy": 1}, "ben": {"sad": 1}}
    assert (result["shared_segments"], result["pairwise_agreement"], result["krippendorff_alpha"]) == (1, 1.0, None)
