"""How a model was trained, in sentences for its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def how_it_was_made(training: Mapping[str, Any]) -> str:
    """A Markdown list on augmentation, normalisation, ensemble and calibration.

    `training` holds the fields of `TrainingSummary` and the classifier's entries of the manifest.
    """
    settings = training["parameters"]
    parts = (_augmentation(training), _normalisation(settings), _ensemble(training, settings), _calibration(training))
    return "\n".join(f"- {part}" for part in parts)


def _augmentation(training: Mapping[str, Any]) -> str:
    conditions = [condition["name"] for condition in training["augmentation"]]
    if not conditions:
        return "No augmentation: trained on the recordings as they are."
    return (
        f"Augmentation: every recording was also altered as {', '.join(conditions)} (`varied`: speed, tempo, room, "
        "tilt, noise, gain; `line`: these, and a telephone line). The manifest has the ranges of each. Altered copies "
        "are never tested on."
    )


def _normalisation(settings: Mapping[str, Any]) -> str:
    chosen = settings["speaker_normalisation"]
    strengths = (
        f"strength {chosen['strength_mean']:g} of the mean and {chosen['strength_deviation']:g} of the deviation, "
        f"half of it with {chosen['prior_segments']:g} segments of a voice"
    )
    if not (chosen["strength_mean"] or chosen["strength_deviation"]):
        return "Speaker normalisation: none; every voice is relative to the population's mean."
    trained = "simulated calls" if chosen["train_on"] == "calls" else "all segments of a speaker"
    return f"Speaker normalisation: {strengths}; in training, over {trained}, separately by condition."


def _ensemble(training: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    layers = " and ".join(str(neurons) for neurons in settings["hidden_layers"])
    weights = "equal class weights" if settings["balance_classes"] else "classes weighted by their rows"
    network = f"hidden layers of {layers} neurons, {settings['max_iter']} epochs at most, {weights}"
    count = settings["speaker_directions"]
    removed = f" The {count} main directions in which speakers differ are removed from the features." if count else ""
    if training["perceptrons"] == 1:
        return f"One perceptron: {network}.{removed}"
    copies = min(settings["copies"], len(training["altered_rows"]))
    trained_on = f", on the recordings and {copies} of their altered copies" if copies else ""
    return (
        f"{training['perceptrons']} perceptrons, each on {settings['feature_share']:.0%} of the features, drawn at "
        f"random{trained_on}; {network}. The result is the geometric mean of their posteriors.{removed}"
    )


def _calibration(training: Mapping[str, Any]) -> str:
    groups = training["calibration_groups"]
    if not groups:
        return (
            "The posteriors are not calibrated: of segments with a confidence of 0.8, more or fewer than 8 in 10 may "
            "be right."
        )
    return (
        f"Calibrated by temperature: each of {groups} groups of speakers was left out of the training of "
        f"{training['parameters']['calibration_members']} perceptrons, whose posteriors on that group gave the "
        f"temperature {training['temperature']:.2f}."
    )
