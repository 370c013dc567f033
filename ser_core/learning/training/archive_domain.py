"""An archive as a domain: the population of its own callers over its own lines, in versions that scores name."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.errors import BundleError
from ser_core.learning.training.labelled_features import Floats
from ser_core.learning.training.line_populations import LinePopulations, read_line_populations
from ser_core.learning.training.population import Measuring, Population

_ALL = "all"
_FORMAT = 1


@dataclass(frozen=True)
class DomainRules:
    """When a line has a population of its own, and how much of the training corpora's counts beside it, in segments."""

    min_segments: int
    prior_segments: float


@dataclass(frozen=True)
class DomainPopulations:
    """What the vectors of each line are measured from by one model.

    `by_line` has the lines with enough segments, `others` is for every other line.
    """

    version: str
    by_line: Mapping[str, Population]
    others: Population

    def group(self, line: str | None) -> str | None:
        """The line whose population counts; None for that of all lines."""
        return line if line in self.by_line else None

    def of(self, line: str | None) -> Population:
        """The population that a vector of `line` is measured from."""
        return self.by_line.get(line or "", self.others)

    def of_rows(self, lines: Sequence[str], code: npt.NDArray[np.integer[Any]]) -> Measuring:
        """What rows are measured from of which row i has the line `lines[code[i]]`; neighbours mostly have the same."""
        groups = [self.group(line) for line in lines]
        group = np.array([groups.index(each) for each in groups], dtype=np.intp)[code]
        starts = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist()]
        if len(starts) == 1:
            return self.of(lines[code[0]])
        ends = [*starts[1:], len(code)]
        return _Spans(tuple((a, b, self.of(lines[code[a]])) for a, b in zip(starts, ends, strict=True)))


@dataclass(frozen=True)
class _Spans:
    """Rows from `start` to `end` are measured from a population, the next ones from another."""

    spans: Sequence[tuple[int, int, Population]]

    def standardised(self, X: Floats) -> Floats:
        Z = np.empty(X.shape, dtype=np.float32)
        for start, end, population in self.spans:
            Z[start:end] = population.standardised(X[start:end])
        return Z


@dataclass(frozen=True)
class ArchiveDomain:
    """A version of an archive's domain. It is of a feature set and of no model.

    Attributes:
        feature_set_id: of the vectors.
        made_of: what each date was made from: a digest by date.
        rules: for the lines.
        lines: populations of the lines with enough segments.
        everything: the population of all lines.
    """

    feature_set_id: str
    made_of: Mapping[dt.date, str]
    rules: DomainRules
    lines: LinePopulations
    everything: Population

    @classmethod
    def of(
        cls, feature_set_id: str, dates: Mapping[dt.date, tuple[str, LinePopulations]], rules: DomainRules
    ) -> ArchiveDomain:
        """The domain of the populations of `dates`, each with the digest of what it was made from.

        Raises:
            ValueError: there is no date.
        """
        together = LinePopulations.merged(dates[date][1] for date in sorted(dates))
        enough = {line: each for line, each in together.by_line.items() if each.count >= rules.min_segments}
        made_of = {date: dates[date][0] for date in sorted(dates)}
        return cls(feature_set_id, made_of, rules, LinePopulations(enough), together.together())

    @property
    def newest(self) -> dt.date:
        """The last of its dates."""
        return max(self.made_of)

    @property
    def version(self) -> str:
        """Its newest date, and a hash of what it was made of. The same calls give the same version, in whatever order
        and files they came."""
        dates = {str(date): digest for date, digest in self.made_of.items()}
        text = json.dumps([self.feature_set_id, dates, asdict(self.rules)], sort_keys=True)
        return f"{self.newest}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def measured(self, training: Population) -> DomainPopulations:
        """The populations for a model of the population `training`.

        All lines together are shrunk towards that of training, and a line towards all lines: a young archive is
        measured almost as the training corpora were, and a line of few calls almost as the archive is.
        """
        prior = self.rules.prior_segments
        others = self.everything.shrunk(training, prior)
        lines = {line: each.shrunk(others, prior) for line, each in self.lines.by_line.items()}
        return DomainPopulations(self.version, lines, others)

    def to_bytes(self) -> bytes:
        """For a file."""
        facts: dict[str, Any] = {
            "format": _FORMAT,
            "version": self.version,
            "feature_set_id": self.feature_set_id,
            "segments": self.everything.count,
            "made_of": {str(date): digest for date, digest in self.made_of.items()},
            "rules": asdict(self.rules),
        }
        return LinePopulations({**self.lines.by_line, _ALL: self.everything}).to_bytes(facts)


def read_archive_domain(data: bytes, dimension: int) -> ArchiveDomain:
    """What `ArchiveDomain.to_bytes` wrote, for vectors of `dimension` values.

    Raises:
        BundleError: `data` holds no domain, or one of other vectors.
    """
    populations, facts = read_line_populations(data, dimension)
    lines = dict(populations.by_line)
    try:
        if facts["format"] != _FORMAT:
            raise ValueError(f"format {facts['format']}, expected {_FORMAT}")
        made_of = {dt.date.fromisoformat(date): str(digest) for date, digest in facts["made_of"].items()}
        rules, everything = DomainRules(**facts["rules"]), lines.pop(_ALL)
        domain = ArchiveDomain(facts["feature_set_id"], made_of, rules, LinePopulations(lines), everything)
        if facts["version"] != domain.version:
            raise ValueError(f"it is {domain.version} and says {facts['version']}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"A domain cannot be read ({error!r}); remove it, and the next run makes it again") from error
    return domain
