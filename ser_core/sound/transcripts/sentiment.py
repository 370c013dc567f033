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
    """Valence of the words in each of n segments of one channel, -1 to 1, NaN without words: shape (n,).

    This is VADER's compound score (Hutto & Gilbert 2014, "VADER: A parsimonious rule-based model for sentiment analysis
    of social media text", ICWSM) of the joined words. Words belong to the segment that contains their middle, and a
    long turn also to every segment whose middle it contains. Words of another channel or role are left out, but not in
    a mixed channel, which holds all speakers. Words without a known speaker count by their times.

    Args:
        words: all words of the recording.
        start_s: starts of the segments in seconds, shape (n,).
        end_s: ends of the segments in seconds, shape (n,).
        channel: the channel of the segments, from 0.
        role: the role of that channel.
    """
    own = [entry for entry in words if role == "mixed" or _fits(entry, channel, role)]
    start, end, middle = (np.array([getattr(w, name) for w in own]) for name in ("start_s", "end_s", "middle_s"))
    valence = np.full(len(start_s), np.nan)
    for i, (segment_start, segment_end) in enumerate(zip(start_s.tolist(), end_s.tolist(), strict=True)):
        centre = 0.5 * (segment_start + segment_end)
        inside = ((middle >= segment_start) & (middle < segment_end)) | ((start <= centre) & (centre < end))
        if inside.any():
            valence[i] = _compound(" ".join(own[k].text for k in np.flatnonzero(inside)))
    return valence


def _fits(words: Words, channel: int, role: str) -> bool:
    """By the role where it is known, else by the channel."""
    if words.role is not None:
        return words.role == role
    return words.channel in {None, channel}


def _compound(text: str) -> float:
    return float(_analyzer().polarity_scores(text)["compound"])


@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 - loads its lexicon, 0.1 s

    return SentimentIntensityAnalyzer()
