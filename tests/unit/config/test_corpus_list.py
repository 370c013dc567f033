"""One corpus or a list of several: which sources may set what, and the settings of each."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ser_core.config import load_settings
from ser_core.config.corpus_list import each_corpus, one_corpus
from ser_core.errors import SettingsError

LIST = """corpora:
  - {kind: ravdess, uri: ravdess}
  - {kind: manifest, name: nemo, uri: ../nemo/labels.csv, language: pl, weight: 0.5}
  - {kind: manifest, name: far, uri: "s3://bucket/far.csv"}
corpus: {tables_uri: tables}
"""


def written(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def faults(*argv: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(argv, environ={})
    return "\n".join(caught.value.faults)


def test_without_a_list_there_is_the_one_corpus() -> None:
    settings = load_settings(["--corpus.uri", "x"], environ={})
    assert settings.corpora == ()
    assert [(own.corpus.uri, weight) for own, weight in each_corpus(settings)] == [("x", 1.0)]


def test_a_relative_uri_counts_from_the_file_that_has_it(tmp_path: Path) -> None:
    settings = load_settings(["--config", written(tmp_path / "conf" / "three.yaml", LIST)], environ={})
    found = {own.corpus.name: (own, weight) for own, weight in each_corpus(settings)}
    assert {name: own.corpus.uri for name, (own, _) in found.items()} == {
        "ravdess": str(tmp_path / "conf" / "ravdess"),
        "nemo": str(tmp_path / "nemo" / "labels.csv"),
        "far": "s3://bucket/far.csv",
    }
    nemo, weight = found["nemo"]
    assert (nemo.corpus.tables_uri, nemo.corpus.language, nemo.corpora, weight) == ("tables/nemo", "pl", (), 0.5)
    assert found["far"][0].corpus.language == "en"


def test_the_tests_folder_of_corpora_is_no_list(tmp_path: Path) -> None:
    for name in ("SER_CORPORA", "ser_corpora"):
        assert load_settings(environ={name: "/corpora"}).corpora == ()
        three = ["--config", written(tmp_path / "three.yaml", LIST)]
        assert len(load_settings(three, environ={name: "/corpora"}).corpora) == 3


@pytest.mark.parametrize("key", ["kind: tess", "uri: x", "name: x", "language: pl"])
def test_one_source_sets_one_or_several(tmp_path: Path, key: str) -> None:
    both = written(tmp_path / "both.yaml", LIST.replace("tables_uri: tables", f"tables_uri: tables, {key}"))
    assert f"{both}:1: corpora and corpus.{key.partition(':')[0]} are both set" in faults("--config", both)


def test_all_settings_written_out_are_the_same_settings(tmp_path: Path) -> None:
    settings = load_settings(["--config", written(tmp_path / "three.yaml", LIST)], environ={})
    whole = yaml.safe_dump(settings.model_dump(mode="json", by_alias=True))
    assert load_settings(["--config", written(tmp_path / "whole.yaml", whole)], environ={}) == settings


def test_a_later_source_wins(tmp_path: Path) -> None:
    three = ["--config", written(tmp_path / "three.yaml", LIST)]
    settings = load_settings([*three, "--corpus.uri", "mine"], environ={})
    assert [own.corpus.uri for own, _ in each_corpus(settings)] == ["mine"]
    assert len(load_settings([*three, "--corpus.language", "pl"], environ={}).corpora) == 3
    assert len(load_settings(["--config", "ravdess", *three], environ={"SER_CORPUS__TABLES_URI": "t"}).corpora) == 3
    own = ["--corpora", '[{"kind": "tess", "uri": "rel"}]']
    settings = load_settings([*three, *own], environ={"SER_CORPUS__URI": "x"})
    assert [(one.called, one.uri) for one in settings.corpora] == [("tess", "rel")]


def test_faults_have_their_place(tmp_path: Path) -> None:
    path = written(
        tmp_path / "bad.yaml",
        "corpora:\n  - {kind: manifest, uri: a}\n  - {kind: vinyl, uri: a}\n  - {kind: tess, uri: a, size: 1}\n"
        "  - {kind: tess, uri: a, weight: 0}\n  - {kind: tess, uri: a, name: 'a:b'}\n",
    )
    result = faults("--config", path)
    assert f"{path}:2: corpora.0: a manifest in a list has no name" in result
    assert f"{path}:3: corpora.1.kind" in result
    assert f"{path}:4: corpora.2.size: there is no such setting" in result
    assert f"{path}:5: corpora.3.weight" in result
    assert f"{path}:6: corpora.4.name" in result
    twice = written(tmp_path / "twice.yaml", "corpora:\n  - {kind: tess, uri: a}\n  - {kind: tess, uri: b}\n")
    assert f"{twice}:1: corpora: two are called tess" in faults("--config", twice)


def test_a_command_of_one_corpus_names_those_of_the_list(tmp_path: Path) -> None:
    three = load_settings(["--config", written(tmp_path / "three.yaml", LIST)], environ={})
    with pytest.raises(SettingsError, match="corpora lists ravdess, nemo, far, and this command takes one corpus"):
        one_corpus(three)
    alone = load_settings(["--corpora", '[{"kind": "tess", "uri": "rel"}]'], environ={})
    assert one_corpus(alone).corpus.kind == "tess"


def test_a_job_of_corpora_takes_either() -> None:
    with pytest.raises(SettingsError, match=r"corpus\.uri or corpora is not set"):
        load_settings([], environ={}, required=("corpus.uri|corpora",))
    for given in (["--corpus.uri", "x"], ["--corpora", '[{"kind": "tess", "uri": "rel"}]']):
        load_settings(given, environ={}, required=("corpus.uri|corpora",))
