"""Settings of decoding, segments and features: everything that a feature vector depends on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ser_core.config.base import Positive, PositiveInt, Section


class FeatureSettings(Section):
    """The feature set. The fields after the rate are parameters of `paper-180` only.

    Parameters that change a number are part of the set's fingerprint.
    """

    set: Literal["paper-180", "functionals-v1", "functionals-v2"]
    sample_rate_hz: Annotated[int, Field(ge=4000, le=96000)]
    n_fft: Annotated[int, Field(ge=64, le=65536)]
    hop_length: PositiveInt
    mel_scale: Literal["slaney", "htk"]
    mfcc: bool
    chroma: bool
    mel: bool

    @model_validator(mode="after")
    def _has_features(self) -> FeatureSettings:
        if self.set != "paper-180":
            if self.sample_rate_hz < 8000:
                raise ValueError(f"{self.set} needs a sample_rate_hz of 8000 or more, not {self.sample_rate_hz}")
            return self
        if not (self.mfcc or self.chroma or self.mel):
            raise ValueError("mfcc, chroma and mel are all off: switch at least one on")
        if self.hop_length > self.n_fft:
            raise ValueError(f"hop_length {self.hop_length} is longer than n_fft {self.n_fft}: audio would be skipped")
        return self


class SegmentSettings(Section):
    """How speech is found in a channel, and how the channel is cut into segments. Fingerprinted with the features."""

    mode: Literal["speech", "window", "whole"]
    window_s: Positive
    min_s: Positive
    max_s: Annotated[float, Field(ge=1, le=60)]
    pause_s: Annotated[float, Field(ge=0.1, le=2)]
    margin_s: Annotated[float, Field(ge=0, le=0.5)]
    above_noise_db: Positive
    below_peak_db: Positive

    @model_validator(mode="after")
    def _lengths_fit(self) -> SegmentSettings:
        if self.min_s > self.window_s:
            raise ValueError(f"min_s {self.min_s} is longer than window_s {self.window_s}")
        if self.min_s > self.max_s:
            raise ValueError(f"min_s {self.min_s} is longer than max_s {self.max_s}")
        return self


class Headerless(Section):
    """Content of recordings without a header: ITU-T G.711, channels interleaved."""

    codec: Literal["ulaw", "alaw"]
    sample_rate_hz: Annotated[int, Field(ge=4000, le=48000)]
    channels: Annotated[int, Field(ge=1, le=8)]


class AudioSettings(Section):
    """How recordings are decoded that do not describe themselves."""

    headerless: Headerless | None
