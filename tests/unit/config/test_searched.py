from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ser_core.config import conf_folder, load_settings
from ser_core.config.searched import search_folder, search_path, searched, with_overrides, write_searched
from ser_core.config.training_settings import TrainingSettings
from ser_core.errors import SettingsError

FOUND = {"alpha": 0.7, "hidden_layers": [64], "speaker_normalisation": {"prior_segments": 2.5}}


@pytest.fixture
def training() -> TrainingSettings:
    return load_settings(environ={}).training


def write(folder: Path) -> Path:
    path = search_path("ravdess", "telephone", 3, folder)
    write_searched(path, ["actor-01", "actor-04"], FOUND, ["Found on a planted corpus.", "3 trials, größer."])
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert path == tmp_path / "ravdess" / "telephone" / "fold-3.yaml"
    assert path.read_text(encoding="utf-8").startswith("# Found on a planted corpus.\n# 3 trials, größer.\n")
    assert searched("ravdess", "telephone", 3, folder=tmp_path) == FOUND


@pytest.mark.parametrize(
    "key", [("emodb", "telephone", 3), ("ravdess", "unheard_speaker", 3), ("ravdess", "telephone", 2)]
)
def test_without_a_search_nothing_is_changed(key: tuple[str, str, int], tmp_path: Path) -> None:
    write(tmp_path)
    assert searched(*key, folder=tmp_path) == {}


def test_what_was_found_with_a_test_speaker_heard_does_not_count(tmp_path: Path) -> None:
    write(tmp_path)
    assert searched("ravdess", "telephone", 3, {"actor-04", "actor-01"}, tmp_path) == FOUND
    assert searched("ravdess", "telephone", 3, {"actor-01", "actor-05"}, tmp_path) == {}


@pytest.mark.parametrize("text", ["alpha: 1\n", "- 1\n", "test_speakers: [a]\ntraining: 3\n", "a: [\n", ""])
def test_a_file_of_something_else_is_a_fault(text: str, tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"fold-3\.yaml"):
        searched("ravdess", "telephone", 3, folder=tmp_path)


def test_a_folder_that_cannot_be_written_to_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "ravdess").write_text("a file where a folder should be")
    with pytest.raises(SettingsError, match="--out"):
        write(tmp_path)


def test_overrides_change_what_they_name_and_nothing_else(training: TrainingSettings) -> None:
    changed = with_overrides(training, FOUND)
    assert changed.alpha == 0.7
    assert changed.hidden_layers == (64,)
    assert changed.speaker_normalisation.prior_segments == 2.5
    back = {"alpha": training.alpha, "hidden_layers": training.hidden_layers}
    own = {"speaker_normalisation": training.speaker_normalisation.model_dump()}
    assert with_overrides(changed, {**back, **own}) == training


@pytest.mark.parametrize("wrong", [{"alpha": -1}, {"beta": 1}, {"speaker_normalisation": {"strength_mean": 2}}])
def test_a_wrong_override_is_a_fault(wrong: dict[str, object], training: TrainingSettings) -> None:
    with pytest.raises(SettingsError, match=r"training\."):
        with_overrides(training, wrong)


def test_every_shipped_file_is_read_and_fits(training: TrainingSettings) -> None:
    assert search_folder().parent == conf_folder()
    for path in search_folder().rglob("*.yaml"):
        corpus, condition, name = path.relative_to(search_folder()).parts
        fold = int(name.removeprefix("fold-").removesuffix(".yaml"))
        tested = yaml.safe_load(path.read_text(encoding="utf-8"))["test_speakers"]
        assert search_path(corpus, condition, fold) == path
        with_overrides(training, searched(corpus, condition, fold, tested))
