from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.config.settings import Settings, SpeakerNormalisationSettings, TrainingSettings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.learning.training.labelled_features import LabelledFeatures

CLASSES = ("neutral", "happy", "sad", "angry")


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings(["--config", "paper"], environ={})


@pytest.fixture(scope="session")
def quick(settings: Settings) -> TrainingSettings:
    """One perceptron of all features, as recorded."""
    normalisation = {"strength_mean": 1.0, "strength_deviation": 0.5, "prior_segments": 10.0, "anchor": 0.0}
    normalisation["train_on"] = "speakers"
    changed = {
        "members": 1,
        "calibration_members": 0,
        "feature_share": 1.0,
        "copies": 0,
        "speaker_directions": 0,
        "balance_classes": True,
        "hidden_layers": (16,),
        "alpha": 0.01,
        "max_iter": 60,
        "batch_size": 64,
        "learning_rate": 0.01,
        "speaker_normalisation": SpeakerNormalisationSettings(**normalisation),
    }
    return settings.training.model_copy(update=changed)


@pytest.fixture(scope="session")
def voting(quick: TrainingSettings) -> TrainingSettings:
    """Everything an ensemble can have, in small."""
    changed = {
        "members": 3,
        "calibration_members": 1,
        "feature_share": 0.6,
        "copies": 2,
        "speaker_directions": 2,
        "max_iter": 20,
    }
    return quick.model_copy(update=changed)


@pytest.fixture(scope="session")
def planted() -> LabelledFeatures:
    """8 speakers, 4 emotions, 3 recordings of each, 2 segments a recording; the emotion stands in the features."""
    rng = np.random.default_rng(0)
    grid = [(s, e, r, k) for s in range(8) for e in range(4) for r in range(3) for k in range(2)]
    centres = rng.normal(0, 3, (4, 10))
    X = np.array([centres[e] for _, e, _, _ in grid]) + rng.normal(0, 1, (len(grid), 10))
    X[:, 3] = 7.0  # of no variance
    return LabelledFeatures(
        X.astype(np.float32),
        np.array([CLASSES[e] for _, e, _, _ in grid]),
        np.array([f"speaker-{s}" for s, _, _, _ in grid]),
        np.array([f"{s}-{e}-{r}" for s, e, r, _ in grid]),
        np.full(len(grid), 2.0),
        np.full(len(grid), AS_RECORDED),
        np.full(len(grid), "en"),
        np.full(len(grid), "planted"),
    )


@pytest.fixture(scope="session")
def copied(planted: LabelledFeatures) -> LabelledFeatures:
    """`planted` as recorded, and three altered copies of each row."""
    rng = np.random.default_rng(7)
    conditions = (AS_RECORDED, "varied-1", "varied-2", "line-1")
    X = [
        planted.X + rng.normal(0, 0.3, planted.X.shape).astype(np.float32) * (name != AS_RECORDED)
        for name in conditions
    ]
    many = {name: np.tile(column, len(conditions)) for name, column in _columns(planted).items() if name != "X"}
    condition = np.repeat(np.array(conditions), len(planted))
    return LabelledFeatures(**{**many, "X": np.concatenate(X), "condition": condition})


def _columns(data: LabelledFeatures) -> dict[str, np.ndarray]:
    return {field.name: getattr(data, field.name) for field in dataclasses.fields(data)}
