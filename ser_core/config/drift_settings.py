"""Settings of the stop rules: how far a date may differ from those before it."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from ser_core.config.base import Positive, PositiveInt, Section, Share


class Limits(Section):
    """Limits of a measure: beyond `warn` there is a warning, beyond `refuse` the date is not published."""

    warn: Positive
    refuse: Positive

    @model_validator(mode="after")
    def _are_in_order(self) -> Limits:
        if self.refuse < self.warn:
            raise ValueError(f"refuse {self.refuse} is below warn {self.warn}: expected at least warn")
        return self


class DriftSettings(Section):
    """When a date is warned about, and when it is held back."""

    action: Literal["refuse", "warn"]
    baseline_days: PositiveInt
    min_days: PositiveInt
    max_lost_share: Share
    quarantine_share: Limits
    volume_factor: Limits
    label_psi: Limits
    confidence_psi: Limits
    feature_psi: Limits
    codec_psi: Limits
    familiarity_drop: Limits
    model_label_psi: Limits
    model_confidence_psi: Limits
    model_undecided: Limits

    @model_validator(mode="after")
    def _can_refuse(self) -> DriftSettings:
        if self.min_days > self.baseline_days:
            raise ValueError(
                f"min_days {self.min_days} is above baseline_days {self.baseline_days}, so that no date would ever be "
                "refused: expected at most baseline_days (action: warn says the same plainly)"
            )
        return self
