"""Feature vectors of other toolkits, by clip, from a Parquet file, for the benchmark's classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ser_core.errors import SettingsError
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.sound.augmentation import RECORDED

_COLUMNS = ["clip", "vector"]


def check_peer(path: Path) -> None:
    """Checks that a file is Parquet with the columns `clip` and `vector`.

    Raises:
        SettingsError: it is not.
    """
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        raise SettingsError([f"--peer {path}: cannot be read as Parquet: {' '.join(str(error).split())}"]) from None
    missing = sorted(set(_COLUMNS) - set(names))
    if missing:
        raise SettingsError(
            [f"--peer {path}: has no column {' and '.join(missing)}; its columns are {', '.join(names)}"]
        )


def names_in(path: Path) -> set[str]:
    """The clips of a peer's file."""
    return set(pq.read_table(path, columns=_COLUMNS[:1])["clip"].to_pylist())


def with_vectors(data: LabelledFeatures, clips: Mapping[str, str], path: Path) -> LabelledFeatures:
    """The recordings of `data`, as recorded, each with its vector in `path`, matched by its name in `clips`.

    Raises:
        SettingsError: a clip has no vector or two, vectors differ in length, or a recording has two emotions.
    """
    recorded = data.of_condition(RECORDED.name)
    ids, first, number = np.unique(recorded.recording_id, return_index=True, return_inverse=True)
    if len(np.unique(np.stack([recorded.recording_id, recorded.emotion], axis=1), axis=0)) > len(ids):
        raise SettingsError(
            [f"--peer {path}: a recording of the corpus has two emotions; expected one vector, one label"]
        )
    table = pq.read_table(path, columns=_COLUMNS)
    vectors = dict(zip(table["clip"].to_pylist(), table["vector"].to_numpy(), strict=True))
    if len(vectors) < len(table):
        raise SettingsError(
            [f"--peer {path}: {len(table) - len(vectors)} clips occur twice; expected one row per clip"]
        )
    names = [clips[recording] for recording in ids.tolist()]
    missing = sorted(name for name in names if name not in vectors)
    if missing:
        raise SettingsError([f"--peer {path}: has no vector of {len(missing)} clips, the first {missing[0]}"])
    chosen = [vectors[name] for name in names]
    if len({len(vector) for vector in chosen}) > 1:
        raise SettingsError([f"--peer {path}: the vectors differ in length; expected the same features of every clip"])
    rows = recorded.take(first)
    return LabelledFeatures(
        X=np.stack(chosen).astype(np.float32),
        emotion=rows.emotion,
        speaker=rows.speaker,
        recording_id=rows.recording_id,
        duration_s=np.bincount(number.reshape(-1), weights=recorded.duration_s).astype(np.float64),
        condition=rows.condition,
        language=rows.language,
        corpus=rows.corpus,
    )
