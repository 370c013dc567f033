from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ser_core.config import Settings, load_settings
from ser_core.errors import CorpusError, SettingsError
from ser_core.learning.corpora import open_corpus


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(environ={})


def test_a_zip_is_unpacked_once(tmp_path: Path, settings: Settings) -> None:
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr("Actor_01/03-01-05-01-01-01-01.wav", b"RIFF")
    named = settings.corpus.model_copy(update={"uri": str(tmp_path / "r.zip")})
    first = open_corpus(named, settings.storage, tmp_path / "cache")
    assert (Path(first.root) / "Actor_01" / "03-01-05-01-01-01-01.wav").read_bytes() == b"RIFF"
    assert open_corpus(named, settings.storage, tmp_path / "cache").root == first.root
    assert first.reader.name == "ravdess"


def test_a_manifest_is_in_the_root(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "calls.csv").write_text(f"uri,speaker,emotion\n{tmp_path}/a.wav,anna,sad\n")
    named = settings.corpus.model_copy(update={"kind": "manifest", "uri": str(tmp_path / "calls.csv")})
    corpus = open_corpus(named, settings.storage, tmp_path)
    assert corpus.root == str(tmp_path)
    assert [stretch.key for stretch in corpus.reader.read(["a.wav"]).stretches] == ["a.wav"]
    assert (corpus.reader.name, corpus.reader.folds) == ("calls", None)


def test_a_folder_is_its_own_root(tmp_path: Path, settings: Settings) -> None:
    named = settings.corpus.model_copy(update={"uri": str(tmp_path)})
    assert open_corpus(named, settings.storage, tmp_path).root == str(tmp_path)


@pytest.mark.parametrize(("kind", "name"), [("ravdess", "none.zip"), ("manifest", "none.csv")])
def test_a_missing_file(kind: str, name: str, tmp_path: Path, settings: Settings) -> None:
    named = settings.corpus.model_copy(update={"kind": kind, "uri": str(tmp_path / name)})
    with pytest.raises(CorpusError, match="There is no"):
        open_corpus(named, settings.storage, tmp_path)


def test_no_uri(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"corpus\.uri is not set"):
        open_corpus(settings.corpus, settings.storage, tmp_path)
