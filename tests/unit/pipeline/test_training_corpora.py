"""The corpora of a training: whose terms allow it, and how many rows of each fit into memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from ser_core.config import load_settings
from ser_core.errors import SettingsError
from ser_core.pipeline.stages.training_corpora import TrainingCorpora, even_shares, summary_of, terms_of
from tests.support.synth import wav, write_files


def test_rows_are_shared_evenly() -> None:
    assert even_shares([100, 10, 50], 1000) == [100, 10, 50]
    assert even_shares([100, 10, 50], 90) == [40, 10, 40]
    assert sum(even_shares([7, 7, 7], 10)) == 10


def test_the_terms_are_those_that_all_allow() -> None:
    free = {"name": "a", "licence": "Free.", "commercial_use": True}
    bound = {"name": "b", "licence": "Bound.", "commercial_use": False}
    assert summary_of([free])["commercial_use"] is True
    both = summary_of([free, bound])
    assert (both["corpus"], both["licence"], both["commercial_use"]) == ("a, b", "Free. Bound.", False)
    assert terms_of([free, bound]) == "a (commercial use), b (no commercial use)"


def test_a_licence_that_forbids_commercial_use_is_refused_before_any_work(tmp_path: Path) -> None:
    write_files(tmp_path / "jl", {"male1_sad_1a_1.wav": wav("sad")})
    write_files(tmp_path / "nemo", {"EB0_anger_45.wav": wav("angry")})
    listed = "corpora:\n  - {kind: jl-corpus, uri: jl}\n  - {kind: nemo, uri: nemo}\n"
    (tmp_path / "two.yaml").write_text(listed)
    argv = ["--config", str(tmp_path / "two.yaml"), "--corpus.tables-uri", str(tmp_path / "tables")]
    any_use = TrainingCorpora(load_settings(argv, environ={}), ())
    assert any_use.weights == {"jl-corpus": 1.0, "nemo": 1.0}
    commercial = load_settings([*argv, "--training.licence", "commercial"], environ={})
    with pytest.raises(
        SettingsError, match="the corpus nemo must not be used so: nEMO is licensed CC BY-NC-SA"
    ) as caught:
        TrainingCorpora(commercial, ())
    assert "jl-corpus" not in str(caught.value)
