"""Speech, segments and vectors of one channel that is streamed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ser_core.sound.audio import loudness_dbfs
from ser_core.sound.extraction.extraction_plan import ExtractionPlan
from ser_core.sound.segments import Segment, SpeechSegmenter, open_segmenter
from ser_core.sound.speech import count_syllables

Array = npt.NDArray[np.float32]

_BATCH_SEGMENTS = 16


class ChannelExtractor:
    """Speech and syllables of one channel; with `vectors`, also its segments, their loudness and their vectors."""

    def __init__(self, plan: ExtractionPlan, vectors: bool) -> None:
        self._features = plan.feature_set
        self._speech = SpeechSegmenter(plan.segments, self._features.sample_rate)
        self._with_vectors = vectors
        cuts = vectors and plan.segments.mode != "speech"
        self._segmenter = open_segmenter(plan.segments, self._features.sample_rate) if cuts else None
        self.syllables = 0
        self._waiting: list[Array] = []
        self._spans: list[tuple[float, float, float]] = []
        self._vectors: list[Array] = []

    def push(self, y: Array) -> None:
        """Takes a block at the analysis rate, shape (n,)."""
        self._take_speech(self._speech.push(y))
        if self._segmenter is not None:
            self._take(self._segmenter.push(y))

    def finish(self) -> None:
        """Takes the end of the channel."""
        self._take_speech(self._speech.finish())
        if self._segmenter is not None:
            self._take(self._segmenter.finish())
        self._flush()
        self._drop_low()

    def speech(self, duration_s: float) -> list[tuple[float, float]]:
        """Start and end of the stretches of speech in seconds, cut off at `duration_s`."""
        spans = ((start_s, min(end_s, duration_s)) for start_s, end_s in self._speech.speech)
        return [(start_s, end_s) for start_s, end_s in spans if start_s < end_s]

    def spans(self) -> npt.NDArray[np.float64]:
        """Start, end and loudness of each segment, shape (n, 3)."""
        return np.array(self._spans, dtype=np.float64).reshape(-1, 3)

    def vectors(self) -> Array:
        """The vectors of the segments, shape (n, dimension)."""
        return np.concatenate([np.empty((0, self._features.dimension), np.float32), *self._vectors])

    def _take_speech(self, stretches: Iterator[Segment]) -> None:
        for stretch in stretches:
            self.syllables += count_syllables(stretch.y, self._features.sample_rate)
            if self._with_vectors and self._segmenter is None:
                self._take(iter((stretch,)))

    def _take(self, segments: Iterator[Segment]) -> None:
        for start_s, end_s, y in segments:
            self._spans.append((start_s, end_s, loudness_dbfs(y)))
            self._waiting.append(y)
            if len(self._waiting) == _BATCH_SEGMENTS:
                self._flush()

    def _drop_low(self) -> None:
        """Segments that are stretches of speech, but far below the channel's own: not its speaker, and not scored."""
        if self._segmenter is not None or not self._spans:
            return
        kept = np.array([loudness for _, _, loudness in self._spans]) >= self._speech.own.lowest_segment_db()
        self._spans = [span for span, keep in zip(self._spans, kept, strict=True) if keep]
        self._vectors = [np.concatenate(self._vectors)[kept]]

    def _flush(self) -> None:
        if self._waiting:
            self._vectors.append(self._features.extract(self._waiting))
            self._waiting = []
