from __future__ import annotations

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.config.settings import Settings, TrainingSettings
from ser_core.training.data import LabelledFeatures

CLASSES = ("neutral", "happy", "sad", "angry")


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings(environ={})


@pytest.fixture(scope="session")
def quick(settings: Settings) -> TrainingSettings:
    changed = {"hidden_layers": (16,), "max_iter": 60, "batch_size": 64, "learning_rate": 0.01}
    return settings.training.model_copy(update=changed)


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
    )
