"""Features of other toolkits, with our classifier: vectors by clip, from a Parquet file."""

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
    """Refuses a file that is no Parquet with `clip` and `vector`.

    Raises:
        SettingsError: it is not.
    """
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        raise SettingsError([f"--peer {path}: cannot be read as Parquet: {' '.join(str(error).split())}"]) from None
    missing = sorted(set(_COLUMNS) - set(names))
    if missing:
        raise SettingsError([f"--peer {path}: has no column {' and '.join(missing)}; there are {', '.join(names)}"])


def with_vectors(data: LabelledFeatures, clips: Mapping[str, str], path: Path) -> LabelledFeatures:
    """The recordings of `data` with the vectors in `path`, one each, found by the name in `clips`, as recorded.

    Raises:
        SettingsError: a clip has no vector or two, vectors differ in length, or a recording has two emotions.
    """
    own = data.of_condition(RECORDED.name)
    ids, first, place = np.unique(own.recording_id, return_index=True, return_inverse=True)
    if len(np.unique(np.stack([own.recording_id, own.emotion], axis=1), axis=0)) > len(ids):
        raise SettingsError(
            [f"--peer {path}: a recording of the corpus has two emotions; expected one vector, one label"]
        )
    table = pq.read_table(path, columns=_COLUMNS)
    vectors = dict(zip(table["clip"].to_pylist(), table["vector"].to_numpy(), strict=True))
    if len(vectors) < len(table):
        raise SettingsError(
            [f"--peer {path}: {len(table) - len(vectors)} clips are there twice; expected one row a clip"]
        )
    lacking = sorted(clips[one] for one in ids.tolist() if clips[one] not in vectors)
    if lacking:
        raise SettingsError([f"--peer {path}: has no vector of {len(lacking)} clips, the first {lacking[0]}"])
    chosen = [vectors[clips[one]] for one in ids.tolist()]
    if len({len(vector) for vector in chosen}) > 1:
        raise SettingsError([f"--peer {path}: the vectors differ in length; expected the same features of every clip"])
    rows = own.take(first)
    return LabelledFeatures(
        X=np.stack(chosen).astype(np.float32),
        emotion=rows.emotion,
        speaker=rows.speaker,
        recording_id=rows.recording_id,
        duration_s=np.bincount(place.reshape(-1), weights=own.duration_s).astype(np.float64),
        condition=rows.condition,
        language=rows.language,
    )
