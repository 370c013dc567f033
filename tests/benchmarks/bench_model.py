"""A model of the full size for benchmarks of scoring: the shipped ensemble, trained on a few clips of each speaker."""

from __future__ import annotations

from collections import Counter

import numpy as np
import soundfile as sf
import soxr

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.learning.corpora.ravdess import RavdessReader
from ser_core.learning.training.bundle import BundleContent, TrainingSummary, promote_first, write_bundle
from ser_core.learning.training.cross_validation import evaluate
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.model_fit import fit_model
from ser_core.sound.features import feature_set
from tests.benchmarks.material import corpus

_EVERY = 7


def write_model(settings: Settings) -> None:
    """Writes and promotes a model trained on every seventh clip, for timing; its predictions are poor."""
    features = feature_set(settings.features, settings.segments)
    data = _data(settings.features.sample_rate_hz, features)
    classes = tuple(sorted(set(data.emotion.tolist())))
    quick = settings.training.model_copy(update={"members": 1, "calibration_members": 0, "max_iter": 2})
    summary = TrainingSummary(
        corpus="ravdess",
        licence=RavdessReader().licence,
        languages=("en",),
        rows=len(data),
        recordings=len(data),
        speakers=len(set(data.speaker.tolist())),
        duration_s=float(data.duration_s.sum()),
        rows_by_class=dict(Counter(data.emotion.tolist())),
        sampled=True,
        seed=settings.training.seed,
        parameters=settings.training.model_dump(mode="json"),
    )
    content = BundleContent(
        fit_model(data, classes, settings.training), "corpus", features, summary, evaluate(data, classes, quick, None)
    )
    models = open_storage(settings.models.uri, settings.storage)
    promote_first(models, write_bundle(models, settings.models.name, content))


def _data(sr: int, features) -> LabelledFeatures:
    root = corpus() / "speech-16k"
    keys = sorted(str(path.relative_to(root)) for path in root.glob("*/*.flac"))[::_EVERY]
    stretches = {stretch.key: stretch for stretch in RavdessReader().read(keys).stretches}
    ys = [_read(root / key, sr) for key in stretches]
    count = len(ys)
    return LabelledFeatures(
        X=features.extract(ys),
        emotion=np.array([stretch.emotion for stretch in stretches.values()]),
        speaker=np.array([stretch.speaker for stretch in stretches.values()]),
        recording_id=np.array(list(stretches)),
        duration_s=np.array([len(y) / sr for y in ys]),
        condition=np.array([AS_RECORDED] * count),
        language=np.array(["en"] * count),
        corpus=np.array(["ravdess"] * count),
    )


def _read(path, sr: int) -> np.ndarray:
    y, rate = sf.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(y[:, 0], rate, sr), np.float32)
