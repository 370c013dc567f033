"""`ser model compare` on small tables whose answers are planted."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ser_core.cli.main import main
from ser_core.config import load_settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import LABELS, SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore, bucket_key, log_key, rows

MONDAY = dt.date(2026, 3, 2)
A, B = "emotions/1", "emotions/2"
CORPUS = ("neutral", "sad", "angry")
Segments = Sequence[tuple[float, float, str | None]]


class Planted:
    """Models and tables below a folder."""

    def __init__(self, root: Path) -> None:
        self.words = ["--models.uri", f"{root}/models", "--tables.uri", f"{root}/tables"]
        storage = load_settings(environ={}).storage
        self.models = open_storage(f"{root}/models", storage)
        self.store = TableStore(open_storage(f"{root}/tables", storage))
        self.labels = 0
        self.model(A)
        self.model(B)

    def model(
        self, version: str, scheme: str = "corpus", classes: Sequence[str] = CORPUS, features: str = "f:1"
    ) -> None:
        """What of a bundle a comparison reads; the format is none that a model is loaded from."""
        labels = {"name": scheme, "classes": list(classes)}
        manifest = {"format": 0, "label_scheme": labels, "feature_set": {"id": features}}
        self.models.put(f"{version}/manifest.json", json.dumps(manifest).encode())

    def score(self, version: str, calls: dict[str, Segments], date: dt.date = MONDAY) -> None:
        """Segments (start_s, end_s, emotion) by call; each call is one recording of one channel."""
        shared = {"model_version": version, "call_date": date, "role": "customer", "channel": 0}
        scored = [
            {**shared, "recording_id": f"r-{call}", "call_id": call, "segment_no": number, "start_s": start,
             "end_s": end, "emotion": emotion}
            for call, segments in calls.items() for number, (start, end, emotion) in enumerate(segments)
        ]  # fmt: skip
        key = bucket_key(SEGMENT_EMOTIONS, {"model_version": version, "call_date": date}, 0)
        self.store.write(key, rows(SEGMENT_EMOTIONS.schema, scored))

    def label(self, call: str, start: float, end: float | None, emotion: str, annotator: str = "anna") -> None:
        row = {"recording_id": f"r-{call}", "channel": 0, "start_s": start, "end_s": end, "emotion": emotion}
        self.labels += 1
        key = log_key(LABELS, f"run{self.labels}", 0)
        self.store.write(key, rows(LABELS.schema, [{**row, "annotator": annotator}]))


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path)


def compare(planted: Planted, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["model", "compare", A, B, *words, *planted.words, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def refused(planted: Planted, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["model", "compare", *words, *planted.words])
    return code, capsys.readouterr().err


SIX = [(0.0, 2.0, "sad"), (3.0, 5.0, "neutral"), (6.0, 12.0, "angry")]


def test_segments_that_are_the_same_are_compared_one_to_one(
    planted: Planted, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.score(A, {"c": SIX})
    planted.score(B, {"c": [(0.0, 2.0, "sad"), (3.0, 5.0, "sad"), (6.0, 12.0, "angry")]})
    facts = compare(planted, capsys)
    assert (facts["a"], facts["b"], facts["dates"]) == (A, B, ["2026-03-02"])
    assert (facts["channels"], facts["speech_s"]) == ({"both": 1, "a": 0, "b": 0}, 10)
    assert facts["agreement"]["share"] == 0.8
    assert facts["agreement"]["kappa"] == pytest.approx((0.8 - (0.2 * 0.4 + 0.6 * 0.6)) / (1 - 0.44))
    assert facts["confusion_s"]["neutral"] == {"neutral": 0, "sad": 2, "angry": 0, "undecided": 0}
    assert facts["shift"]["classes"]["sad"] == pytest.approx({"a": 0.2, "b": 0.4, "difference": 0.2})
    assert facts["shift"]["psi"] > 0.25
    assert (facts["not_scored"], facts["notes"], facts["labels"]) == ({A: [], B: []}, [], None)


def test_segments_cut_elsewhere_are_compared_where_they_overlap(
    planted: Planted, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.score(A, {"c": [(0.0, 4.0, "sad"), (4.0, 6.0, "angry")]})
    planted.score(B, {"c": [(1.0, 3.0, "sad"), (3.0, 7.0, "neutral")]})
    facts = compare(planted, capsys)
    seconds = {(a, b): s for a, row in facts["confusion_s"].items() for b, s in row.items() if s}
    assert seconds == {("sad", "sad"): 2, ("sad", "neutral"): 1, ("angry", "neutral"): 2}
    assert facts["shift"]["classes"]["neutral"]["b"] == pytest.approx(4 / 6)  # of a model's own segments


def test_what_one_of_them_left_undecided(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    planted.score(A, {"c": SIX})
    planted.score(B, {"c": [(0.0, 2.0, "sad"), (3.0, 5.0, None), (6.0, 12.0, "sad")]})
    facts = compare(planted, capsys)
    assert facts["undecided"] == {"a": 0, "b": 0.2}
    assert (facts["agreement"]["decided_s"], facts["agreement"]["share"]) == (8, 0.25)
    assert facts["confusion_s"]["neutral"]["undecided"] == 2
    assert facts["shift"]["classes"]["sad"] == pytest.approx({"a": 0.2, "b": 1, "difference": 0.8})


def test_only_channels_that_both_scored_count(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    planted.score(A, {"c": SIX, "late": [(0.0, 100.0, "angry")]})
    planted.score(B, {"c": SIX})
    facts = compare(planted, capsys)
    assert facts["channels"] == {"both": 1, "a": 1, "b": 0}
    assert facts["agreement"]["kappa"] == 1
    assert facts["shift"]["psi"] == 0


def test_recent_dates_or_those_that_are_named(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    days = [MONDAY + dt.timedelta(days=n) for n in (0, 5, 8)]
    for day in days:
        planted.score(A, {str(day): SIX}, day)
        planted.score(B, {str(day): SIX}, day)
    assert compare(planted, capsys)["dates"] == ["2026-03-07", "2026-03-10"]
    assert compare(planted, capsys, "--from", "2026-03-01")["dates"] == [str(day) for day in days]
    assert compare(planted, capsys, "--from=2026-03-02", "--to=2026-03-07")["dates"] == [str(day) for day in days[:2]]


def test_a_date_that_one_has_not_scored_is_named_with_what_scores_it(
    planted: Planted, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.score(A, {"c": SIX})
    planted.score(A, {"d": SIX}, dt.date(2026, 3, 3))
    code, printed = refused(planted, capsys, A, B)
    assert code == 1
    assert "emotions/2 has not scored 2026-03-02, 2026-03-03" in printed
    assert "`ser score --scoring.model emotions/2 --call-date 2026-03-02`" in printed
    planted.score(B, {"c": SIX})
    facts = compare(planted, capsys)
    assert facts["not_scored"] == {A: [], B: ["2026-03-03"]}
    assert "--scoring.model emotions/2 --call-date 2026-03-03" in facts["notes"][0]
    assert "ser extract" not in facts["notes"][0]
    planted.model(B, features="g:2")
    assert "ser extract" in compare(planted, capsys)["notes"][0]


def test_nothing_is_scored_at_all(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = refused(planted, capsys, A, B)
    assert code == 1
    assert "`ser score --scoring.model emotions/2`" in printed


def test_a_date_scored_without_a_call_is_scored(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    planted.score(A, {"c": SIX})
    planted.score(B, {})
    code, printed = refused(planted, capsys, A, B)
    assert code == 1
    assert "no channel in common" in printed


def test_labels_tell_which_is_right(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    sad, angry = [(0.0, 4.0, "sad")], [(0.0, 4.0, "angry")]
    planted.score(A, {"c": sad, "d": sad, "e": sad}, dt.date(2026, 1, 1))
    planted.score(B, {"c": sad, "d": angry, "e": [(0.0, 4.0, None)]}, dt.date(2026, 1, 1))
    planted.score(A, {"new": sad})
    planted.score(B, {"new": sad})
    planted.label("c", 0, 4, "sad")
    planted.label("d", 1, 4, "angry")
    planted.label("e", 0, None, "sad")
    facts = compare(planted, capsys, "--labels")
    assert facts["dates"] == ["2026-01-01", "2026-03-02"]  # labels are looked for in all there is
    recall, uar = facts["labels"]["recall"], facts["labels"]["uar"]
    assert (recall["sad"]["a"], recall["sad"]["b"], recall["sad"]["speech_s"]) == (1, 0.5, 8)
    assert (recall["angry"]["a"], recall["angry"]["b"], recall["angry"]["speech_s"]) == (0, 1, 3)
    assert (uar["a"], uar["b"], facts["labels"]["calls"]) == (0.5, 0.75, 3)
    assert uar["ci95"][0] < uar["difference"] < uar["ci95"][1]


def test_several_annotators_decide_by_majority(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    planted.score(A, {"c": SIX})
    planted.score(B, {"c": SIX})
    for annotator, emotion in (("anna", "sad"), ("bert", "sad"), ("carla", "angry")):
        planted.label("c", 0, 2, emotion, annotator)
    planted.label("c", 6, 12, "angry", "anna")
    planted.label("c", 6, 12, "sad", "bert")  # no majority: no truth
    facts = compare(planted, capsys, "--labels")["labels"]
    assert list(facts["recall"]) == ["sad"]
    assert (facts["uar"]["speech_s"], facts["uar"]["a"], facts["uar"]["ci95"]) == (2, 1, None)


def test_labels_are_read_by_each_models_scheme(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    planted.model(A, classes=("sad", "surprised"))
    planted.model(B, "contact-centre-4", ("neutral", "happy", "angry", "distressed"))
    planted.score(A, {"c": [(0.0, 4.0, "sad"), (5.0, 6.0, "surprised")]})
    planted.score(B, {"c": [(0.0, 4.0, "distressed"), (5.0, 6.0, "happy")]})
    planted.label("c", 0, 4, "sad")
    planted.label("c", 5, 6, "surprised")  # the second scheme leaves it out
    facts = compare(planted, capsys, "--labels")
    assert (facts["labels"]["uar"]["a"], facts["labels"]["uar"]["b"], facts["labels"]["left_out_s"]) == (1, 1, 1)
    assert facts["agreement"]["share"] == 0
    assert "emotions/2 has contact-centre-4" in facts["notes"][0]


def test_no_labels_is_said(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    planted.score(A, {"c": SIX})
    planted.score(B, {"c": SIX})
    facts = compare(planted, capsys, "--labels")
    assert facts["labels"] is None
    assert "ser label sample" in facts["notes"][0]


def test_a_person_sees_tables(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    planted.score(A, {"c": SIX, "d": SIX})
    planted.score(B, {"c": SIX, "d": [(0.0, 2.0, None)]})
    planted.label("c", 0, 2, "sad")
    planted.label("d", 0, 2, "sad")
    assert main(["model", "compare", A, B, "--labels", *planted.words]) == 0
    printed = capsys.readouterr().out
    for text in ("A is emotions/1, B is emotions/2", "Cohen's kappa 1.00", "Share of decided", "undecided", "-50.0%"):
        assert text in printed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((A,), "'MODEL_B'"),
        ((A, A), "compared with itself"),
        ((A, B, "--from", "yesterday"), "no date"),
        ((A, B, "--from", "2026-03-02", "--to", "2026-03-01"), "is after"),
    ],
)
def test_wrong_arguments(
    planted: Planted, words: Sequence[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = refused(planted, capsys, *words)
    assert code == 2
    assert expected in printed


def test_a_model_that_is_not_there(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = refused(planted, capsys, A, "emotions/9")
    assert code == 1
    assert "There is no model emotions/9" in printed


def test_options_of_a_comparison_are_of_no_other_action(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "promote", B, "--labels", *planted.words]) == 2
    assert "No such option" in capsys.readouterr().err


def test_the_promoted_model_goes_by_current(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    planted.score(A, {"c": SIX})
    planted.score(B, {"c": SIX})
    assert main(["model", "promote", A, *planted.words]) == 0
    capsys.readouterr()
    assert main(["model", "compare", "current", B, *planted.words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["a"] == A
