"""Calibration on corpora left out: how sure a model may be of voices, rooms and languages it has not heard."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from ser_core.learning.training.calibration import fit_temperature
from ser_core.learning.training.classifier import mean_logs
from ser_core.learning.training.ensemble import is_base
from ser_core.learning.training.fitted_model import FittedModel
from ser_core.learning.training.labelled_features import LabelledFeatures, class_index
from ser_core.learning.training.linear_heads import affect_targets
from ser_core.learning.training.population import Population

_log = logging.getLogger(__name__)
Doubles = npt.NDArray[np.float64]
Fit = Callable[[LabelledFeatures], FittedModel]


@dataclasses.dataclass(frozen=True)
class _Heard:
    """Rows of a corpus left out, each in three views: log posteriors, true class, affect scores, targets, weight."""

    logs: Doubles
    truth: npt.NDArray[np.intp]
    scores: Doubles
    targets: Doubles
    weight: Doubles


def calibrated_on_corpora(
    model: FittedModel, data: LabelledFeatures, shares: Mapping[str, float], fit: Fit
) -> FittedModel:
    """`model` with temperature and affect calibrations fitted on each corpus of `data`, by models of the others.

    A corpus counts by its share, in the three ways that a stranger is scored in: from the training corpora's
    population, from its own, and its own with speakers known. Posteriors are of the classes that both sides have.

    A model of all C corpora knows more of strangers than those of C - 1, which are too unsure. Its temperature is
    (1 - 1/C) of the way, on a logarithmic scale, from that of speakers left out to that of corpora left out.
    """
    heard = [part for name in shares for part in _left_out(name, data, model.classes, shares[name], fit)]
    if not heard:
        _log.info("the posteriors are not calibrated: no two corpora share two classes")
        return model
    logs, truth, scores, targets, weight = (
        np.concatenate([getattr(part, field.name) for part in heard]) for field in dataclasses.fields(_Heard)
    )
    home, away = model.classifier.temperature, fit_temperature(logs, truth, weight)
    temperature = home * (away / home) ** (1 - 1 / len(shares))
    _log.info("temperature %.2f: %.2f of speakers left out, %.2f of corpora left out", temperature, home, away)
    return dataclasses.replace(
        model,
        heads=model.heads.calibrated(scores, targets, weight),
        classifier=dataclasses.replace(model.classifier, temperature=temperature),
    )


def _left_out(name: str, data: LabelledFeatures, classes: tuple[str, ...], share: float, fit: Fit) -> Iterator[_Heard]:
    out = data.corpus == name
    rest, tested = data.take(~out), data.take(out)
    shared = np.intersect1d(rest.emotion[is_base(rest)], tested.emotion)
    tested = tested.take(np.isin(tested.emotion, shared) & is_base(tested))
    if len(shared) < 2 or not len(tested):
        _log.info("the corpus %s is not left out for calibration: it shares %d classes with others", name, len(shared))
        return
    part = fit(rest)
    truth = class_index(tested.emotion, classes)
    places = class_index(shared, classes)
    population = Population.of(tested.X, tested.recording_id)
    targets = affect_targets(classes, truth)
    for speaker, measured in ((None, None), (None, population), (tested.speaker, population)):
        Z = part.normalised(tested.X, speaker, measured)
        columns = part.classifier.members[0].network.classes_
        logs = np.full((len(Z), len(classes)), -np.inf)
        logs[:, columns] = mean_logs(part.classifier.ensembles, Z)
        logs[:, np.setdiff1d(np.arange(len(classes)), places)] = -np.inf
        sharpness = part.sharpness(part.familiar(tested.X, speaker), measured)[:, np.newaxis]
        logs *= sharpness
        scores = 0.5 + sharpness * (part.heads(Z)[:, -2:] - 0.5)
        weight = np.full(len(Z), share / len(Z))
        yield _Heard(logs, truth, scores, targets, weight)
