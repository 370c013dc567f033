"""Fits a model: each corpus is measured from its own population, and all parts are fitted on the same rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ser_core.config.settings import TrainingSettings
from ser_core.learning.training.calibration import speaker_groups
from ser_core.learning.training.classifier import fit_classifier
from ser_core.learning.training.corpora_left_out import calibrated_on_corpora
from ser_core.learning.training.corpus_balance import class_means, corpus_shares, row_weights
from ser_core.learning.training.ensemble import is_base
from ser_core.learning.training.familiarity import fit_familiarity
from ser_core.learning.training.fitted_model import FittedModel
from ser_core.learning.training.labelled_features import Floats, LabelledFeatures, class_index
from ser_core.learning.training.learnability import learnability
from ser_core.learning.training.linear_heads import LinearHeads, affect_targets, fit_heads
from ser_core.learning.training.population import Population, one_part
from ser_core.learning.training.speaker_normalisation import fit_normaliser
from ser_core.learning.training.voice_groups import simulated_calls, whole_voices

ALIKE: Mapping[str, float] = MappingProxyType({})
"""Corpora without weights of their own."""
ABROAD = 1.8
"""Factor of the temperature in an archive's population where a model has heard one corpus only, so that nothing is
known of how sure it may be of strangers."""

Mask = npt.NDArray[np.bool_]


def fit_model(
    data: LabelledFeatures,
    classes: Sequence[str],
    settings: TrainingSettings,
    corpus_weights: Mapping[str, float] = ALIKE,
) -> FittedModel:
    """Fits all parts on the raw vectors of all conditions of `data`, whose emotions are names in `classes`.

    Of several corpora, `training.several_corpora` replaces some settings, a corpus has the weight that `corpus_weights`
    names (1 where it names none) times its `learnability`, and calibration is on corpora left out. Of one, calibration
    is on speakers left out.

    Raises:
        TrainingError: see `fit_classifier` and `corpus_shares`.
    """
    if len(np.unique(data.corpus)) > 1:
        several = settings.several_corpora
        changed = {"strength_deviation": several.strength_deviation}
        normalisation = settings.speaker_normalisation.model_copy(update=changed)
        travelling = settings.model_copy(
            update={
                "alpha": several.alpha,
                "max_iter": several.max_iter,
                "speaker_normalisation": normalisation,
            }
        )
        shares = _shares(data, classes, corpus_weights)
        model = _fit(data, classes, travelling, shares, several=True)
        if not settings.calibration_members:
            return model
        few = travelling.model_copy(update={"members": several.members_left_out, "calibration_members": 0})
        return calibrated_on_corpora(model, data, shares, lambda rows: _fit(rows, classes, few, shares, several=True))
    return _fit(data, classes, settings, corpus_shares(data.corpus, {}), several=False)


def _fit(
    data: LabelledFeatures,
    classes: Sequence[str],
    settings: TrainingSettings,
    shares: Mapping[str, float],
    several: bool,
) -> FittedModel:
    """A voice is a speaker under one condition; with `train_on` calls and one corpus, a part of that as long as a call.

    Statistics are of the conditions `ser_core.learning.training.ensemble.BASE_CONDITIONS`.
    """
    base, y = is_base(data), class_index(data.emotion, tuple(classes))
    present = {name: shares[name] for name in np.unique(data.corpus).tolist()}
    measured, population = _measured(data, base, present)
    voice, wanted = whole_voices(data), settings.speaker_normalisation
    means = class_means(measured[base], data.corpus[base], y[base], len(classes), present)
    normaliser = fit_normaliser(measured[base], voice[base], wanted, means)
    if wanted.train_on == "calls" and not several:
        voice = simulated_calls(data, settings.seed)
    truth = np.eye(len(classes), dtype=np.float32)[y]
    normalised = dataclasses.replace(data, X=normaliser(measured, voice, truth))
    both = normalised
    if several or wanted.strength_mean > 0 or wanted.strength_deviation > 0:
        both = LabelledFeatures.joined([dataclasses.replace(data, X=normaliser.without_speakers(measured)), normalised])
    heads = _heads(both, classes, settings, present)
    familiarity = fit_familiarity(population.standardised(data.X))
    classifier = fit_classifier(both if several else normalised, classes, settings, present)
    return FittedModel(population, normaliser, heads, classifier, familiarity, 1.0 if several else ABROAD)


def _measured(data: LabelledFeatures, base: Mask, shares: Mapping[str, float]) -> tuple[Floats, Population]:
    """Each corpus's vectors, altered copies too, as deviations from its population; and the population of all."""
    measured = np.empty(data.X.shape, dtype=np.float32)
    total = sum(shares.values())
    mean, variance = np.zeros(data.X.shape[1]), np.zeros(data.X.shape[1])
    for name, share in shares.items():
        rows = data.corpus == name
        of_corpus = _population(data, rows, base)
        measured[rows] = of_corpus.standardised(data.X[rows])
        mean += share / total * of_corpus.mean
        variance += share / total * np.square(of_corpus.deviation)
    return measured, one_part(float(np.count_nonzero(base)), mean, variance)


def _population(data: LabelledFeatures, rows: Mask, base: Mask) -> Population:
    kept = rows & base if (rows & base).any() else rows
    return Population.of(data.X[kept], data.recording_id[kept])


def _shares(data: LabelledFeatures, classes: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    """Each corpus's weight times what its own speakers teach of each other."""
    base = is_base(data)
    given = corpus_shares(data.corpus, weights)
    taught = {}
    for name, share in given.items():
        rows = data.corpus == name
        kept = rows & base if (rows & base).any() else rows
        part = data.take(kept)
        Z = _population(data, rows, base).standardised(part.X)
        taught[name] = share * learnability(Z, class_index(part.emotion, tuple(classes)), part.speaker)
    return {name: share / sum(taught.values()) for name, share in taught.items()}


def _heads(
    data: LabelledFeatures, classes: Sequence[str], settings: TrainingSettings, shares: Mapping[str, float]
) -> LinearHeads:
    """Heads fitted on all rows, and calibrated on the base rows of groups of speakers left out."""
    y = class_index(data.emotion, tuple(classes))
    weight = row_weights(data.corpus, y, shares, balance_classes=True)
    heads = fit_heads(data.X, y, classes, weight)
    base = is_base(data)
    groups = speaker_groups(data.speaker, settings.seed) if settings.calibration_members else ()
    scores, rows = [], []
    for group in groups:
        rest, tested = np.flatnonzero(~group & base), np.flatnonzero(group & base)
        if not len(rest) or not len(tested):
            continue
        scores.append(fit_heads(data.X[rest], y[rest], classes, weight[rest])(data.X[tested])[:, -2:])
        rows.append(tested)
    if not scores:
        return heads
    order = np.concatenate(rows)
    return heads.calibrated(np.concatenate(scores), affect_targets(classes, y[order]), weight[order])
