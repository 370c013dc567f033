from __future__ import annotations

from typing import Any

from ser_core.config.settings import TrainingSettings
from ser_core.learning.training.provenance import how_it_was_made


def made(settings: TrainingSettings, **changes: Any) -> str:
    defaults = {"perceptrons": 1, "calibration_groups": 0, "temperature": 1.0, "altered_rows": {}, "augmentation": []}
    return how_it_was_made({"parameters": settings.model_dump(mode="json"), **defaults, **changes})


def test_the_text_of_the_plain_recipe(quick: TrainingSettings) -> None:
    text = made(quick)
    assert "No augmentation" in text
    assert "One perceptron: hidden layers of 16 neurons, 60 epochs at most, equal class weights" in text
    assert "not calibrated" in text
    assert "directions" not in text
    assert "strength 1 of the mean and 0.5 of the deviation" in text
    assert "over all segments of a speaker, separately by condition" in text


def test_no_normalisation_and_calls(quick: TrainingSettings) -> None:
    def normalised(**changes: Any) -> str:
        changed = quick.speaker_normalisation.model_copy(update=changes)
        return made(quick.model_copy(update={"speaker_normalisation": changed}))

    assert "Speaker normalisation: none" in normalised(strength_mean=0.0, strength_deviation=0.0)
    assert "in training, over simulated calls" in normalised(train_on="calls")


def test_copies_are_at_most_the_altered_conditions(voting: TrainingSettings) -> None:
    altered = {"altered_rows": {"line-1": 5}, "augmentation": [{"name": "line-1"}]}
    text = made(voting, perceptrons=7, calibration_groups=4, temperature=1.456, **altered)
    assert "on the recordings and 1 of their altered copies" in text
    assert "temperature 1.46" in text
    assert "altered copies" not in made(voting, perceptrons=7).split("perceptrons", 1)[1]
