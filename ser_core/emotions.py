"""Emotion names, label schemes, and where each emotion lies on the circumplex.

The order of names in a scheme is the order of classes in a model and of `p_<emotion>` columns.

Valence and arousal place an emotion on the circumplex of affect (Russell 1980, J. Pers. Soc. Psychol. 39, 1161-1178).
The coordinates are the mean pleasure and arousal ratings of the same words in Russell & Mehrabian 1977 ("Evidence for a
three-factor theory of emotions", J. Res. Pers. 11, 273-294), both -1 to 1: happy, surprised, angry, fearful, disgusted,
sad, bored, distressed; calm is their "relaxed"; neutral is the origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Affect:
    """A point on the circumplex: `valence` (unpleasant -1 to pleasant 1), `arousal` (asleep -1 to aroused 1)."""

    valence: float
    arousal: float


AFFECT: Mapping[str, Affect] = MappingProxyType(
    {
        "neutral": Affect(0.0, 0.0),
        "calm": Affect(0.68, -0.46),
        "happy": Affect(0.81, 0.51),
        "sad": Affect(-0.63, -0.27),
        "angry": Affect(-0.51, 0.59),
        "fearful": Affect(-0.64, 0.60),
        "disgust": Affect(-0.60, 0.35),
        "surprised": Affect(0.40, 0.67),
        "bored": Affect(-0.65, -0.62),
        "distressed": Affect(-0.61, 0.28),
    }
)
"""Valence and arousal by emotion name."""


@dataclass(frozen=True)
class LabelScheme:
    """A named, ordered set of classes and how a corpus's emotions fall into them.

    `groups` maps every emotion name to a class of the scheme; an emotion that is not in it is left out of training.
    """

    name: str
    classes: tuple[str, ...]
    groups: Mapping[str, str]

    def label(self, emotion: str) -> str | None:
        """The scheme's class for `emotion`, or None where the scheme leaves it out."""
        return self.groups.get(emotion)


EMOTIONS: tuple[str, ...] = tuple(AFFECT)
"""Every emotion name a table may hold, in column order. Names are only ever appended."""


def _identity(*names: str) -> Mapping[str, str]:
    return MappingProxyType({name: name for name in names})


_RAVDESS = EMOTIONS[:8]
_TUTORIAL = ("calm", "happy", "fearful", "disgust")

SCHEMES: Mapping[str, LabelScheme] = MappingProxyType(
    {
        scheme.name: scheme
        for scheme in (
            LabelScheme("ravdess-8", _RAVDESS, _identity(*_RAVDESS)),
            LabelScheme("tutorial-4", _TUTORIAL, _identity(*_TUTORIAL)),
            LabelScheme(
                "contact-centre-4",
                ("neutral", "happy", "angry", "distressed"),
                MappingProxyType(
                    {
                        "neutral": "neutral",
                        "calm": "neutral",
                        "bored": "neutral",
                        "happy": "happy",
                        "angry": "angry",
                        "disgust": "angry",
                        "sad": "distressed",
                        "fearful": "distressed",
                        "distressed": "distressed",
                    }
                ),
            ),
        )
    }
)
"""Label schemes by name. `corpus` (the corpus's own emotions) is made by `scheme_of` from what the labels hold."""


def scheme_of(name: str, present: set[str]) -> LabelScheme:
    """The scheme called `name`; for `corpus`, the emotions in `present`, in the order of `EMOTIONS`.

    Raises:
        KeyError: no such scheme, or an emotion in `present` that `EMOTIONS` does not hold.
    """
    if name != "corpus":
        return SCHEMES[name]
    unknown = present - set(EMOTIONS)
    if unknown:
        raise KeyError(f"unknown emotions {sorted(unknown)}; known: {', '.join(EMOTIONS)}")
    classes = tuple(e for e in EMOTIONS if e in present)
    return LabelScheme("corpus", classes, _identity(*classes))


SCHEME_NAMES: tuple[str, ...] = ("corpus", *SCHEMES)
