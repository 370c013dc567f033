"""A labelled corpus as an archive of its own: its tables, its labels, and a sample of its vectors."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.config.settings import TrainingSettings
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import CHANNELS, FEATURES, LABELS
from ser_core.data.tables.store import TableStore, rows
from ser_core.errors import CorpusError
from ser_core.learning.corpora import Corpus, CorpusReader, LabelledStretch, open_corpus
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.sampling import RecordingRows, plan_sample
from ser_core.pipeline.engine.scan import FILE
from ser_core.pipeline.state.extractions import RECORDING_KEY, Scope, extracted_copies, live_recordings
from ser_core.scoring.emotion_tables import vectors
from ser_core.sound.augmentation import RECORDED, Condition

_log = logging.getLogger(__name__)
_PLACE = ("recording_id", "condition", "channel", "start_s", "end_s")
_COLUMNS = (*_PLACE, "vector")
_RECORDINGS = "_recordings.csv"

_Copy = tuple[str, str]  # recording_id and condition

Labels = Mapping[str, Sequence[LabelledStretch]]
"""Labelled stretches by recording_id."""


def open_labelled_corpus(settings: Settings) -> Corpus:
    """The corpus that the settings name; a zip is unpacked beside its tables, below `build` where they are on S3."""
    tables = settings.corpus.tables_uri
    return open_corpus(settings.corpus, settings.storage, Path("build" if "://" in tables else tables, "_unpacked"))


def corpus_settings(settings: Settings, corpus: Corpus) -> Settings:
    """The settings under which the corpus is ingested and extracted, as an archive of single speakers.

    Of a manifest corpus, only the recordings that it names are taken.
    """
    uri = corpus.root
    if settings.corpus.kind == "manifest":
        store = open_storage(settings.corpus.tables_uri, settings.storage)
        store.put(_RECORDINGS, _recordings_csv(corpus))
        uri = store.uri_of(_RECORDINGS)
    archive = {"name": corpus.reader.name, "uri": uri, "pattern": None, "metadata": None}
    channels = tuple("customer" for _ in range(max(settings.limits.max_channels, len(settings.roles.channels))))
    return settings.model_copy(
        update={
            "call_date": None,
            "archive": settings.archive.model_copy(update=archive),
            "tables": settings.tables.model_copy(update={"uri": settings.corpus.tables_uri}),
            "roles": settings.roles.model_copy(update={"mono": "customer", "channels": channels}),
            "scoring": settings.scoring.model_copy(update={"roles": ("customer",), "purpose": None}),
        }
    )


def _recordings_csv(corpus: Corpus) -> bytes:
    keys = sorted({unplaced.key for unplaced in corpus.reader.read(()).unplaced})  # of no recordings, all are unplaced
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["uri"])
    writer.writerows([key if key.startswith("/") or "://" in key else f"{corpus.root}/{key}"] for key in keys)
    return text.getvalue().encode()


class LabelledCorpus:
    """An ingested and extracted corpus with its labels, which are written to `labels`, replaced whole.

    Args:
        session: Spark.
        settings: as `corpus_settings` made them.
        reader: of the corpus.
        root: uri that the reader's keys are relative to.

    Raises:
        CorpusError: no recording has a label.
    """

    def __init__(self, session: SparkSession, settings: Settings, reader: CorpusReader, root: str) -> None:
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        self.labels = self._read(session, reader, root, settings)
        self.languages = {one.language for many in self.labels.values() for one in many if one.language}
        table = rows(LABELS.schema, (_label_row(key, one) for key, many in self.labels.items() for one in many))
        self.store.write(f"{LABELS.name}/{reader.name}.parquet", table)

    def _read(self, session: SparkSession, reader: CorpusReader, root: str, settings: Settings) -> Labels:
        storage = open_storage(root, settings.storage)
        live = live_recordings(session, self.store, Scope(None)).select("uri", "recording_id").toArrow().to_pylist()
        ids = {storage.key_of(row["uri"]) or row["uri"]: row["recording_id"] for row in live}
        listing = reader.read(sorted(ids))
        if listing.unplaced:
            _log.warning(
                "%d recordings or labels of the corpus have no match; log.level debug names them", len(listing.unplaced)
            )
        for unplaced in listing.unplaced:
            _log.debug("%s: %s", unplaced.key, unplaced.why)
        labels: dict[str, list[LabelledStretch]] = {}
        for stretch in listing.stretches:
            if stretch.key in ids:
                labels.setdefault(ids[stretch.key], []).append(stretch)
        if not labels:
            raise CorpusError(
                f"None of the {len(ids)} recordings below {root} has a label of the corpus {reader.name}: "
                "check corpus.uri and corpus.kind"
            )
        return labels

    def sample(
        self,
        session: SparkSession,
        feature_set: str,
        training: TrainingSettings,
        conditions: Sequence[Condition] = (),
    ) -> tuple[LabelledFeatures, bool]:
        """Labelled vectors as recorded and under `conditions`, within `training.max_rows` in all, and whether
        recordings were left out.

        Only the files that hold a chosen recording are read.
        """
        names = {condition.id: condition.name for condition in (RECORDED, *conditions)}
        live = live_recordings(session, self.store, Scope(None)).select(*RECORDING_KEY)
        copies = extracted_copies(session, self.store, feature_set, list(names)).join(live, [*RECORDING_KEY])
        found = [row for row in copies.toArrow().to_pylist() if row["recording_id"] in self.labels]
        counts = [self._rows_of(row) for row in found]
        chosen = set(plan_sample(counts, training.max_rows, training.seed))
        files: dict[str, set[_Copy]] = {}
        for row in found:
            if row["recording_id"] in chosen and row["segments"]:
                files.setdefault(row[FILE], set()).add((row["recording_id"], row["condition"]))
        parts = [self._labelled(file, wanted, names) for file, wanted in sorted(files.items())]
        return _join(parts), len(chosen) < len({count.recording_id for count in counts if count.rows})

    def _rows_of(self, row: Mapping[str, Any]) -> RecordingRows:
        first = self.labels[row["recording_id"]][0]
        return RecordingRows(row["recording_id"], first.speaker, first.emotion, row["segments"])

    def _labelled(self, file: str, wanted: set[_Copy], names: Mapping[str, str]) -> LabelledFeatures | None:
        key = f"{FEATURES.name}/{file.removeprefix(f'{CHANNELS.name}/')}"
        recordings = pa.array(sorted({recording for recording, _ in wanted}))
        table = self.store.read(key, _COLUMNS, pc.field("recording_id").isin(recordings))
        places = list(zip(*(table.column(name).to_pylist() for name in _PLACE), strict=True))
        found = [
            label_at(self.labels[one], channel, start, end) if (one, condition) in wanted else None
            for one, condition, channel, start, end in places
        ]
        kept = [place for place, label in enumerate(found) if label is not None]
        if not kept:
            return None
        labels = [label for label in found if label is not None]
        ids, copies, _, starts, ends = zip(*(places[place] for place in kept), strict=True)
        return LabelledFeatures(
            X=vectors(table)[np.array(kept, dtype=np.intp)],
            emotion=np.array([label.emotion for label in labels]),
            speaker=np.array([label.speaker for label in labels]),
            recording_id=np.array(ids),
            duration_s=np.array(ends) - np.array(starts),
            condition=np.array([names[copy] for copy in copies]),
            language=np.array([label.language or "" for label in labels]),
        )


def label_at(
    stretches: Sequence[LabelledStretch], channel: int, start_s: float, end_s: float
) -> LabelledStretch | None:
    """The stretch that covers more than half of a segment, or None. All times in seconds of the recording."""
    for one in stretches:
        if one.channel is not None and one.channel != channel:
            continue
        overlap = min(end_s, one.end_s if one.end_s is not None else end_s) - max(start_s, one.start_s)
        if overlap > (end_s - start_s) / 2:
            return one
    return None


def _join(parts: Sequence[LabelledFeatures | None]) -> LabelledFeatures:
    there = [part for part in parts if part is not None]
    if not there:
        raise CorpusError(
            "No segment of the corpus has a label: its recordings are silent, or refused (see `quarantine`)"
        )
    names = [field.name for field in fields(LabelledFeatures)]
    return LabelledFeatures(**{name: np.concatenate([getattr(part, name) for part in there]) for name in names})


def _label_row(recording: str, label: LabelledStretch) -> Mapping[str, Any]:
    names = ("channel", "start_s", "end_s", "annotator", "corpus", "speaker", "emotion", "intensity", "language")
    row = {name: getattr(label, name) for name in names}
    return {**row, "recording_id": recording, "extra": list(label.extra.items())}
