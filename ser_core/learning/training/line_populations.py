"""Populations of an archive's vectors by line: what a call came over shifts its vectors, and calls of a line alike.

A line is a band and a codec, such as `narrowband ulaw`. What is kept of a date, and of an archive, has this form.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ser_core.errors import BundleError
from ser_core.learning.training.labelled_features import Floats, Texts
from ser_core.learning.training.population import Population

_FACTS = "facts"
Facts = Mapping[str, Any]


def line_of(narrowband: bool | None, codec: str | None) -> str:
    """The line of a channel, by the columns `narrowband` and `codec` of `channels`."""
    return f"{'narrowband' if narrowband else 'wideband'} {codec or 'unknown'}"


@dataclass(frozen=True)
class LinePopulations:
    """A population for each line, of vectors of one feature set."""

    by_line: Mapping[str, Population]

    @classmethod
    def of(cls, X: Floats, line: Texts, recording_id: Texts) -> LinePopulations:
        """The populations of vectors `X` (n, d), by the `line` (n,) and the `recording_id` (n,) of each."""
        names, number = np.unique(line, return_inverse=True)
        rows = [np.flatnonzero(number.reshape(-1) == place) for place in range(len(names))]
        parts = zip(names.tolist(), rows, strict=True)
        return cls({name: Population.of(X[chosen], recording_id[chosen]) for name, chosen in parts})

    @classmethod
    def merged(cls, several: Iterable[LinePopulations]) -> LinePopulations:
        """All rows together, line by line; none of none."""
        found: dict[str, list[Population]] = {}
        for each in several:
            for line, population in each.by_line.items():
                found.setdefault(line, []).append(population)
        return cls({line: Population.merged(found[line]) for line in sorted(found)})

    @property
    def count(self) -> int:
        """Rows of all lines."""
        return sum(population.count for population in self.by_line.values())

    def together(self) -> Population:
        """The population of all lines.

        Raises:
            ValueError: there is no line.
        """
        return Population.merged(self.by_line[line] for line in sorted(self.by_line))

    def to_bytes(self, facts: Facts) -> bytes:
        """For a file, with `facts` that JSON holds; numbers are restored exactly."""
        lines = sorted(self.by_line)
        arrays = {str(place): self.by_line[line].to_bytes() for place, line in enumerate(lines)}
        arrays[_FACTS] = json.dumps({**facts, "lines": lines}).encode()
        buffer = io.BytesIO()
        np.savez(buffer, **{name: np.frombuffer(data, np.uint8) for name, data in arrays.items()})  # type: ignore[arg-type]
        return buffer.getvalue()


def read_line_populations(data: bytes, dimension: int) -> tuple[LinePopulations, Facts]:
    """What `LinePopulations.to_bytes` wrote: populations of `dimension` features, and the facts.

    Raises:
        BundleError: `data` holds something else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            facts = json.loads(arrays[_FACTS].tobytes())
            stored = {line: arrays[str(place)].tobytes() for place, line in enumerate(facts.pop("lines"))}
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(
            f"Populations cannot be read ({error!r}); remove the file, and the next run makes it again"
        ) from error
    return LinePopulations({line: Population.from_bytes(part, dimension) for line, part in stored.items()}), facts
