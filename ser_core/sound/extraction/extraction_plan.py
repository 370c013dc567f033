"""What is computed of a recording, and what comes out: picklable, of numpy and plain values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import (
    AudioSettings,
    FeatureSettings,
    LimitSettings,
    RoleSettings,
    SegmentSettings,
    Settings,
)
from ser_core.sound.features import FeatureSet, feature_set

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ExtractionPlan:
    """What is computed of a recording. `roles_scored` are the roles whose channels get vectors."""

    features: FeatureSettings
    segments: SegmentSettings
    audio: AudioSettings
    limits: LimitSettings
    roles: RoleSettings
    roles_scored: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> ExtractionPlan:
        """The plan of a job's settings."""
        return cls(
            settings.features,
            settings.segments,
            settings.audio,
            settings.limits,
            settings.roles,
            tuple(settings.scoring.roles),
        )

    @property
    def feature_set(self) -> FeatureSet:
        """The feature set the vectors are of."""
        return feature_set(self.features, self.segments)


@dataclass(frozen=True)
class ChannelFeatures:
    """One channel under one condition: a row of `channels`, and its rows of `features`.

    `condition` is the condition's id. `sample_rate` is the recording's; `narrowband`: it, or that of a copy's line, is
    lower than the analysis rate. `loudness_dbfs` is the root mean square of the whole channel, `segment_loudness_dbfs`
    of each segment, shape (n,), as `start_s` and `end_s` are, in seconds of the recording, also where a copy is faster
    or slower. `vectors` has the shape (n, dimension). `speech` are the stretches of speech, (start_s, end_s) in order,
    and `syllables` the nuclei in them; both are measured whatever the mode and the role.
    """

    channel: int
    condition: str
    role: str
    codec: str
    sample_rate: int
    narrowband: bool
    duration_s: float
    speech: list[tuple[float, float]]
    syllables: int
    loudness_dbfs: float
    start_s: npt.NDArray[np.float64]
    end_s: npt.NDArray[np.float64]
    segment_loudness_dbfs: Array
    vectors: Array


@dataclass(frozen=True)
class ExtractedRecording:
    """A recording that was extracted: every channel under every condition, with segments or without."""

    channels: tuple[ChannelFeatures, ...]
