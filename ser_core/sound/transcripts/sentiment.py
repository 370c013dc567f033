"""Words → valence, by VADER. English only: words of another language count as neutral."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.sound.transcripts.words import Words

Floats = npt.NDArray[np.float64]


def text_valence(words: Sequence[Words], start_s: Floats, end_s: Floats, channel: int, role: str) -> Floats:
    """Valence of what is said in each of n segments of one channel, -1 to 1, NaN where nothing is: shape (n,).

    It is VADER's compound score (Hutto & Gilbert 2014, "VADER: A parsimonious rule-based model for sentiment analysis
    of social media text", ICWSM) of the words joined. Words belong to a segment that their middle lies in; a turn
    longer than the segment, to every segment whose middle lies in the turn. Words that are said to be another
    channel's or role's are left out, but not in a mixed channel, which holds everybody; those of nobody known count by
    their times.

    Args:
        words: of the recording.
        start_s: of the segments, (n,), in seconds.
        end_s: likewise.
        channel: the segments' channel, from 0.
        role: that channel's role.
    """
    own = [entry for entry in words if role == "mixed" or _fits(entry, channel, role)]
    start, end, middle = (np.array([getattr(w, name) for w in own]) for name in ("start_s", "end_s", "middle_s"))
    valence = np.full(len(start_s), np.nan)
    for number, (begins, ends) in enumerate(zip(start_s.tolist(), end_s.tolist(), strict=True)):
        centre = 0.5 * (begins + ends)
        inside = ((middle >= begins) & (middle < ends)) | ((start <= centre) & (centre < end))
        if inside.any():
            valence[number] = _compound(" ".join(own[place].text for place in np.flatnonzero(inside)))
    return valence


def _fits(words: Words, channel: int, role: str) -> bool:
    """The role, where it is named, tells; else the channel."""
    if words.role is not None:
        return words.role == role
    return words.channel in {None, channel}


def _compound(text: str) -> float:
    return float(_analyzer().polarity_scores(text)["compound"])


@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 - loads its lexicon, 0.1 s

    return SentimentIntensityAnalyzer()
