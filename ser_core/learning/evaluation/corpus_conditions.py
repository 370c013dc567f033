"""What the corpus benchmark trains and tests: conditions by name, and the classifier's settings in each.

The settings were chosen on folds within the training speakers of outer folds; a search may refine them fold by fold
(`ser search`).
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
"""Pink noise 10 dB below the speech: louder than any that is trained on. Tested only."""

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
_NORMALISED: Mapping[str, Any] = {
    **_BOTH,
    "copies": 2,
    "max_iter": 15,
    "speaker_directions": 0,
    "speaker_normalisation": {
        "strength_mean": 1.0,
        "strength_deviation": 1.0,
        "prior_segments": 0.5,
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
    """One line of the benchmark's table.

    Tested is what is heard under `tested`; trained on that and on its altered `copies`. `also` holds, by the name of
    their own line, conditions that the same models are tested under without having heard them. `sample_rate_hz` of the
    features is the settings' own where None. With `normalised`, all of a speaker's clips, without their labels, tell
    how the speaker sounds. `by_speaker`: speaker-independent folds, else a random split of the recordings, in which
    the same speakers are trained on and tested. `scheme` names the label scheme, None: the settings' own. `known` says
    what is known of a speaker who is tested.
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
    def heard(self) -> tuple[Condition, ...]:
        """All that is trained on."""
        return (self.tested, *self.copies)

    @property
    def lines(self) -> Mapping[str, Condition]:
        """All that is tested, by the name of its line."""
        return {self.name: self.tested, **self.also}


def recipe(training: TrainingSettings, normalised: bool) -> TrainingSettings:
    """`training` with the benchmark's settings of the classifier; label scheme, seed and folds stay."""
    return with_overrides(training, _NORMALISED if normalised else _UNNORMALISED)


def tutorial_recipe(training: TrainingSettings, normalised: bool) -> TrainingSettings:
    """`training` with the classifier of the tutorials: one perceptron of 300 units on standardised features."""
    return with_overrides(recipe(training, normalised), _TUTORIAL)


def _conditions() -> Mapping[str, CorpusCondition]:
    copies = training_conditions(_COPIES)
    varied = tuple(one for one in copies if one.name.startswith("varied"))
    line = tuple(one for one in copies if one.name.startswith("line"))
    alone, together = "nothing", "all their clips, unlabelled (transductive, emotions balanced)"
    leaked = "other clips, labelled (speakers leak)"
    wide = {"noise": NOISE_CONDITION}, {"noise_normalised": NOISE_CONDITION}
    every = (
        CorpusCondition("unheard_speaker", RECORDED, varied, None, False, True, None, alone, wide[0]),
        CorpusCondition("unheard_speaker_normalised", RECORDED, varied, None, True, True, None, together, wide[1]),
        CorpusCondition("telephone", TELEPHONE_CONDITION, line, 8000, True, True, None, together, {}),
        CorpusCondition("telephone_unnormalised", TELEPHONE_CONDITION, line, 8000, False, True, None, alone, {}),
        CorpusCondition("random_split_4", RECORDED, varied, None, False, False, "tutorial-4", leaked, {}),
    )
    return MappingProxyType({one.name: one for one in every})


CONDITIONS = _conditions()
"""By name. `random_split_4` is what tutorials report: their four emotions, and the same speakers in both parts."""
