"""Transcripts beside the recordings: lists them by folder, and reads the valence of their words."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import Accumulator
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.config.base import MB
from ser_core.data.storage import Storage, locate
from ser_core.errors import ObjectForbiddenError, ObjectMissingError
from ser_core.pipeline.engine.prefetch import fetch_ahead
from ser_core.pipeline.engine.recording_source import Sources
from ser_core.pipeline.engine.scan import map_arrow
from ser_core.pipeline.state.inputs import TRANSCRIPT, URI
from ser_core.sound.transcripts import TranscriptError, Words, read_transcript, text_valence

_log = logging.getLogger(__name__)
_MAX_BYTES = 32 * MB  # ten times a day of talk
_PREFETCH_BYTES = 4 * _MAX_BYTES
_BESIDE = pa.schema([(name, pa.string()) for name in ("recording_id", TRANSCRIPT, "transcript_version")])

Row = Mapping[str, Any]


def with_transcripts(channels: DataFrame, settings: Settings) -> DataFrame:
    """`channels` with `transcript` (uri of the file beside the recording) and `transcript_version`, or nulls.

    Lists each folder once.
    """
    session = channels.sparkSession
    folder = F.regexp_extract(URI, "^(.*/)?[^/]*$", 1).alias("folder")
    recordings = channels.select("recording_id", URI, folder).distinct()
    tasks = 4 * session.sparkContext.defaultParallelism
    together = recordings.repartition(tasks, "folder").sortWithinPartitions("folder", URI)
    transcripts = map_arrow(together, _Beside(settings), _BESIDE)
    return channels.join(transcripts, "recording_id", "left")


@dataclass(frozen=True)
class _Beside:
    """`mapInArrow` over recordings sorted by folder: the first transcript that exists, by `transcripts.suffixes`."""

    settings: Settings

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (row for batch in batches for row in batch.to_pylist())
        known: dict[str, Storage] = {}  # by bucket: a new storage opens a new connection
        for _, group in groupby(rows, key=lambda row: row["folder"]):
            transcripts = list(self._transcripts(list(group), known))
            yield from pa.Table.from_pylist(transcripts, schema=_BESIDE).to_batches()

    def _transcripts(self, recordings: Sequence[Row], known: dict[str, Storage]) -> Iterator[Row]:
        storage, key = locate(recordings[0][URI], self.settings.storage)
        storage = known.setdefault(storage.uri, storage)
        prefix = key[: key.rfind("/") + 1]
        endings = tuple(self.settings.transcripts.suffixes)
        existing = {i.key: i.version for i in storage.list(prefix, recursive=False) if i.key.endswith(endings)}
        for recording in recordings:
            _, own = locate(recording[URI], self.settings.storage)
            for ending in endings:
                if (version := existing.get(_stem(own) + ending)) is not None:
                    name = f"{_stem(recording[URI])}{ending}"
                    yield {"recording_id": recording["recording_id"], TRANSCRIPT: name, "transcript_version": version}
                    break


def _stem(path: str) -> str:
    """The path without the extension of its last part."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"


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
