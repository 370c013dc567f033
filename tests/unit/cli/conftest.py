"""A trained model in a folder, and words that point a command at it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.learning.training.bundle import BundleContent, TrainingSummary, promote_first, write_bundle
from ser_core.learning.training.cross_validation import evaluate
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.model_fit import fit_model
from ser_core.sound.extraction import ExtractionPlan, extract
from tests.support.synth import EMOTIONS, SPEAKERS, wav

SMALL: Mapping[str, str] = {
    "--roles.mono": "customer",
    "--training.hidden-layers": "16",
    "--training.max-iter": "60",
    "--training.group-folds": "3",
    "--segments.mode": "window",
}


class Place(NamedTuple):
    """A folder with a model, and the settings that lead there as command-line words."""

    root: Path
    words: list[str]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("cli")
    pairs = {**SMALL, "--models.uri": f"{root}/models", "--tables.uri": f"{root}/tables"}
    words = [word for pair in pairs.items() for word in pair]
    settings = load_settings(words, environ={})
    plan = ExtractionPlan.of(settings)
    labelled = [(speaker, emotion) for speaker in SPEAKERS for emotion in EMOTIONS]
    vectors = []
    for number, (_, emotion) in enumerate(labelled):
        data = wav(emotion, seed=number)
        vectors.append(extract(io.BytesIO(data), len(data), plan).channels[0].vectors)
    assert all(len(found) == 1 for found in vectors)
    data = LabelledFeatures(
        X=np.concatenate(vectors),
        emotion=np.array([emotion for _, emotion in labelled]),
        speaker=np.array([speaker for speaker, _ in labelled]),
        recording_id=np.array([f"r{number}" for number in range(len(labelled))]),
        duration_s=np.ones(len(labelled)),
        condition=np.full(len(labelled), AS_RECORDED),
        language=np.full(len(labelled), "en"),
        corpus=np.full(len(labelled), "synthetic"),
    )
    summary = TrainingSummary(
        corpus="synthetic",
        licence="Made for a test.",
        languages=("en",),
        rows=len(data),
        recordings=len(data),
        speakers=len(SPEAKERS),
        duration_s=float(len(data)),
        rows_by_class=dict.fromkeys(EMOTIONS, len(SPEAKERS)),
        sampled=False,
        seed=0,
        parameters=settings.training.model_dump(mode="json"),
    )
    content = BundleContent(
        model=fit_model(data, EMOTIONS, settings.training),
        label_scheme="corpus",
        features=plan.feature_set,
        training=summary,
        evaluation=evaluate(data, EMOTIONS, settings.training, None),
    )
    models = open_storage(settings.models.uri, settings.storage)
    promote_first(models, write_bundle(models, settings.models.name, content))
    return Place(root, words)
