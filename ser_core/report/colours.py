"""The colour of each emotion, the same in every picture and at the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "neutral": "#BBBBBB",
        "calm": "#88CCEE",
        "happy": "#DDCC77",
        "sad": "#332288",
        "angry": "#CC6677",
        "fearful": "#AA4499",
        "disgust": "#999933",
        "surprised": "#44AA99",
        "bored": "#117733",
        "distressed": "#882255",
    }
)
"""Paul Tol's "muted" scheme (SRON/EPS/TN/09-002, issue 3.2), which is safe for colour-blind readers; its pale grey is
darkened for white paper."""

_UNKNOWN = "#777777"


def colour(emotion: str) -> str:
    """The emotion's colour as #RRGGBB; grey for a name in no label scheme."""
    return COLOURS.get(emotion, _UNKNOWN)


def ink_on(background: str) -> str:
    """Black or white, whichever has more contrast on `background` (#RRGGBB) by relative luminance (WCAG 2.2)."""
    channels = [int(background[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.179 else "white"
