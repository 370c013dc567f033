"""Labelled feature vectors, the input of training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.emotions import LabelScheme
from ser_core.errors import TrainingError

Floats = npt.NDArray[np.float32]
Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class LabelledFeatures:
    """One row per segment: `X` float32 (n, d), and the other columns, each (n,).

    `duration_s` is in seconds. `condition` is `as_recorded`, or the name of the altered copy, such as `line-2`.
    `language` is a BCP 47 tag, or empty where unknown. `corpus` is the name of the corpus that a row is from.

    Raises:
        TrainingError: lengths differ, there is no row, or a value of `X` is not finite.
    """

    X: Floats
    emotion: Texts
    speaker: Texts
    recording_id: Texts
    duration_s: npt.NDArray[np.float64]
    condition: Texts
    language: Texts
    corpus: Texts

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self._columns().values()}
        if self.X.ndim != 2 or lengths != {len(self.X)}:
            raise TrainingError(
                f"X has the shape {self.X.shape} and the columns {sorted(lengths)} rows; expected equal"
            )
        if not len(self.X):
            raise TrainingError("There is no labelled segment: check that the corpus was ingested and extracted")
        bad = np.flatnonzero(~np.isfinite(self.X).all(axis=1))
        if len(bad):
            raise TrainingError(
                f"{len(bad)} vectors hold values that are not finite, the first of recording "
                f"{self.recording_id[bad[0]]}; expected finite features, extract them again"
            )

    def __len__(self) -> int:
        return len(self.X)

    @classmethod
    def joined(cls, parts: Sequence[LabelledFeatures]) -> LabelledFeatures:
        """The rows of all `parts`, one or more."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> LabelledFeatures:
        """The rows of an index or a mask."""
        return LabelledFeatures(**{name: column[rows] for name, column in self._columns().items()})

    def of_condition(self, *names: str) -> LabelledFeatures:
        """The rows of these conditions.

        Raises:
            TrainingError: there is none.
        """
        kept = np.isin(self.condition, names)
        if not kept.any():
            present = ", ".join(np.unique(self.condition).tolist())
            raise TrainingError(f"No row is of the condition {' or '.join(names)}; the conditions are {present}")
        return self.take(kept)

    def canonical(self) -> LabelledFeatures:
        """The same rows in an order that depends only on their content, so that training is independent of Spark's."""
        content = [row.tobytes() for row in np.ascontiguousarray(self.X)]
        named = list(zip(self.recording_id.tolist(), self.emotion.tolist(), self.condition.tolist(), strict=True))
        order = sorted(range(len(self)), key=lambda i: (named[i], content[i]))
        return self.take(np.array(order, dtype=np.intp))

    def in_scheme(self, scheme: LabelScheme) -> LabelledFeatures:
        """The rows that `scheme` has a class for, `emotion` being that class.

        Raises:
            TrainingError: fewer than two classes of the scheme occur.
        """
        labels = {emotion: scheme.label(emotion) for emotion in np.unique(self.emotion).tolist()}
        kept = [emotion for emotion, label in labels.items() if label is not None]
        classes = {label for label in labels.values() if label is not None}
        if len(classes) < 2:
            raise TrainingError(
                f"The label scheme {scheme.name} ({', '.join(scheme.classes)}) leaves {len(classes)} classes of the "
                f"emotions {', '.join(labels)}; expected two or more, choose another training.label_scheme"
            )
        data = self.take(np.isin(self.emotion, kept))
        renamed = np.array([labels[emotion] for emotion in data.emotion.tolist()], dtype=np.str_)
        return replace(data, emotion=renamed)

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def class_index(emotion: Texts, classes: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """The index in `classes` of each name in `emotion` (n,).

    Raises:
        TrainingError: a name is not in `classes`.
    """
    unknown = sorted(set(emotion.tolist()) - set(classes))
    if unknown:
        raise TrainingError(f"The labels {', '.join(unknown)} are not in the label scheme: {', '.join(classes)}")
    index = {name: i for i, name in enumerate(classes)}
    return np.array([index[name] for name in emotion.tolist()], dtype=np.intp)
