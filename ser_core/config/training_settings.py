"""Settings of training: augmentation, the classifier, speaker normalisation and evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from ser_core.config.base import NotNegative, Positive, PositiveInt, Section, Share
from ser_core.emotions import SCHEME_NAMES


class AugmentationSettings(Section):
    """Altered copies of a corpus's recordings, made at extraction and used in training only."""

    varied: Annotated[int, Field(ge=0, le=16)]
    line: Annotated[int, Field(ge=0, le=16)]
    seed: Annotated[int, Field(ge=0)]


class SpeakerNormalisationSettings(Section):
    """How far a speaker's own mean and deviation replace the population's. Kept in the model and applied in scoring."""

    strength_mean: Share
    strength_deviation: Share
    prior_segments: Positive
    anchor: Share
    train_on: Literal["speakers", "calls"]


class SeveralCorporaSettings(Section):
    """What differs where a model is trained on several corpora, for voices, rooms and languages of none of them."""

    alpha: NotNegative
    max_iter: PositiveInt
    strength_deviation: Share
    members_left_out: PositiveInt


class TrainingSettings(Section):
    """The classifier, its data and its evaluation."""

    licence: Literal["any", "commercial"]
    label_scheme: str
    max_rows: Annotated[int, Field(ge=10)]
    seed: Annotated[int, Field(ge=0)]
    members: PositiveInt
    calibration_members: Annotated[int, Field(ge=0)]
    feature_share: Annotated[float, Field(gt=0, le=1)]
    copies: Annotated[int, Field(ge=0)]
    speaker_directions: Annotated[int, Field(ge=0)]
    balance_classes: bool
    hidden_layers: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    alpha: NotNegative
    batch_size: PositiveInt
    learning_rate: Positive
    max_iter: PositiveInt
    speaker_normalisation: SpeakerNormalisationSettings
    several_corpora: SeveralCorporaSettings
    folds: Literal["corpus", "group"]
    group_folds: Annotated[int, Field(ge=2)]
    warn_accuracy_below: Share

    @field_validator("label_scheme")
    @classmethod
    def _is_a_scheme(cls, value: str) -> str:
        if value not in SCHEME_NAMES:
            raise ValueError(f"{value!r} is no label scheme; there are {', '.join(SCHEME_NAMES)}")
        return value
