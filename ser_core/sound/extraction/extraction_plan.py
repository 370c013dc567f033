"""What is extracted from a recording, and the result. Both are picklable: numpy and plain values."""

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
    """How a recording is extracted. `roles_scored` are the roles whose channels get vectors."""

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
        """The feature set of the vectors."""
        return feature_set(self.features, self.segments)


@dataclass(frozen=True)
class ChannelFeatures:
    """One channel under one condition: a row of `channels`, and its rows of `features`.

    `condition` is the condition's id. `sample_rate` is the recording's; `narrowband` says whether it, or the rate of a
    copy's line, is lower than the analysis rate. `loudness_dbfs` is the root mean square of the whole channel.

    `start_s`, `end_s` and `segment_loudness_dbfs` have the shape (n,), `vectors` (n, dimension), for n segments. Times
    are seconds of the recording, also where a copy is faster or slower. `speech` lists the stretches of speech,
    (start_s, end_s) in order, and `syllables` counts the nuclei in them; both are measured in every mode and role.
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
    """Every channel of a recording under every condition, with segments or without."""

    channels: tuple[ChannelFeatures, ...]
