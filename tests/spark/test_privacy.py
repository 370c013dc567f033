"""Calls that were forgotten stay out, and hashed names go through the whole chain."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ser_core.cli.main import main
from ser_core.config import Settings
from ser_core.config.privacy_settings import SECRET_VARIABLE
from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.tables.schemas import (
    CALL_EMOTIONS,
    CALL_TALK,
    CHANNELS,
    FEATURES,
    QUARANTINE,
    RECORDINGS,
    RUNS,
    SEGMENT_EMOTIONS,
    Table,
)
from ser_core.errors import SettingsError
from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.score import Score
from tests.support.pipeline import PATTERN, file_marks, read_rows, run, same_rows, store_of

Copied = Callable[..., Settings]
SECRET = "a secret of many letters"
TABLES = (RECORDINGS, CHANNELS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)


def words(settings: Settings) -> list[str]:
    places = {"tables": settings.tables.uri, "models": settings.models.uri}
    found = [word for key, uri in places.items() for word in (f"--{key}.uri", uri)]
    return [*found, "--corpus.tables-uri", settings.corpus.tables_uri]


def chain(spark: SparkSession, settings: Settings) -> dict[str, object]:
    listed = run(spark, Ingest, settings)["listed"]
    run(spark, Extract, settings)
    return {"listed": listed, "scored_calls": run(spark, Score, settings)["scored_calls"]}


def calls(settings: Settings, table: Table) -> set[str]:
    return {row["call_id"] for row in read_rows(settings, table)}


def test_a_forgotten_call_does_not_come_back(
    spark: SparkSession, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copied()
    assert main(["forget", "--call-id", "c2", *words(settings)]) == 0
    assert all("c2" not in calls(settings, table) for table in TABLES)
    audio = [path.name for path in Path(settings.archive.uri or "").rglob("c2_*")]
    assert audio  # it lies there still
    assert chain(spark, settings)["listed"] == 3
    for table in TABLES:
        assert calls(settings, table) == {"c1", "c3", *({"c4"} if table in (RECORDINGS, CHANNELS, CALL_TALK) else ())}
    monkeypatch.delenv(SECRET_VARIABLE)
    with pytest.raises(SettingsError, match="could come back"):
        Ingest(settings)


def test_a_call_of_one_date_stays_out_and_the_id_may_recur(spark: SparkSession, copied: Copied, tmp_path: Path) -> None:
    settings = copied()
    archive = Path(settings.archive.uri or "")
    recording = next(archive.rglob("c1_*"))
    recurring = archive / "2026" / "03" / "03" / "c1_a9.wav"
    recurring.write_bytes(recording.read_bytes())
    assert main(["forget", "--call-id", "c1", "--call-date", "2026-03-02", *words(settings)]) == 0
    recording.rename(recording.with_name("c1_a7.wav"))  # the same call, uploaded again under another name
    assert chain(spark, settings)["listed"] == 4
    dates = {(row["call_id"], str(row["call_date"])) for row in read_rows(settings, CALL_EMOTIONS)}
    assert dates == {("c1", "2026-03-03"), ("c2", "2026-03-02"), ("c3", "2026-03-03")}


def test_a_customer_is_forgotten_by_metadata(spark: SparkSession, copied: Copied, tmp_path: Path) -> None:
    metadata = tmp_path / "calls.csv"
    metadata.write_text("call_id,call_date,customer\nc1,2026-03-02,4711\nc3,2026-03-03,4711\nc2,2026-03-02,4712\n")
    settings = copied({"archive": {"pattern": PATTERN, "metadata": str(metadata)}})
    chain(spark, settings)
    assert main(["forget", "--where", "customer=4711", *words(settings)]) == 0
    chain(spark, settings)
    assert calls(settings, CALL_EMOTIONS) == {"c2"}
    assert calls(settings, RECORDINGS) == {"c2", "c4"}


def test_old_calls_stay_out_and_new_ones_come(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    assert main(["forget", "--before", "2026-03-03", *words(settings)]) == 0
    store = store_of(settings)
    assert store.partitions(CHANNELS) == store.partitions(RECORDINGS) == [{"call_date": "2026-03-03"}]
    assert chain(spark, settings)["listed"] == 2
    assert calls(settings, RECORDINGS) == {"c3", "c4"}
    assert calls(settings, CALL_EMOTIONS) == {"c3"}


def test_hashed_names_go_through_the_chain(
    spark: SparkSession, copied: Copied, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = copied()
    settings = copied({"privacy": {"hash_ids": True}, "tables": {"uri": str(tmp_path / "hashed")}})
    with caplog.at_level(logging.INFO, logger="ser_core"):
        assert chain(spark, settings) == {"listed": 4, "scored_calls": 3}
    names = Pseudonyms(SECRET.encode())
    assert calls(settings, CALL_EMOTIONS) == {names.call(call) for call in ("c1", "c2", "c3")}
    agents = {row["agent_id"] for row in read_rows(settings, CALL_EMOTIONS)}
    assert len(agents) == 2
    assert not agents & {"a1", "a2"}
    for table in (*TABLES, FEATURES, QUARANTINE, RUNS):
        rows = [{name: value for name, value in row.items() if name != "uri"} for row in read_rows(settings, table)]
        assert not any(call in str(list(row.values())) for row in rows for call in ("'c1'", "'a1'", "c1_a1"))
    same_rows(store_of(plain), store_of(settings), FEATURES)
    assert "extract" in caplog.text
    assert not any(name in caplog.text for name in ("c1_a1", ".wav", "2026/03/02", *calls(settings, RECORDINGS)))
    assert main(["trace", "--call-id", "c1", *words(settings)]) == 0
    assert main(["forget", "--call-id", "c1", *words(settings)]) == 0
    assert names.call("c1") not in calls(settings, RECORDINGS)
    assert chain(spark, settings)["listed"] == 3


def test_tables_that_were_joined_are_scored_alike(spark: SparkSession, copied: Copied) -> None:
    settings = copied()
    before = read_rows(settings, SEGMENT_EMOTIONS)
    store = store_of(settings)
    assert main(["maintain", *words(settings)]) == 0
    for date in ("2026-03-02", "2026-03-03"):
        assert len(store.files_of(CHANNELS, call_date=date)) == 1
        assert len(store.files_of(FEATURES, call_date=date)) == 1
    unchanged = run(spark, Score, settings)
    assert unchanged["scored_calls"] == 0  # it has made no date stale
    extracted = run(spark, Extract, settings)
    assert (extracted["done_before"], extracted["extracted"]) == (4, 0)
    marks = file_marks(Path(settings.tables.uri, "call_emotions"))
    again = settings.model_copy(update={"scoring": settings.scoring.model_copy(update={"again": True})})
    assert run(spark, Score, again)["scored_calls"] == 3
    kept = [(row["recording_id"], row["segment_no"], row["emotion"]) for row in read_rows(settings, SEGMENT_EMOTIONS)]
    assert kept == [(row["recording_id"], row["segment_no"], row["emotion"]) for row in before]
    assert marks.keys() <= file_marks(Path(settings.tables.uri, "call_emotions")).keys()
