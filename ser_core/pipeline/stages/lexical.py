"""The valence of the words in transcripts beside the recordings."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import Accumulator

from ser_core.config import Settings
from ser_core.errors import ObjectForbiddenError, ObjectMissingError
from ser_core.pipeline.engine.prefetch import fetch_ahead
from ser_core.pipeline.engine.recording_source import Sources
from ser_core.pipeline.stages.transcripts_beside import TRANSCRIPT
from ser_core.sound.transcripts import TranscriptError, Words, read_transcript, text_valence

_log = logging.getLogger(__name__)
_MAX_BYTES = 32 * 2**20  # ten times a day of talk
_PREFETCH_BYTES = 4 * _MAX_BYTES

Row = Mapping[str, Any]


class Lexical:
    """The valence of the words in the transcripts of a task's recordings. Returns no text.

    Args:
        settings: of the job.
        broken: counts the transcripts that cannot be read.
    """

    def __init__(self, settings: Settings, broken: Accumulator[int]) -> None:
        self._sources = Sources(settings)
        self._broken = broken

    def valence(self, segments: pa.Table, channels: Iterable[Row]) -> pa.Array:
        """Valence of each segment, float32 (n,), null where there are no words or none is known.

        Args:
            segments: rows of `features`, in any order, with recording_id, channel, start_s and end_s.
            channels: of these recordings, with recording_id, channel, role and transcript.
        """
        named = [row for row in channels if row[TRANSCRIPT] is not None]
        recording, number = (segments.column(name).to_numpy() for name in ("recording_id", "channel"))
        start_s, end_s = (segments.column(name).to_numpy() for name in ("start_s", "end_s"))
        valence = np.full(len(segments), np.nan)
        names = sorted({row[TRANSCRIPT] for row in named})
        for name, words in fetch_ahead(names, self._read, lambda _: _MAX_BYTES, _PREFETCH_BYTES):
            if words is None:
                self._broken.add(1)
                continue
            for row in (row for row in named if row[TRANSCRIPT] == name):
                own = (recording == row["recording_id"]) & (number == row["channel"])
                valence[own] = text_valence(words, start_s[own], end_s[own], row["channel"], row["role"])
        return pa.array(valence, pa.float32(), mask=np.isnan(valence))

    def _read(self, uri: str) -> Sequence[Words] | None:
        """The words, or None if the transcript cannot be read; the call is then scored by voice alone."""
        try:
            with self._sources.open(uri, _MAX_BYTES) as source:
                data = source.read(_MAX_BYTES + 1)
            if len(data) > _MAX_BYTES:
                raise TranscriptError(f"it is larger than {_MAX_BYTES >> 20} MB")
            return read_transcript(data, uri)
        except (TranscriptError, ObjectMissingError, ObjectForbiddenError) as error:
            _log.debug("the transcript %s is left out: %s", uri, error)
            return None
