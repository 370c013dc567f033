"""Families of features, in which the model card sums up importances."""

from __future__ import annotations

from collections import Counter

import pytest

from ser_core.config import load_settings
from ser_core.sound.features import feature_set

SETTINGS = load_settings(["--config", "paper"], environ={})


@pytest.mark.parametrize("name", ["paper-180", "functionals-v1"])
def test_every_feature_is_in_one_family(name: str) -> None:
    features = feature_set(SETTINGS.features.model_copy(update={"set": name}), SETTINGS.segments)
    counts = Counter(member for members in features.families.values() for member in members)
    assert set(counts) == set(features.feature_names)
    assert set(counts.values()) == {1}


def test_the_papers_families() -> None:
    features = feature_set(SETTINGS.features.model_copy(update={"set": "paper-180"}), SETTINGS.segments)
    assert {family: len(members) for family, members in features.families.items()} == {
        "mfcc": 40,
        "chroma": 12,
        "mel": 128,
    }


def test_families_of_the_functionals() -> None:
    features = feature_set(SETTINGS.features.model_copy(update={"set": "functionals-v1"}), SETTINGS.segments)
    assert {"pitch", "energy", "voice_quality", "formants", "cepstrum"} <= set(features.families)
