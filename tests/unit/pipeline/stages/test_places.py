"""The same fault of a place has the same exit code, whichever place it is: 2 before work."""

from __future__ import annotations

from pathlib import Path

import pytest

from ser_core.pipeline.stages.extract import Extract
from ser_core.pipeline.stages.ingest import Ingest
from ser_core.pipeline.stages.job import Work, run_job
from ser_core.pipeline.stages.nightly import Nightly
from ser_core.pipeline.stages.score import Score
from ser_core.pipeline.stages.train import Train

PLACES = [
    *((work, "archive.uri") for work in (Ingest, Nightly)),
    *((work, "tables.uri") for work in (Ingest, Extract, Score, Nightly)),
    *((work, "models.uri") for work in (Score, Train)),
    (Train, "corpus.tables_uri"),
]
FAULTS = ("bucket", "key", "secret", "endpoint")


def words(folder: Path, url: str, place: str, uri: str, fault: str) -> list[str]:
    (folder / "archive").mkdir()
    places = {name: str(folder / name) for name in ("tables", "models")} | {"archive": str(folder / "archive")}
    named = {f"{name}.uri": path for name, path in places.items()}
    named |= {"corpus.uri": str(folder / "corpus"), "corpus.tables_uri": str(folder / "corpus-tables"), place: uri}
    given = [word for name, value in named.items() for word in (f"--{name.replace('_', '-')}", value)]
    time_out = str(10 + FAULTS.index(fault))  # a client for each set of credentials
    s3 = {"endpoint-url": url, "region": "us-east-1", "outage-s": "0.5", "read-timeout-s": time_out}
    return [*given, *(word for name, value in s3.items() for word in (f"--storage.s3.{name}", value))]


@pytest.mark.parametrize(("work", "place"), PLACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_place_that_cannot_be_used_is_a_fault_of_the_settings(
    work: type[Work],
    place: str,
    fault: str,
    s3_server: str,
    s3_bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    uri, url, said = f"s3://{s3_bucket}/x", s3_server, "the credentials were refused"
    if fault == "bucket":
        uri, said = "s3://no-such-bucket/x", "no such bucket"
    elif fault == "endpoint":
        url, said = "http://127.0.0.1:9", "cannot be reached for 0.5 s"
    else:
        monkeypatch.setenv({"key": "AWS_ACCESS_KEY_ID", "secret": "AWS_SECRET_ACCESS_KEY"}[fault], "wrong")
    assert run_job(work, words(tmp_path, url, place, uri, fault)) == 2
    result = capfd.readouterr().err
    assert f"{place}: s3://" in result
    assert said in result
