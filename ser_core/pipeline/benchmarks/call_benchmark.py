"""Calls with known answers through the real jobs: a model is never trained on the callers."""

from __future__ import annotations

import csv
import io
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.config import Settings
from ser_core.config.corpus_list import one_corpus
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import SEGMENT_EMOTIONS, probability
from ser_core.data.tables.store import TableStore
from ser_core.emotions import EMOTIONS
from ser_core.errors import SettingsError
from ser_core.learning.corpora.base import LabelledStretch
from ser_core.learning.corpora.built_calls import ROLES, Call, compose, plan_calls, write_call
from ser_core.learning.corpora.clip_library import SAMPLE_RATE, ClipLibrary
from ser_core.learning.evaluation.timeline import PREDICTIONS, UNNORMALISED, ScoredSegment, Spoken, timeline
from ser_core.pipeline.benchmarks.corpus_data import check_folds
from ser_core.pipeline.engine.session import start_session
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.labelled_corpus import open_labelled_corpus
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.stages.train import Train
from ser_core.sound.audio.telephone_line import CLEAN, TELEPHONE, Line

_log = logging.getLogger(__name__)
_MIXED = ("random", "shifting", "escalating", "recovering")
_LENGTH_S = (60.0, 90.0)
_OVERLAP = 0.1
_OFF = {"strength_mean": 0.0, "strength_deviation": 0.0}


@dataclass(frozen=True)
class CallCondition:
    """Calls of these `courses` over this `line`."""

    courses: tuple[str, ...]
    line: Line


CONDITIONS: Mapping[str, CallCondition] = {
    "line": CallCondition(_MIXED, TELEPHONE),
    "clean": CallCondition(_MIXED, CLEAN),
    "skewed": CallCondition(("dominated",), TELEPHONE),
}
"""`clean` holds the calls of `line`, at 16 kHz without line and noise; in `skewed` one emotion has 80 % of the
speech."""


class CallBenchmark:
    """Trains on all speakers except a fold's, builds calls of the fold's speakers, and scores them, with the real jobs.

    Args:
        settings: of the corpus, the features, the classifier.
        work_dir: local folder for calls, tables and models; files of an earlier run of a fold are removed.
        calls_per_fold: number of calls per condition.
        seed: of plans and noise.

    Raises:
        SettingsError, CorpusError: the corpus cannot be used.
    """

    def __init__(self, settings: Settings, work_dir: Path, calls_per_fold: int, seed: int) -> None:
        settings = one_corpus(settings)
        self._settings, self._work_dir, self._count, self._seed = settings, work_dir.resolve(), calls_per_fold, seed
        self._corpus = open_labelled_corpus(settings)
        self._storage = open_storage(self._corpus.root, settings.storage)
        self._library = ClipLibrary(self._corpus.reader, self._storage)
        self._stretches = self._corpus.reader.read(info.key for info in self._storage.list()).stretches
        self.folds = self._corpus.reader.folds or _dealt(self._library.speakers, settings.training.group_folds)

    def run(self, folds: Sequence[int]) -> pa.Table:
        """Rows of `PREDICTIONS`: the customer's channel of every call of `folds`, with and without normalisation.

        Raises:
            SettingsError: there is no such fold, or none is given.
        """
        check_folds(folds, len(self.folds))
        if not folds:
            raise SettingsError([f"no fold is given: the corpus has the folds 0 to {len(self.folds) - 1}"])
        self._session = start_session("evaluate", self._settings.spark)
        return pa.concat_tables([table for fold in folds for table in self._fold(fold)])

    def _fold(self, fold: int) -> Iterator[pa.Table]:
        folder = self._work_dir / f"fold-{fold}"
        shutil.rmtree(folder, ignore_errors=True)
        callers = [name for name in self.folds[fold] if name in self._library.speakers]
        settings = self._job_settings(folder, callers)
        calls = self._write_calls(folder, callers, fold)
        _log.info("fold %d: %d calls of %s", fold, len(calls), ", ".join(callers))
        execute(Ingest(settings), settings, self._session)
        execute(Extract(settings), settings, self._session)
        for suffix, trained in (("", settings), (UNNORMALISED, _without_normalisation(settings))):
            model = execute(Train(trained), trained, self._session)["model_version"]
            scoring = settings.scoring.model_copy(update={"model": model})
            scored = settings.model_copy(update={"scoring": scoring})
            execute(Score(scored), scored, self._session)
            segments = _customer_segments(TableStore(open_storage(settings.tables.uri, settings.storage)), model)
            yield _predictions(calls, segments, fold, suffix)

    def _job_settings(self, folder: Path, callers: Sequence[str]) -> Settings:
        manifest = folder / "clips.csv"
        folder.mkdir(parents=True)
        manifest.write_bytes(_manifest(self._stretches, callers, self._storage.uri_of))
        settings = self._settings
        channels = settings.roles.model_copy(update={"channels": ROLES})
        archive = {"name": "calls", "uri": str(folder / "archive"), "pattern": None, "metadata": None}
        corpus = {"kind": "manifest", "uri": str(manifest), "tables_uri": str(self._work_dir / "clips")}
        # The model's own evaluation is not needed here; two folds are the fewest possible.
        training = {"folds": "group", "group_folds": 2}
        return settings.model_copy(
            update={
                "call_date": None,
                "archive": settings.archive.model_copy(update=archive),
                "tables": settings.tables.model_copy(update={"uri": str(folder / "tables")}),
                "models": settings.models.model_copy(update={"uri": str(folder / "models")}),
                "corpus": settings.corpus.model_copy(update=corpus),
                "roles": channels,
                "scoring": settings.scoring.model_copy(update={"roles": ("customer",), "purpose": None}),
                "training": settings.training.model_copy(update=training),
            }
        )

    def _write_calls(self, folder: Path, callers: Sequence[str], fold: int) -> dict[str, Call]:
        """The calls by key. Conditions of the same courses have the same plans."""
        archive = open_storage(str(folder / "archive"), self._settings.storage)
        calls: dict[str, Call] = {}
        for name, condition in CONDITIONS.items():
            seed = 1000 * self._seed + fold
            for plan in plan_calls(callers, self._count, condition.courses, _LENGTH_S, _OVERLAP, seed):
                call = compose(plan, self._library)
                (key,) = write_call(call, condition.line, archive, f"{name}/", seed + len(calls))
                calls[key] = replace(call, y=call.y[:, :0])  # keeps the truth, drops the samples
        return calls


def _dealt(speakers: Sequence[str], folds: int) -> tuple[tuple[str, ...], ...]:
    """Folds of a corpus that publishes none: speakers dealt in the order of their names, two or more per fold."""
    count = max(1, min(folds, len(speakers) // 2))
    return tuple(tuple(speakers[fold::count]) for fold in range(count))


def _without_normalisation(settings: Settings) -> Settings:
    off = settings.training.speaker_normalisation.model_copy(update=_OFF)
    training = settings.training.model_copy(update={"speaker_normalisation": off})
    return settings.model_copy(update={"training": training})


def _manifest(stretches: Sequence[LabelledStretch], without: Sequence[str], uri_of: Any) -> bytes:
    """The labels of all speakers except those of `without`, as a manifest corpus."""
    names = ("channel", "start_s", "end_s", "speaker", "emotion", "annotator", "intensity", "language")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["uri", *names])
    for stretch in stretches:
        if stretch.speaker not in without:
            writer.writerow([uri_of(stretch.key), *(getattr(stretch, name) for name in names)])
    return text.getvalue().encode()


def _customer_segments(store: TableStore, model_version: str) -> Mapping[str, list[ScoredSegment]]:
    """The scored segments of customers, by call."""
    columns = ["call_id", "segment_no", "start_s", "end_s", "emotion", *map(probability, EMOTIONS)]
    segments: dict[str, list[ScoredSegment]] = {}
    for key in store.files(SEGMENT_EMOTIONS, f"model_version={quote(model_version, safe='')}/"):
        for row in store.read(key, columns, pc.field("role") == "customer").to_pylist():
            posteriors = {name: row[probability(name)] for name in EMOTIONS}
            segment = ScoredSegment(row["segment_no"], row["start_s"], row["end_s"], row["emotion"], posteriors)
            segments.setdefault(row["call_id"], []).append(segment)
    return segments


def _predictions(
    calls: Mapping[str, Call], segments: Mapping[str, Sequence[ScoredSegment]], fold: int, suffix: str
) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for key, call in calls.items():
        condition, _, name = key.partition("/")
        turns = [turn for turn in call.truth if turn.role == "customer"]
        spoken = [Spoken(turn.start_s, turn.end_s, turn.emotion) for turn in turns]
        duration_s = len(call.y) / SAMPLE_RATE
        shared = {
            "condition": condition + suffix,
            "fold": fold,
            "call": name.rpartition(".")[0],
            "speaker": turns[0].speaker,
        }
        rows += [{**shared, **row} for row in timeline(spoken, segments.get(key, ()), duration_s)]
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)
