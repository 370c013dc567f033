from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ser_core.cli.main import COMMANDS, main
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.tables.layout import check_layout
from ser_core.data.tables.store import TableStore
from tests.support.synth import stereo_wav, wav
from tests.unit.cli.conftest import Place


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What a command prints with --json: one object, and nothing else on stdout."""
    assert main([*words, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.fixture
def sad(tmp_path: Path) -> Path:
    path = tmp_path / "sad.wav"
    path.write_bytes(wav("sad", seed=99))
    return path


def test_usage_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)


def test_an_unknown_command_is_a_wrong_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sing"]) == 2
    assert "'sing'" in capsys.readouterr().err


def test_predict_recognises_a_planted_emotion(place: Place, sad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = answer(capsys, "predict", str(sad), *place.words)
    (prediction,) = facts["predictions"]
    assert facts["model_version"] == "emotions/1"
    assert prediction["emotion"] == "sad"
    assert prediction["segments"][0]["emotion"] == "sad"
    assert sum(prediction["posteriors"].values()) == pytest.approx(1, abs=1e-5)


def test_predict_shows_bars_for_a_person(place: Place, sad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", *place.words, str(sad)]) == 0
    printed = capsys.readouterr().out
    assert "━" in printed
    assert printed.index("sad") < printed.index("angry")


def test_predict_goes_on_past_a_bad_file(
    place: Place, sad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    facts = answer(capsys, "predict", str(tmp_path / "text.wav"), str(sad), str(tmp_path / "nowhere.wav"), *place.words)
    assert [row.get("reason") for row in facts["predictions"]] == ["not_audio", None, "missing"]


def test_predict_fails_where_no_file_can_be_used(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "/nowhere.wav", *place.words]) == 1
    assert "missing" in capsys.readouterr().err


def test_predict_scores_the_customer_only(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(stereo_wav("sad", "angry"))
    facts = answer(capsys, "predict", str(path), *place.words)
    assert [(row["channel"], row["role"], row["emotion"]) for row in facts["predictions"]] == [(0, "customer", "sad")]


def test_a_mono_recording_needs_a_role(place: Place, sad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(sad), *place.words, "--roles.mono", "mixed"]) == 1
    assert "--roles.mono customer" in capsys.readouterr().err


def test_other_features_than_the_models_are_refused(
    place: Place, sad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(sad), *place.words, "--features.sample-rate-hz", "16000"]) != 0
    printed = capsys.readouterr().err
    assert "sample_rate_hz: model 8000, settings 16000" in printed


def test_plot_writes_a_picture(place: Place, sad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pictures" / "sad.png"
    facts = answer(capsys, "plot", str(sad), "--out", str(out), *place.words)
    assert out.read_bytes().startswith(b"\x89PNG")
    assert facts["note"] is None


def test_plot_without_a_model_says_so(
    place: Place, sad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sad.png"
    facts = answer(capsys, "plot", str(sad), "--out", str(out), *place.words, "--models.name", "other")
    assert out.exists()
    assert "ser train" in facts["note"]


def test_plot_of_what_is_no_audio(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    assert main(["plot", str(tmp_path / "text.wav"), *place.words]) == 2
    assert "not_audio" in capsys.readouterr().err


def test_models_are_listed_and_promoted(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (model,) = answer(capsys, "model", "list", *place.words)["models"]
    assert (model["model_version"], model["current"]) == ("emotions/1", True)
    assert answer(capsys, "model", "promote", "emotions/1", *place.words) == {"promoted": "emotions/1"}
    assert main(["model", "promote", "emotions/9", *place.words]) == 1
    assert "emotions/9" in capsys.readouterr().err
    assert main(["model", "promote", *place.words]) != 0


def test_a_model_is_copied_to_another_place(
    place: Place, sad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there"
    facts = answer(capsys, "model", "copy", "current", str(there), *place.words)
    assert (facts["model_version"], facts["to"], facts["copied"]) == ("emotions/1", str(there), True)
    source = place.root / "models" / "emotions" / "1"
    copied = {path.name for path in source.iterdir()} - {"_allotted.json"}
    assert all((there / "emotions" / "1" / name).read_bytes() == (source / name).read_bytes() for name in copied)
    assert not (there / "emotions" / "current.json").exists()
    assert answer(capsys, "model", "copy", "emotions/1", str(there), *place.words)["copied"] is False
    answer(capsys, "model", "promote", "emotions/1", *place.words, "--models.uri", str(there))
    (prediction,) = answer(capsys, "predict", str(sad), *place.words, "--models.uri", str(there))["predictions"]
    assert prediction["emotion"] == "sad"


def test_a_copy_replaces_no_other_model(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, files in enumerate(({"manifest.json": "{}"}, {"_allotted.json": '{"by": "a training"}'})):
        there = tmp_path / str(number) / "emotions" / "1"
        there.mkdir(parents=True)
        for name, text in files.items():
            (there / name).write_text(text)
        assert main(["model", "copy", "emotions/1", str(tmp_path / str(number)), *place.words]) == 1
        assert "has another model emotions/1" in capsys.readouterr().err
        assert {path.name: path.read_text() for path in there.iterdir()} == files


def test_an_altered_model_is_not_copied(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(place.root / "models", tmp_path / "models")
    (tmp_path / "models" / "emotions" / "1" / "card.md").write_text("better than it is")
    words = [*place.words, "--models.uri", str(tmp_path / "models")]
    assert main(["model", "copy", "emotions/1", str(tmp_path / "there"), *words]) == 1
    assert "differs from the manifest" in capsys.readouterr().err
    assert not (tmp_path / "there").exists()


def test_a_copy_that_was_stopped_goes_on(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["model", "copy", "emotions/1", str(tmp_path / "there"), *place.words]
    put = FolderStorage.put

    def stopping(storage: FolderStorage, key: str, data: bytes) -> None:
        if key.endswith("manifest.json"):
            raise KeyboardInterrupt
        put(storage, key, data)

    with monkeypatch.context() as patch:
        patch.setattr(FolderStorage, "put", stopping)
        with pytest.raises(KeyboardInterrupt):
            main(words)
    assert not (tmp_path / "there" / "emotions" / "1" / "manifest.json").exists()
    assert main(words) == 0


def test_settings_are_shown_merged(capsys: pytest.CaptureFixture[str]) -> None:
    facts = answer(capsys, "settings", "--archive.uri", "s3://calls", "--log.json", "true")
    assert facts["archive"]["uri"] == "s3://calls"
    assert facts["log"]["json"] is True


@pytest.mark.parametrize(
    "words", [["predict"], ["query"], ["model", "burn"], ["query", "SELECT 1", "--bogus"], ["corpus", "fetch", "emodb"]]
)
def test_wrong_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "command line" in capsys.readouterr().err


def test_json_errors_are_json_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "SELECT 1", "--json", "--log.level", "loud"]) == 2
    assert "log.level" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize("words", [["predict", "{sad}"], ["query", "SELECT count(*) FROM runs"]])
def test_no_jvm_and_no_pyspark(place: Place, sad: Path, words: list[str]) -> None:
    words = [word.format(sad=sad) for word in words] + place.words
    check_layout(TableStore(FolderStorage(place.root / "tables")))
    code = (
        "import sys; from ser_core.cli.main import main\n"
        f"code = main({words!r})\n"
        "assert not {'pyspark', 'py4j'} & set(sys.modules), sorted(sys.modules)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
