from __future__ import annotations

import json

import pytest

from ser_core.cli.evaluate import main


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["calls", "--calls-per-fold", "0"], "--calls-per-fold 0: expected 1 or more"),
        (["calls", "--seed", "-1"], "--seed -1: expected 0 or more"),
        (["calls", "--folds", "0,x"], "--folds '0,x': expected numbers"),
        (["clips"], "invalid choice"),
        (["calls"], "corpus.uri is not set"),
    ],
)
def test_wrong_words_are_told_before_any_work(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SER_CORPUS__URI", raising=False)
    assert main([*words, "--json"]) == 2
    printed = capsys.readouterr()
    assert expected in printed.err
    assert expected in json.loads(printed.out)["error"]
