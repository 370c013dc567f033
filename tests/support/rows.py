"""Labelled rows in a few words."""

from __future__ import annotations

import numpy as np

from ser_core.learning.training.labelled_features import LabelledFeatures


def labelled(
    emotions: str, speakers: str, ids: str = "", conditions: str = "", corpus: str = "made", X: np.ndarray | None = None
) -> LabelledFeatures:
    """A row a word; vectors count where none are given, and each row is a recording where ids are not."""
    emotion, speaker = np.array(emotions.split()), np.array(speakers.split())
    n = len(emotion)
    return LabelledFeatures(
        X=np.arange(n, dtype=np.float32)[:, None] if X is None else X.astype(np.float32),
        emotion=emotion,
        speaker=speaker,
        recording_id=np.array(ids.split() or [f"r{number}" for number in range(n)]),
        duration_s=np.ones(n),
        condition=np.array(conditions.split() or ["as_recorded"] * n),
        language=np.full(n, "en"),
        corpus=np.full(n, corpus),
    )
