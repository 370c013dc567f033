from __future__ import annotations

import json
from pathlib import Path

import pytest

from ser_core.cli.main import main

TESS = ("--corpora", '[{"kind": "tess", "uri": "x"}]')


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["calls", "--calls-per-fold", "0"], "0 is not in the range x>=1"),
        (["calls", "--seed", "-1"], "-1 is not in the range x>=0"),
        (["calls", "--folds", "0,x"], "'0,x': expected numbers"),
        (["clips"], "did you mean calls?"),
        (["calls"], "corpus.uri is not set"),
        (["corpus"], "corpus.uri is not set"),
        (["corpus", "--folds", "0-2"], "'0-2': expected numbers"),
        (["corpus", "--conditions", "loud"], "there is no condition loud; known are unheard_speaker"),
        (["corpus", "--peer", "x"], "--peer 'x': expected NAME=FILE"),
        (["corpus", "--peer", "a:b=c"], "--peer 'a:b=c': expected NAME=FILE"),
        (["corpus", "--peer", "a=b", "--peer", "a=c"], "--peer a: there is one of that name already"),
        (["corpus", "--across", "vinyl=x"], "vinyl is no kind of corpus; there are ravdess"),
        (["corpus", "--calls-per-fold", "3"], "No such option"),
        (["transfer"], "corpora is not set, and this job needs it"),
        (["transfer", *TESS], "corpora lists tess alone, and there is no --test"),
        (["transfer", *TESS, "--test", "tess"], "--test 'tess': expected KIND=URI"),
        (["transfer", *TESS, "--test", "vinyl=x"], "vinyl is no kind of corpus; there are ravdess"),
        (["transfer", *TESS, "--test", "tess=y"], "there is a corpus called tess already"),
        (["transfer", *TESS, "--test", "manifest=a/u.csv", "--test", "manifest=b/u.csv"], "called u already"),
        (["transfer", *TESS, "--test", "manifest=a:b.csv"], "has a colon; rename it"),
        (["transfer", *TESS, "--test", "savee=y", "--peer", "tutorial=x"], "there is one of that name already"),
    ],
)
def test_wrong_arguments_are_refused_before_any_work(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SER_CORPUS__URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *words, "--json"]) == 2
    assert not list(tmp_path.rglob("*.jsonl"))
    printed = capsys.readouterr()
    assert expected in printed.err
    assert expected in json.loads(printed.out)["error"]
