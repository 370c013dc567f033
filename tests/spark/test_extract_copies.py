"""A corpus extracted under conditions: only what lacks is made, and what is read is of one file each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ser_core.config import Settings
from ser_core.config.training_settings import AugmentationSettings
from ser_core.data.tables.newest import newest
from ser_core.data.tables.schemas import AS_RECORDED, CHANNELS, FEATURES, Table
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import execute
from ser_core.pipeline.stages.labelled_corpus import LabelledCorpus, corpus_settings, open_labelled_corpus
from ser_core.sound.augmentation import TELEPHONE_CONDITION, Condition, training_conditions
from tests.support.pipeline import file_marks, job_settings, read_rows, run, store_of
from tests.support.synth import corpus_files, wav, write_files

VARIED, LINE = training_conditions(AugmentationSettings(varied=1, line=1, seed=0))


def extracted(spark: SparkSession, settings: Settings, *conditions: Condition) -> dict[str, Any]:
    return dict(execute(Extract(settings, conditions=conditions), settings, spark))


def by_condition(settings: Settings, table: Table) -> Counter[str]:
    return Counter(row["condition"] for row in read_rows(settings, table))


@pytest.fixture
def settings(spark: SparkSession, tmp_path: Path) -> Settings:
    write_files(tmp_path / "archive", {"a.wav": wav("sad", 3.0), "b.wav": wav("happy", 3.0)})
    settings = job_settings(tmp_path, {"roles": {"mono": "customer"}})
    run(spark, Ingest, settings)
    return settings


def test_a_condition_is_extracted_once_and_only_where_it_lacks(spark: SparkSession, settings: Settings) -> None:
    first = extracted(spark, settings, VARIED)
    assert (first["done_before"], first["extracted"]) == (0, 2)
    assert by_condition(settings, CHANNELS) == by_condition(settings, FEATURES) == {AS_RECORDED: 2, VARIED.id: 2}
    marks = file_marks(Path(settings.tables.uri) / "features")
    assert extracted(spark, settings, VARIED)["done_before"] == 2
    assert extracted(spark, settings)["done_before"] == 2
    assert file_marks(Path(settings.tables.uri) / "features") == marks
    more = extracted(spark, settings, VARIED, LINE)
    assert (more["done_before"], more["extracted"]) == (0, 2)
    assert by_condition(settings, FEATURES) == {AS_RECORDED: 2, VARIED.id: 2, LINE.id: 2}


def test_other_parameters_are_another_condition(spark: SparkSession, settings: Settings) -> None:
    (other,) = training_conditions(AugmentationSettings(varied=1, line=0, seed=1))
    extracted(spark, settings, VARIED)
    assert extracted(spark, settings, other)["extracted"] == 2
    assert by_condition(settings, CHANNELS) == {AS_RECORDED: 2, VARIED.id: 2, other.id: 2}


def test_each_condition_is_read_from_its_newest_file(spark: SparkSession, settings: Settings) -> None:
    older = extracted(spark, settings, VARIED)["run_id"]
    store, latest = store_of(settings), "99991231T235959-ffffff"
    later = extracted(spark, settings, VARIED, LINE)["run_id"]
    for table in (CHANNELS, FEATURES):
        for key in store.files(table):
            if later in key:
                store.storage.put(key.replace(later, latest), store.storage.read(key))
    feature_set = Extract(settings).features.id
    rows = newest(store.read_all(CHANNELS, store.files(CHANNELS))).to_pylist()
    rows = [row for row in rows if row["feature_set"] == feature_set]
    assert Counter(row["condition"] for row in rows) == {AS_RECORDED: 2, VARIED.id: 2, LINE.id: 2}
    for row in rows:
        assert (latest if row["condition"] == LINE.id else older) in row["file"]


def test_a_long_recording_is_extracted_as_recorded_only(spark: SparkSession, tmp_path: Path) -> None:
    write_files(tmp_path / "archive", {"short.wav": wav("sad", 3.0), "long.wav": wav("happy", 601.0)})
    settings = job_settings(tmp_path, {"roles": {"mono": "customer"}})
    run(spark, Ingest, settings)
    row = extracted(spark, settings, TELEPHONE_CONDITION)
    assert (row["listed"], row["extracted"]) == (2, 2)
    assert by_condition(settings, CHANNELS) == {AS_RECORDED: 2, TELEPHONE_CONDITION.id: 1}
    assert extracted(spark, settings, TELEPHONE_CONDITION)["done_before"] == 2


def test_what_cannot_be_read_any_more_is_refused(spark: SparkSession, settings: Settings) -> None:
    extracted(spark, settings)
    Path(settings.archive.uri or "", "a.wav").unlink()
    row = extracted(spark, settings, VARIED)
    assert (row["done_before"], row["extracted"], row["refused_now"]) == (0, 1, 1)
    assert extracted(spark, settings)["done_before"] == 2


def test_a_labelled_corpus_is_read_with_its_copies(spark: SparkSession, tmp_path: Path) -> None:
    write_files(tmp_path / "corpus", corpus_files())
    outer = job_settings(tmp_path)
    corpus = open_labelled_corpus(outer)
    settings = corpus_settings(outer, corpus)
    run(spark, Ingest, settings)
    extracted(spark, settings, VARIED)
    extracted(spark, settings, VARIED, LINE)
    labelled = LabelledCorpus(settings, corpus.reader, corpus.root)
    feature_set = Extract(settings).features.id
    plain, _ = labelled.sample(feature_set, settings.training)
    data, sampled = labelled.sample(feature_set, settings.training, (LINE, VARIED))
    assert not sampled and set(data.condition.tolist()) == {AS_RECORDED, "varied-1", "line-1"}
    assert set(data.language.tolist()) == {outer.corpus.language}
    recorded = data.of_condition(AS_RECORDED).canonical()
    np.testing.assert_array_equal(recorded.X, plain.canonical().X)
    for name in ("varied-1", "line-1"):
        copy = data.of_condition(name).canonical()
        np.testing.assert_array_equal(copy.recording_id, recorded.recording_id)
        np.testing.assert_array_equal(copy.emotion, recorded.emotion)
        assert (np.abs(copy.X - recorded.X).max(axis=1) > 0).all()
    rows = len(recorded)
    some = settings.training.model_copy(update={"max_rows": 3 * (rows // 2)})
    few, sampled = labelled.sample(feature_set, some, (LINE, VARIED))
    assert sampled and len(few) <= some.max_rows
    assert len(set(Counter(few.condition.tolist()).values())) == 1  # recordings are left out whole, with their copies
