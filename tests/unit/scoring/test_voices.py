"""Which segments are normalised together: those of one channel of one recording, and no others."""

from __future__ import annotations

import datetime as dt
from typing import cast

import numpy as np
import pyarrow as pa

from ser_core.learning.training.bundle import Model
from ser_core.learning.training.fitted_model import Scores
from ser_core.learning.training.population import Measuring
from ser_core.scoring.emotion_tables import SegmentRules, segment_table


class Listening:
    classes = ("sad", "happy")
    model_version = "planted/1"
    label_scheme = "corpus"

    def scores(self, X: np.ndarray, speaker: np.ndarray, population: Measuring | None) -> Scores:
        self.speaker = speaker
        half = np.full(len(X), 0.5, dtype=np.float32)
        return Scores(np.full((len(X), 2), 0.5, dtype=np.float32), half, half, half)


def test_a_voice_is_a_channel_of_a_recording() -> None:
    places = [("a", 0), ("a", 1), ("b", 0), ("a", 0), ("b", 1), ("b", 0)]
    count = len(places)
    features = pa.table(
        {
            "recording_id": pa.chunked_array([[name for name, _ in places[:2]], [name for name, _ in places[2:]]]),
            "channel": pa.array([channel for _, channel in places], pa.int16()),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(3 * count, np.float32)), 3),
            "start_s": np.arange(count, dtype=np.float64),
            "end_s": np.arange(count, dtype=np.float64) + 1,
        }
    )
    model = Listening()
    segment_table(features, cast(Model, model), SegmentRules(None, 0.0), "run", dt.datetime.now(dt.UTC))
    same = model.speaker[:, None] == model.speaker[None, :]
    assert (same == np.array([[index == other for other in places] for index in places])).all()
