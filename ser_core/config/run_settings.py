"""Settings of dates, leases and retention."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field, model_validator

from ser_core.config.base import Positive, PositiveInt, Section, Share


class RetentionSettings(Section):
    """What happens to rows of calls whose audio is gone."""

    follow_audio: bool
    max_gone_share: Share


class LeaseSettings(Section):
    """How long a lease lasts without renewal, and without progress of its run."""

    expiry_s: Positive
    stall_s: Positive


class NightlySettings(Section):
    """Which dates a night works on, and how much of them it has to score."""

    lookback_days: Annotated[int, Field(ge=0)]
    full_listing_days: PositiveInt
    max_unscored_share: Share


class DateRange(Section):
    """Dates from `from` to `to`, both included."""

    from_: dt.date | None = Field(alias="from")
    to: dt.date | None

    @model_validator(mode="after")
    def _is_a_range(self) -> DateRange:
        if (self.from_ is None) != (self.to is None):
            raise ValueError("only one end is set: expected both from and to, YYYY-MM-DD")
        if self.from_ and self.to and self.from_ > self.to:
            raise ValueError(f"from {self.from_} is after to {self.to}")
        return self
