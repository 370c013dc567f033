"""When a domain is made, from which dates, and what a run reads for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from ser_core.config import Settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.packed import packed
from ser_core.data.tables.populations import forget_populations
from ser_core.data.tables.schemas import features_schema
from ser_core.data.tables.store import TableStore
from ser_core.errors import BundleError
from ser_core.learning.training.archive_domain import DomainPopulations
from ser_core.learning.training.bundle import Model
from ser_core.learning.training.domain_files import DomainFiles
from ser_core.learning.training.population import Population
from ser_core.pipeline.engine.cluster import Cluster
from ser_core.pipeline.stages import domain_renewal
from ser_core.pipeline.stages.domain_renewal import DomainRenewal
from ser_core.pipeline.stages.score_plan import PLAN, TO_SCORE
from ser_core.pipeline.state.dates import Dates
from tests.support.pipeline import job_settings

FIRST = dt.date(2026, 3, 2)
D = 4
SET = "set@8k"


class Heard:
    """As much of a model as a domain needs."""

    feature_set_id = SET
    feature_names = tuple("abcd")
    population = Population.of(np.random.default_rng(0).normal(0, 1, (400, D)).astype(np.float32))


class Archive:
    """Dates of one recording in each of two lines, and the runs that score them."""

    def __init__(self, root: Path, **domain: Any) -> None:
        self.settings: Settings = job_settings(root, {"domain": {"young_segments": 100, **domain}})
        self.store = TableStore(open_storage(self.settings.tables.uri, self.settings.storage))
        self.models = open_storage(self.settings.models.uri, self.settings.storage)
        self.cluster = Cluster("test", self.settings.spark)
        self.dates = Dates(self.store)
        self.plans: dict[dt.date, dict[str, Any]] = {}

    def add(self, day: int, segments: int = 20, made_from: str = "first") -> None:
        """A date, as extraction and planning leave it; half of its segments are narrowband and 10 higher."""
        date = FIRST + dt.timedelta(days=day)
        file = f"channels/call_date={date}/run-00000-0.parquet"
        names, half = ("r0", "r1"), segments // 2
        X = np.random.default_rng(day).normal(0, 1, (2 * half, D)).astype(np.float32)
        X[half:] += 10
        rows = {
            "recording_id": np.repeat([f"{date}-{name}" for name in names], half),
            "version": ["v"] * 2 * half,
            "channel": np.zeros(2 * half, np.int16),
            "segment_no": np.tile(np.arange(half, dtype=np.int32), 2),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), D),
        }
        schema = pa.schema([features_schema(D).field(name) for name in rows])
        self.store.write(file.replace("channels/", "features/"), pa.table(rows, schema=schema))
        line = {"r0": "wideband opus", "r1": "narrowband ulaw"}
        channels = [
            {"recording_id": f"{date}-{name}", "version": "v", "channel": 0, "call_date": date, "file": file,
             "segments": half, "line": line[name]} for name in names
        ]  # fmt: skip
        self.plans[date] = {
            "call_date": date,
            "population_inputs": f"{date}-{made_from}",
            "segments": 2 * half,
            "channels": packed(pa.Table.from_pylist(channels, schema=TO_SCORE)),
        }
        self.dates.update(date, extracted=2)

    def run(self, *days: int, **domain: Any) -> DomainPopulations | None:
        """What a run of these dates measures from; all of them where none is named."""
        named = [FIRST + dt.timedelta(days=day) for day in days] or list(self.plans)
        plans = {date: self.plans[date] for date in named}
        planned = self.cluster.rows(pa.Table.from_pylist(list(plans.values()), schema=PLAN))
        updated = self.settings.domain.model_copy(update=domain)
        settings = self.settings.model_copy(update={"domain": updated})
        renewal = DomainRenewal(settings, self.store, self.models, cast(Model, Heard()))
        return renewal.populations(self.cluster, planned, plans, self.dates)

    def versions(self) -> list[str]:
        return sorted(info.key for info in self.models.list() if info.key.endswith(".npz"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[list[dt.date]]:
    """The dates whose vectors are read, by pass."""
    seen: list[list[dt.date]] = []
    real = domain_renewal.measure_dates

    def measure(cluster: Any, store: Any, planned: Any, dates: Any, dimension: int) -> Mapping[dt.date, Any]:
        seen.append(sorted(dates))
        return real(cluster, store, planned, dates, dimension)

    monkeypatch.setattr(domain_renewal, "measure_dates", measure)
    return seen


def version(measured: DomainPopulations | None) -> str:
    assert measured is not None
    return measured.version


def test_vectors_are_read_once_and_a_repeated_run_measures_the_same(tmp_path: Path, reads: list[Any]) -> None:
    archive = Archive(tmp_path)
    archive.add(0)
    archive.add(1)
    first = archive.run()
    again = archive.run()
    assert reads == [[FIRST, FIRST + dt.timedelta(days=1)]]
    assert first is not None and again is not None and first.version == again.version
    assert (first.others.mean == again.others.mean).all()
    assert len(archive.versions()) == 1
    assert first.others.mean == pytest.approx((40 * 5 + 500 * Heard.population.mean) / 540, abs=0.2)


def test_a_young_domain_is_renewed_with_every_new_call_and_an_old_one_by_its_age(tmp_path: Path) -> None:
    archive = Archive(tmp_path, renew_days=5)
    archive.add(0, 40)
    young = version(archive.run())
    archive.add(1, 80)
    grown = version(archive.run(1))
    assert young != grown and grown.startswith("2026-03-03")  # 120 segments: no longer young
    archive.add(2)
    archive.add(5)
    assert version(archive.run(2, 5)) == grown
    archive.add(6)
    renewed = archive.run(6)
    assert version(renewed).startswith("2026-03-08") and len(archive.versions()) == 3
    assert version(archive.run(0)) == version(renewed)  # an old date, scored again


def test_of_the_newest_dates_only(tmp_path: Path, reads: list[Any]) -> None:
    archive = Archive(tmp_path, days=3)
    for day in range(6):
        archive.add(day)
    archive.run()
    newest = [FIRST + dt.timedelta(days=day) for day in (3, 4, 5)]
    assert reads == [newest]
    current = DomainFiles(archive.models, archive.settings.archive.name, SET, D).current()
    assert current is not None and list(current.made_of) == newest
    archive.run(0)
    assert reads == [newest]  # a date that no version will be made of is not read


def test_changed_and_forgotten_calls_are_read_again(tmp_path: Path, reads: list[Any]) -> None:
    archive = Archive(tmp_path)
    archive.add(0)
    before = version(archive.run())
    archive.add(0, 22, "more calls")
    after = version(archive.run())
    assert before != after and len(reads) == 2
    forget_populations(archive.store, FIRST)
    assert version(archive.run()) == after and len(reads) == 3


def test_a_date_that_is_held_back_is_left_out(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.add(0)
    plain = version(archive.run())
    archive.add(1)
    archive.dates.hold(FIRST + dt.timedelta(days=1), "drift: odd", "run", dt.datetime.now(dt.UTC))
    assert version(archive.run()) == plain


def test_a_run_that_was_killed_is_repeated_with_the_same_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = Archive(tmp_path / "whole"), Archive(tmp_path / "killed")
    for archive in (whole, killed):
        archive.add(0)
        archive.add(1)
    with monkeypatch.context() as patch:
        patch.setattr(DomainFiles, "keep", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            killed.run()
    ours, theirs = whole.run(), killed.run()
    assert version(ours) == version(theirs)
    assert ours is not None and theirs is not None and (ours.others.variance == theirs.others.variance).all()


def test_a_version_can_be_named_and_the_domain_left_out(tmp_path: Path, reads: list[Any]) -> None:
    archive = Archive(tmp_path)
    archive.add(0)
    first = version(archive.run())
    archive.add(1)
    assert version(archive.run()) != first
    count = len(reads)
    assert version(archive.run(version=first)) == first
    assert archive.run(enabled=False) is None
    assert len(reads) == count
    with pytest.raises(BundleError, match=f"there is {first}"):
        archive.run(version="2026-01-01-00000000")


def test_without_vectors_there_is_no_domain(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.plans[FIRST] = {"call_date": FIRST, "population_inputs": None, "segments": 0, "channels": None}
    assert archive.run() is None
    assert archive.versions() == []
