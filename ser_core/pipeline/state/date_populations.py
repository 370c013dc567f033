"""The statistics of each call date's vectors, with the digest of the channels that they were made from. No Spark."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ser_core.data.tables.populations import population_key
from ser_core.data.tables.store import TableStore
from ser_core.errors import BundleError
from ser_core.learning.training.line_populations import LinePopulations, read_line_populations

_MADE_FROM = "made_from"


@dataclass(frozen=True)
class DatePopulations:
    """One small file a date. It holds means and variances, and nothing of a single call but where a date has no other.

    Attributes:
        store: the tables.
        feature_set_id: of the vectors.
        dimension: of the vectors.
    """

    store: TableStore
    feature_set_id: str
    dimension: int

    def read(self, date: dt.date) -> tuple[str, LinePopulations] | None:
        """The digest and the populations of a date; None where there is no file, or one that cannot be read."""
        data = self.store.storage.read_or_none(population_key(self.feature_set_id, date))
        if data is None:
            return None
        try:
            populations, facts = read_line_populations(data, self.dimension)
            return str(facts[_MADE_FROM]), populations
        except (BundleError, KeyError):
            return None

    def keep(self, date: dt.date, made_from: str, populations: LinePopulations) -> None:
        """Replaces a date's file."""
        data = populations.to_bytes({_MADE_FROM: made_from})
        self.store.put(population_key(self.feature_set_id, date), data)
