"""The gain of each choice of the classifier, on inner folds, without the test speakers of outer folds.

    python -m tests.benchmarks.ablations --config ravdess --corpus.uri /path/to/RAVDESS

For outer folds 0 and 3, on folds by speaker within their training speakers: the benchmark's recipe, and the recipe with
one choice changed or one family of features gone. Six perceptrons each, not calibrated. Prints markdown; differences
have their standard error, by the jackknife over speakers. About half an hour on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ser_core.config import Settings, load_settings
from ser_core.config.searched import with_overrides
from ser_core.learning.evaluation.corpus_conditions import CONDITIONS, recipe
from ser_core.learning.training.hyperparameter_search import InnerFolds, InnerPredictions, standard_error
from ser_core.learning.training.splits import speaker_folds
from ser_core.pipeline.benchmarks.corpus_data import CorpusSource
from ser_core.pipeline.benchmarks.fold_search import inner_folds
from ser_core.pipeline.engine.session import start_session
from ser_core.sound.features import feature_set

OUTER = (0, 3)
LIGHT = {"members": 6, "calibration_members": 0}
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "one perceptron of all features": {"members": 1, "feature_share": 1.0},
    "six perceptrons of all features": {"feature_share": 1.0},
    "half of the features each": {"feature_share": 0.5},
    "15 % of the features each": {"feature_share": 0.15},
    "no altered copies": {"copies": 0},
    "one altered copy": {"copies": 1},
    "no directions of speakers taken out": {"speaker_directions": 0},
    "256 hidden units": {"hidden_layers": [256]},
    "two hidden layers, 128 and 64": {"hidden_layers": [128, 64]},
    "alpha 3": {"alpha": 3.0},
    "8 epochs": {"max_iter": 8},
    "25 epochs": {"max_iter": 25},
}
UNNORMALISED_ONLY = {"speaker_directions"}


def main(argv: Sequence[str]) -> int:
    """Prints a table for each condition."""
    parser = argparse.ArgumentParser(description="Ablations on inner folds.")
    parser.add_argument("--conditions", default="unheard_speaker,unheard_speaker_normalised")
    known, rest = parser.parse_known_args(argv)
    settings = load_settings(rest)
    session = start_session("ablations", settings.spark)
    source = CorpusSource(settings)
    for name in known.conditions.split(","):
        condition = CONDITIONS[name]
        corpus = source.condition(session, condition)
        outer = speaker_folds(corpus.data.speaker, corpus.folds, settings.training.group_folds, settings.training.seed)
        inner = [inner_folds(corpus, condition, outer[number], settings) for number in OUTER]
        sys.stdout.write(f"\n### {name}\n\n| changed | inner UAR | difference, points |\n| --- | ---: | ---: |\n")
        own = None
        for what, folds, overrides in _variants(inner, settings, condition.normalised):
            predictions = _predict(folds, settings, condition.normalised, overrides)
            own = own or predictions
            gain, error = 100 * (predictions.uar - own.uar), 100 * standard_error(predictions, own)
            difference = "" if predictions is own else f"{gain:+.1f} ± {error:.1f}"
            sys.stdout.write(f"| {what} | {predictions.uar:.3f} | {difference} |\n")
            sys.stdout.flush()
    return 0


def _variants(
    inner: Sequence[InnerFolds], settings: Settings, normalised: bool
) -> Iterator[tuple[str, Sequence[InnerFolds], Mapping[str, Any]]]:
    yield "nothing", inner, {}
    for what, overrides in CHANGES.items():
        if not (normalised and UNNORMALISED_ONLY & set(overrides)):
            yield what, inner, overrides
    features = feature_set(settings.features, settings.segments)
    for family, names in features.families.items():
        kept = ~np.isin(features.feature_names, names)
        without = [
            dataclasses.replace(fold, data=dataclasses.replace(fold.data, X=np.ascontiguousarray(fold.data.X[:, kept])))
            for fold in inner
        ]
        yield f"without {family} ({len(names)} features)", without, {}


def _predict(
    inner: Sequence[InnerFolds], settings: Settings, normalised: bool, overrides: Mapping[str, Any]
) -> InnerPredictions:
    training = with_overrides(recipe(settings.training, normalised), {**LIGHT, **overrides})
    predictions = [fold.predict(training) for fold in inner]
    # a training speaker of both outer folds counts once
    return InnerPredictions(
        *(np.concatenate([getattr(fold, name) for fold in predictions]) for name in ("truth", "decision", "speaker"))
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
