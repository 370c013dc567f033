"""A labelled corpus as an archive of its own: tables, labels, and a sample of its vectors."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ser_core.config import Settings
from ser_core.config.corpus_list import one_corpus
from ser_core.config.settings import TrainingSettings
from ser_core.data.storage import open_storage
from ser_core.data.tables.newest import FILE, features_key, newest
from ser_core.data.tables.schemas import CHANNELS, LABELS, RECORDINGS
from ser_core.data.tables.store import TableStore, rows
from ser_core.errors import CorpusError, SettingsError
from ser_core.learning.corpora import Corpus, CorpusReader, LabelledStretch, open_corpus
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.sampling import RecordingRows, plan_sample
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.state.date_state import RECORDING_KEY
from ser_core.scoring.emotion_tables import vectors
from ser_core.sound.augmentation import RECORDED, Condition

_log = logging.getLogger(__name__)
_PLACE = ("recording_id", "condition", "channel", "start_s", "end_s")
_COLUMNS = (*_PLACE, "vector")
_LIVE = (*RECORDING_KEY, "uri", "duplicate_of", "gone_at")
_CHANNELS = (*RECORDING_KEY, "channel", "feature_set", "condition", "segments")
_RECORDINGS = "_recordings.csv"

_Copy = tuple[str, str]  # recording_id and condition

Labels = Mapping[str, Sequence[LabelledStretch]]
"""Labelled stretches by recording_id."""


def open_labelled_corpus(settings: Settings) -> Corpus:
    """The one corpus of the settings. A zip is unpacked beside its tables, or below `build` if they are on S3."""
    settings = one_corpus(settings)
    tables = settings.corpus.tables_uri
    return open_corpus(settings.corpus, settings.storage, Path("build" if "://" in tables else tables, "_unpacked"))


def corpus_settings(settings: Settings, corpus: Corpus) -> Settings:
    """Settings to ingest and extract the one corpus with, as an archive of single speakers.

    Of a manifest corpus, only the recordings in the manifest are listed.
    """
    uri, settings = corpus.root, one_corpus(settings)
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


def corpus_ingest(settings: Settings) -> Ingest:
    """The ingest of a corpus; `settings` as from `corpus_settings`.

    Raises:
        SettingsError: with corpus.uri in place of archive.uri, which the user has not set.
    """
    try:
        return Ingest(settings)
    except SettingsError as error:
        raise SettingsError([fault.replace("archive.uri", "corpus.uri") for fault in error.faults]) from None


def _recordings_csv(corpus: Corpus) -> bytes:
    keys = sorted({label.key for label in corpus.reader.read(()).unplaced})  # without recordings, no label has a place
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["uri"])
    writer.writerows([key if key.startswith("/") or "://" in key else f"{corpus.root}/{key}"] for key in keys)
    return text.getvalue().encode()


class LabelledCorpus:
    """An ingested and extracted corpus with its labels. Replaces the corpus's file of the table `labels`.

    Args:
        settings: as from `corpus_settings`.
        reader: of the corpus.
        root: uri that the reader's keys are relative to.

    Raises:
        CorpusError: no recording has a label.
    """

    def __init__(self, settings: Settings, reader: CorpusReader, root: str) -> None:
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        live = self.store.read_all(RECORDINGS, self.store.files(RECORDINGS), _LIVE)
        self._live = live.filter(pc.and_(pc.is_null(live["duplicate_of"]), pc.is_null(live["gone_at"])))
        self.labels = self._read(reader, root, settings)
        every = [(recording, label) for recording, labels in self.labels.items() for label in labels]
        self.languages = {label.language for _, label in every if label.language}
        table = rows(LABELS.schema, (_label_row(recording, label) for recording, label in every))
        self.store.write(f"{LABELS.name}/{reader.name}.parquet", table)

    def _read(self, reader: CorpusReader, root: str, settings: Settings) -> Labels:
        storage = open_storage(root, settings.storage)
        live = self._live.select(["uri", "recording_id"]).to_pylist()
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
        feature_set: str,
        training: TrainingSettings,
        conditions: Sequence[Condition] = (),
    ) -> tuple[LabelledFeatures, bool]:
        """Labelled vectors as recorded and under `conditions`, and whether recordings were left out.

        They are at most `training.max_rows` in all. Reads only the files that hold a chosen recording.
        """
        names = {condition.id: condition.name for condition in (RECORDED, *conditions)}
        labelled = self._copies(feature_set, names)
        counts = [self._rows_of(row) for row in labelled]
        chosen = set(plan_sample(counts, training.max_rows, training.seed))
        files: dict[str, set[_Copy]] = {}
        for row in labelled:
            if row["recording_id"] in chosen and row["segments"]:
                files.setdefault(row[FILE], set()).add((row["recording_id"], row["condition"]))
        parts = [self._labelled(file, wanted, names) for file, wanted in sorted(files.items())]
        return _join(parts), len(chosen) < len({count.recording_id for count in counts if count.rows})

    def row_count(self, feature_set: str, conditions: Sequence[Condition] = ()) -> int:
        """The number of labelled vectors as recorded and under `conditions`."""
        names = {condition.id: condition.name for condition in (RECORDED, *conditions)}
        return sum(row["segments"] for row in self._copies(feature_set, names))

    def _copies(self, feature_set: str, conditions: Mapping[str, str]) -> list[dict[str, Any]]:
        """Rows of `channels` of labelled recordings under `conditions`, whose keys are ids."""
        channels = self.store.read_all(CHANNELS, self.store.files(CHANNELS), _CHANNELS)
        wanted = pc.and_(
            pc.equal(channels["feature_set"], feature_set), pc.is_in(channels["condition"], pa.array(conditions))
        )
        live = set(zip(*(self._live[name].to_pylist() for name in RECORDING_KEY), strict=True))
        every = newest(channels.filter(wanted)).to_pylist()
        copies = [row for row in every if (row["recording_id"], row["version"]) in live]
        return [row for row in copies if row["recording_id"] in self.labels]

    def _rows_of(self, row: Mapping[str, Any]) -> RecordingRows:
        first = self.labels[row["recording_id"]][0]
        return RecordingRows(row["recording_id"], first.speaker, first.emotion, row["segments"])

    def _labelled(self, file: str, wanted: set[_Copy], names: Mapping[str, str]) -> LabelledFeatures | None:
        recordings = pa.array(sorted({recording for recording, _ in wanted}))
        table = self.store.read(features_key(file), _COLUMNS, pc.field("recording_id").isin(recordings))
        places = list(zip(*(table.column(name).to_pylist() for name in _PLACE), strict=True))
        at_rows = [
            label_at(self.labels[recording], channel, start, end) if (recording, condition) in wanted else None
            for recording, condition, channel, start, end in places
        ]
        kept = [row for row, label in enumerate(at_rows) if label is not None]
        if not kept:
            return None
        labels = [label for label in at_rows if label is not None]
        ids, copies, _, starts, ends = zip(*(places[row] for row in kept), strict=True)
        return LabelledFeatures(
            X=vectors(table)[np.array(kept, dtype=np.intp)],
            emotion=np.array([label.emotion for label in labels]),
            speaker=np.array([label.speaker for label in labels]),
            recording_id=np.array(ids),
            duration_s=np.array(ends) - np.array(starts),
            condition=np.array([names[copy] for copy in copies]),
            language=np.array([label.language or "" for label in labels]),
            corpus=np.array([label.corpus for label in labels]),
        )


def label_at(
    stretches: Sequence[LabelledStretch], channel: int, start_s: float, end_s: float
) -> LabelledStretch | None:
    """The stretch that covers more than half of a segment, or None. All times in seconds of the recording."""
    for stretch in stretches:
        if stretch.channel is not None and stretch.channel != channel:
            continue
        overlap = min(end_s, stretch.end_s if stretch.end_s is not None else end_s) - max(start_s, stretch.start_s)
        if overlap > (end_s - start_s) / 2:
            return stretch
    return None


def _join(parts: Sequence[LabelledFeatures | None]) -> LabelledFeatures:
    labelled = [part for part in parts if part is not None]
    if not labelled:
        raise CorpusError(
            "No segment of the corpus has a label: its recordings are silent, or refused (see `quarantine`)"
        )
    return LabelledFeatures.joined(labelled)


def _label_row(recording: str, label: LabelledStretch) -> Mapping[str, Any]:
    names = ("channel", "start_s", "end_s", "annotator", "corpus", "speaker", "emotion", "intensity", "language")
    row = {name: getattr(label, name) for name in names}
    return {**row, "recording_id": recording, "extra": list(label.extra.items())}
