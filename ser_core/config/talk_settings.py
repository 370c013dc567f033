"""Settings of whole calls: talk, engagement and transcripts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ser_core.config.base import NotNegative, Positive, Section, Share


class TalkSettings(Section):
    """From when on a gap is a silence, and overlapping speech an interruption."""

    silence_s: NotNegative
    pause_s: NotNegative
    interruption_floor_s: NotNegative
    interruption_overlap_s: NotNegative
    interruption_hold_s: NotNegative
    interruption_yield_s: Positive

    @model_validator(mode="after")
    def _can_happen(self) -> TalkSettings:
        if self.interruption_overlap_s > self.interruption_yield_s:
            raise ValueError(
                f"interruption_overlap_s {self.interruption_overlap_s} is longer than interruption_yield_s "
                f"{self.interruption_yield_s}: no overlap could be an interruption"
            )
        return self


class EngagementSettings(Section):
    """Weights of the terms of a customer's engagement; only their proportions count."""

    arousal: Positive
    valence_trend: NotNegative
    talk_share: NotNegative


class TranscriptSettings(Section):
    """Transcripts beside the recordings, and how much their words count."""

    enabled: bool
    suffixes: Annotated[tuple[Annotated[str, Field(pattern=r"^[^/]*\.(?i:json|vtt)$")], ...], Field(min_length=1)]
    weight: Share
