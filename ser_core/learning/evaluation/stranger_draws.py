"""Draws of clips of strangers: speakers of mostly one emotion, and archives that are mostly neutral."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ser_core.learning.evaluation.stranger_conditions import SKEWED_SHARE
from ser_core.learning.training.labelled_features import LabelledFeatures, Texts

Mask = npt.NDArray[np.bool_]
NEUTRAL = "neutral"


def skewed_rows(data: LabelledFeatures, seed: int) -> Mask:
    """Mask (n,) that leaves each speaker `SKEWED_SHARE` of one emotion, in clips.

    All clips of that emotion stay, and as many others, at random, as make the rest. Emotions are dealt to the speakers
    in turn, in an order drawn by `seed`, so that each is the main emotion of as many speakers; a speaker without the
    emotion whose turn it is gets one of their own. Of a speaker who has one emotion only, its clips stay.
    """
    rng = np.random.default_rng(seed)
    emotions = rng.permutation(np.unique(data.emotion))
    kept: list[str] = []
    for turn, speaker in enumerate(rng.permutation(np.unique(data.speaker)).tolist()):
        own = data.speaker == speaker
        present = np.unique(data.emotion[own])
        dealt = emotions[turn % len(emotions)]
        chosen = dealt if dealt in present else rng.choice(present)
        main = np.unique(data.recording_id[own & (data.emotion == chosen)])
        others = np.unique(data.recording_id[own & (data.emotion != chosen)])
        kept += [*main.tolist(), *_some(others, len(main), rng)]
    return np.isin(data.recording_id, kept)


def mostly_neutral(data: LabelledFeatures, seed: int) -> Mask | None:
    """Mask (n,) of an archive of which `SKEWED_SHARE` of the clips are neutral; None where no clip is."""
    neutral = np.unique(data.recording_id[data.emotion == NEUTRAL])
    if not len(neutral):
        return None
    others = np.unique(data.recording_id[data.emotion != NEUTRAL])
    drawn = _some(others, len(neutral), np.random.default_rng(seed))
    return np.isin(data.recording_id, [*neutral.tolist(), *drawn])


def _some(others: Texts, main: int, rng: np.random.Generator) -> list[str]:
    """As many of `others` as leave `main` clips `SKEWED_SHARE` of all."""
    count = round(main * (1 - SKEWED_SHARE) / SKEWED_SHARE)
    return [str(name) for name in rng.permutation(others)[:count]]
