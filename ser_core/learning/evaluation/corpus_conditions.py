"""Conditions of the corpus benchmark, by name, and the classifier's settings in each.

The settings were chosen on folds within the training speakers of outer folds. `ser search` may refine them for each
fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ser_core.config.searched import with_overrides
from ser_core.config.settings import AugmentationSettings, TrainingSettings
from ser_core.sound.augmentation import RECORDED, TELEPHONE_CONDITION, Condition, training_conditions
from ser_core.sound.augmentation.ranges import VoiceChange

NOISE_CONDITION = Condition(
    "noise",
    VoiceChange(
        speed=(1.0, 1.0),
        tempo=(1.0, 1.0),
        tempo_share=0.0,
        reverb_share=0.0,
        t60_s=(0.0, 0.0),
        direct_db=(0.0, 0.0),
        tilt_share=0.0,
        tilt_db_per_octave=(0.0, 0.0),
        noise_share=1.0,
        snr_db=(10.0, 10.0),
        colours=(1.0,),
        gain_db=(0.0, 0.0),
    ),
    None,
    0,
)
"""Pink noise 10 dB below the speech, louder than any in training. For tests only."""

_COPIES = AugmentationSettings(varied=4, line=4, seed=0)
_BOTH: Mapping[str, Any] = {
    "members": 16,
    "calibration_members": 4,
    "feature_share": 0.25,
    "balance_classes": True,
    "hidden_layers": [128],
    "alpha": 0.3,
    "batch_size": 64,
    "learning_rate": 0.001,
}
_UNNORMALISED: Mapping[str, Any] = {
    **_BOTH,
    "copies": 4,
    "max_iter": 12,
    "speaker_directions": 5,
    "speaker_normalisation": {"strength_mean": 0.0, "strength_deviation": 0.0, "train_on": "speakers"},
}
# All clips of a speaker have all emotions alike here, so that a speaker's mean holds none of them.
_NORMALISED: Mapping[str, Any] = {
    **_BOTH,
    "copies": 2,
    "max_iter": 15,
    "speaker_directions": 0,
    "speaker_normalisation": {
        "strength_mean": 1.0,
        "strength_deviation": 1.0,
        "prior_segments": 0.5,
        "anchor": 0.0,
        "train_on": "speakers",
    },
}
_TUTORIAL: Mapping[str, Any] = {
    "members": 1,
    "calibration_members": 0,
    "feature_share": 1.0,
    "copies": 0,
    "speaker_directions": 0,
    "balance_classes": False,
    "hidden_layers": [300],
    "alpha": 0.01,
    "batch_size": 256,
    "learning_rate": 0.001,
    "max_iter": 500,
}


@dataclass(frozen=True)
class CorpusCondition:
    """One row of the benchmark's table.

    Attributes:
        name: of the row.
        tested: the condition of the test rows, which training rows have too.
        copies: altered copies of it, for training.
        sample_rate_hz: of the features; None for that of the settings.
        normalised: speaker statistics are of all clips of a speaker, without labels, instead of one clip.
        by_speaker: speaker-independent folds; otherwise random splits of the recordings, with the same speakers in both
            parts.
        scheme: name of the label scheme; None for that of the settings.
        known: what the model knows of a test speaker, in words.
        also: further test conditions of the same models, not trained on, by the name of their own row.
    """

    name: str
    tested: Condition
    copies: tuple[Condition, ...]
    sample_rate_hz: int | None
    normalised: bool
    by_speaker: bool
    scheme: str | None
    known: str
    also: Mapping[str, Condition]

    @property
    def trained(self) -> tuple[Condition, ...]:
        """All training conditions."""
        return (self.tested, *self.copies)

    @property
    def lines(self) -> Mapping[str, Condition]:
        """All test conditions, by the name of their row."""
        return {self.name: self.tested, **self.also}


def recipe(training: TrainingSettings, normalised: bool) -> TrainingSettings:
    """`training` with the benchmark's settings of the classifier; label scheme, seed and folds are kept."""
    return with_overrides(training, _NORMALISED if normalised else _UNNORMALISED)


def tutorial_recipe(training: TrainingSettings, normalised: bool) -> TrainingSettings:
    """`training` with the classifier of the tutorials: one perceptron of 300 units on standardised features."""
    return with_overrides(recipe(training, normalised), _TUTORIAL)


def _conditions() -> Mapping[str, CorpusCondition]:
    copies = training_conditions(_COPIES)
    varied = tuple(copy for copy in copies if copy.name.startswith("varied"))
    line = tuple(copy for copy in copies if copy.name.startswith("line"))
    alone, together = "nothing", "all their clips, unlabelled (transductive, emotions balanced)"
    leaked = "other clips, labelled (speakers leak)"
    wide = {"noise": NOISE_CONDITION}, {"noise_normalised": NOISE_CONDITION}
    conditions = (
        CorpusCondition("unheard_speaker", RECORDED, varied, None, False, True, None, alone, wide[0]),
        CorpusCondition("unheard_speaker_normalised", RECORDED, varied, None, True, True, None, together, wide[1]),
        CorpusCondition("telephone", TELEPHONE_CONDITION, line, 8000, True, True, None, together, {}),
        CorpusCondition("telephone_unnormalised", TELEPHONE_CONDITION, line, 8000, False, True, None, alone, {}),
        CorpusCondition("random_split_4", RECORDED, varied, None, False, False, "tutorial-4", leaked, {}),
    )
    return MappingProxyType({condition.name: condition for condition in conditions})


CONDITIONS = _conditions()
"""By name. `random_split_4` is what tutorials report: four emotions, and the same speakers in both parts."""
