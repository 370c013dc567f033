"""What is kept of a date's vectors."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from ser_core.config import load_settings
from ser_core.data.storage import open_storage
from ser_core.data.tables.populations import forget_populations, population_key
from ser_core.data.tables.store import TableStore
from ser_core.learning.training.line_populations import LinePopulations
from ser_core.pipeline.state.date_populations import DatePopulations

DATE = dt.date(2026, 3, 2)
X = np.random.default_rng(1).normal(2, 1, (50, 4)).astype(np.float32)
POPULATIONS = LinePopulations.of(X, np.repeat(["a", "b"], 25), np.array([f"r{n // 5}" for n in range(50)]))


def test_a_dates_populations_come_back_until_they_are_forgotten(tmp_path: Path) -> None:
    store = TableStore(open_storage(str(tmp_path), load_settings(environ={}).storage))
    kept = DatePopulations(store, "set@8k/1", 4)
    assert kept.read(DATE) is None
    kept.keep(DATE, "50-abc", POPULATIONS)
    found = kept.read(DATE)
    assert found is not None and found[0] == "50-abc"
    assert (found[1].by_line["b"].mean == POPULATIONS.by_line["b"].mean).all()
    assert DatePopulations(store, "other", 4).read(DATE) is None
    DatePopulations(store, "other", 4).keep(DATE, "x", POPULATIONS)
    forget_populations(store, DATE + dt.timedelta(days=1))
    assert kept.read(DATE) is not None
    forget_populations(store, DATE)
    assert kept.read(DATE) is None
    assert DatePopulations(store, "other", 4).read(DATE) is None


def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path) -> None:
    store = TableStore(open_storage(str(tmp_path), load_settings(environ={}).storage))
    kept = DatePopulations(store, "set@8k", 4)
    store.put(population_key("set@8k", DATE), b"half a fi")
    assert kept.read(DATE) is None
    kept.keep(DATE, "50-abc", POPULATIONS)
    assert DatePopulations(store, "set@8k", 5).read(DATE) is None
