"""`ser predict` and `ser plot` under other priors, and with a confidence to reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ser_core.cli.main import main
from tests.support.synth import EMOTIONS, wav
from tests.unit.cli.conftest import Place


@pytest.fixture
def sad(tmp_path: Path) -> Path:
    path = tmp_path / "sad.wav"
    path.write_bytes(wav("sad", seed=99))
    return path


def predicted(place: Place, file: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["predict", str(file), *place.words, *words, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_priors_change_the_prediction(place: Place, sad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = predicted(place, sad, capsys)
    never_sad = json.dumps({name: 1e-9 if name == "sad" else 1 for name in EMOTIONS})
    other = predicted(place, sad, capsys, "--scoring.priors", never_sad)
    assert plain["priors"] is None
    assert sum(other["priors"].values()) == pytest.approx(1)
    assert plain["predictions"][0]["emotion"] == "sad" != other["predictions"][0]["emotion"]
    before, after = (facts["predictions"][0]["posteriors"] for facts in (plain, other))
    (first, second) = [name for name in EMOTIONS if name != "sad"][:2]
    assert after[first] / after[second] == pytest.approx(before[first] / before[second], rel=1e-3)
    assert sum(after.values()) == pytest.approx(1, abs=1e-5)


def test_an_emotion_the_model_never_predicts_is_a_wrong_setting(
    place: Place, sad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(sad), *place.words, "--scoring.priors", '{"bored": 0.5}']) == 2
    assert "emotions/1 never predicts bored" in capsys.readouterr().err


def test_a_doubtful_recording_is_undecided(
    place: Place, sad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strict = ("--scoring.min-confidence", "1.0")
    plain, facts = predicted(place, sad, capsys), predicted(place, sad, capsys, *strict)
    (prediction,) = facts["predictions"]
    assert prediction["emotion"] is prediction["confidence"] is prediction["segments"][0]["emotion"] is None
    assert prediction["undecided_s"] == pytest.approx(prediction["duration_s"], abs=0.05)
    assert (prediction["posteriors"], prediction["valence"]) == (
        plain["predictions"][0]["posteriors"], plain["predictions"][0]["valence"]
    )  # fmt: skip
    assert main(["predict", str(sad), *place.words, *strict]) == 0
    printed = capsys.readouterr().out
    assert "undecided" in printed
    assert "━" in printed
    assert main(["plot", str(sad), "--out", str(tmp_path / "sad.png"), *place.words, *strict]) == 0
    assert (tmp_path / "sad.png").read_bytes().startswith(b"\x89PNG")
