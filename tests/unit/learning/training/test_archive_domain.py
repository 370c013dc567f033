"""The archive's own population: merged from its dates, by line, shrunk where it is young, named by what it is of."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.data.storage import open_storage
from ser_core.errors import BundleError
from ser_core.learning.training.archive_domain import ArchiveDomain, DomainRules, read_archive_domain
from ser_core.learning.training.bundle import list_bundles
from ser_core.learning.training.domain_files import DOMAINS, DomainFiles
from ser_core.learning.training.line_populations import LinePopulations, line_of, read_line_populations
from ser_core.learning.training.population import Population

FIRST = dt.date(2026, 3, 2)
D = 3
RULES = DomainRules(min_segments=200, prior_segments=500.0)
TRAINING = Population.of(np.random.default_rng(9).normal(0.0, 1.0, (400, D)).astype(np.float32))


def vectors(count: int, seed: int, offset: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(offset, 2.0, (count, D)).astype(np.float32)


def day(seed: int, counts: dict[str, tuple[int, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, lines and recordings of a date, by line the number of vectors and their mean; ten to a recording."""
    X = np.concatenate([vectors(count, seed + place, at) for place, (count, at) in enumerate(counts.values())])
    line = np.repeat(list(counts), [count for count, _ in counts.values()])
    recording = np.array([f"{seed}-{row // 10}" for row in range(len(X))])
    return X, line, recording


DAYS = {
    FIRST + dt.timedelta(days=n): day(100 * n, {"narrowband ulaw": (150, 10.0), "wideband opus": (40, -5.0)})
    for n in range(3)
}


def domain(days: dict[dt.date, tuple[np.ndarray, np.ndarray, np.ndarray]], rules: DomainRules = RULES) -> ArchiveDomain:
    return ArchiveDomain.of(
        "set@8k", {date: (f"made-{date}", LinePopulations.of(*x)) for date, x in days.items()}, rules
    )


def test_dates_merge_to_the_population_of_all_their_vectors() -> None:
    merged = LinePopulations.merged(LinePopulations.of(*each) for each in DAYS.values())
    X, line, recording = (np.concatenate(parts) for parts in zip(*DAYS.values(), strict=True))
    together = LinePopulations.of(X, line, recording)
    assert merged.count == together.count == len(X)
    for name in ("narrowband ulaw", "wideband opus"):
        assert merged.by_line[name].mean == pytest.approx(together.by_line[name].mean, rel=1e-9)
        assert merged.by_line[name].variance == pytest.approx(together.by_line[name].variance, rel=1e-9)
    assert merged.together().mean == pytest.approx(Population.of(X, recording).mean, rel=1e-9)


def test_a_line_of_its_own_needs_enough_segments() -> None:
    measured = domain(DAYS).measured(TRAINING)
    assert set(measured.by_line) == {"narrowband ulaw"}
    assert [measured.group(line) for line in ("narrowband ulaw", "wideband opus", None)] == [
        "narrowband ulaw",
        None,
        None,
    ]
    assert measured.of("wideband opus") is measured.of("never heard") is measured.others


def test_a_young_archive_is_measured_almost_from_the_training_corpora() -> None:
    young = domain({FIRST: day(1, {"narrowband ulaw": (10, 10.0)})}).measured(TRAINING)
    old = domain({FIRST: day(1, {"narrowband ulaw": (50_000, 10.0)})}).measured(TRAINING)
    assert young.others.mean == pytest.approx((10 * 10 + 500 * TRAINING.mean) / 510, abs=0.05)
    assert old.others.mean == pytest.approx(np.full(D, 10.0), abs=0.2)
    assert old.of("narrowband ulaw").mean == pytest.approx(np.full(D, 10.0), abs=0.05)
    assert old.others.deviation == pytest.approx(np.full(D, 2.0), abs=0.1)


def test_a_line_of_few_calls_is_shrunk_towards_its_own_archive() -> None:
    counts = {"narrowband ulaw": (20_000, 10.0), "wideband opus": (500, 20.0)}
    line = domain({FIRST: day(1, counts)}).measured(TRAINING).of("wideband opus")
    assert 14.5 < line.mean.mean() < 16  # half of the way from all lines, at 10.2, and not from training, at 0


def test_a_version_is_named_by_what_it_is_of() -> None:
    version = domain(DAYS).version
    assert version.startswith("2026-03-04-")
    assert version == domain(dict(reversed(DAYS.items()))).version
    others = (
        domain(dict(list(DAYS.items())[1:])),
        domain(DAYS, DomainRules(200, 400.0)),
        ArchiveDomain.of(
            "set@16k", {date: (f"made-{date}", LinePopulations.of(*x)) for date, x in DAYS.items()}, RULES
        ),
        ArchiveDomain.of("set@8k", {date: ("other", LinePopulations.of(*x)) for date, x in DAYS.items()}, RULES),
    )
    assert len({version, *(each.version for each in others)}) == 5


def test_a_domain_comes_back_from_its_file() -> None:
    before = domain(DAYS)
    after = read_archive_domain(before.to_bytes(), D)
    assert (after.version, after.newest, after.rules, after.made_of) == (
        before.version, before.newest, before.rules, before.made_of
    )  # fmt: skip
    for line in ("narrowband ulaw", "wideband opus"):
        ours, theirs = (each.measured(TRAINING).of(line) for each in (before, after))
        assert (ours.mean == theirs.mean).all() and (ours.variance == theirs.variance).all()


def test_what_is_no_domain_is_refused() -> None:
    data = domain(DAYS).to_bytes()
    with pytest.raises(BundleError, match="expected 4 features"):
        read_archive_domain(data, D + 1)
    for damaged in (b"", data[:200], LinePopulations({}).to_bytes({}), data.replace(b'"format": 1', b'"format": 9')):
        with pytest.raises(BundleError):
            read_archive_domain(damaged, D)
    assert read_line_populations(LinePopulations({}).to_bytes({"a": 1}), D) == (LinePopulations({}), {"a": 1})


def test_versions_lie_beside_the_models_and_one_is_current(tmp_path: Path) -> None:
    models = open_storage(str(tmp_path), load_settings(environ={}).storage)
    files = DomainFiles(models, "calls/of us", "set@8k", D)
    assert files.current() is None
    old, new = domain({FIRST: DAYS[FIRST]}), domain(DAYS)
    files.keep(old)
    files.keep(new)
    current = files.current()
    assert current is not None
    assert (current.version, files.read(old.version).version) == (new.version, old.version)
    with pytest.raises(BundleError, match=f"there is {old.version}, {new.version}"):
        files.read("2026-01-01-00000000")
    assert DomainFiles(models, "calls", "set@8k", D).current() is None  # another archive
    assert DomainFiles(models, "calls/of us", "set@16k", D).current() is None  # other vectors
    assert [child.rstrip("/") for child in models.children("")] == [DOMAINS]
    assert list_bundles(models, "emotions") == []


def test_lines_are_bands_and_codecs() -> None:
    lines = [line_of(True, "ulaw"), line_of(False, "ulaw"), line_of(None, None)]
    assert lines == ["narrowband ulaw", "wideband ulaw", "wideband unknown"]
