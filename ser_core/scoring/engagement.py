"""Engagement of a customer in a call: one index of arousal, the trend of valence, and the share of talk."""

from __future__ import annotations

from ser_core.config.talk_settings import EngagementSettings


def engagement(
    arousal: float, valence_change: float | None, talk_share: float | None, weights: EngagementSettings
) -> float:
    """The weighted mean of up to three terms, each 0 to 1:

    - (1 + arousal) / 2, of the call's mean arousal, -1 to 1: the strongest cue to engagement in a voice (Yu, Aoki &
      Woodruff 2004, "Detecting user engagement in everyday conversations", Interspeech);
    - (1 + valence_change) / 2, of the last quarter's valence less the first one's, clipped to -1 and 1: rising
      valence counts as engagement;
    - talk_share, the customer's share of both sides' talk time.

    A term that is None is left out, and the weights of the others are scaled to sum to 1. The index is this project's
    own, to compare calls with each other; it is not a standardised measure.

    Args:
        arousal: of the call, -1 to 1.
        valence_change: over the call, -2 to 2; None where only one quarter has speech.
        talk_share: 0 to 1; None where the agent's side is unknown.
        weights: of the terms.

    Returns:
        0 to 1; 0.5 for neutral affect, no change and half of the talk.
    """
    terms = [(weights.arousal, _unit(arousal))]
    if valence_change is not None:
        terms.append((weights.valence_trend, _unit(valence_change)))
    if talk_share is not None:
        terms.append((weights.talk_share, min(max(talk_share, 0.0), 1.0)))
    return sum(weight * value for weight, value in terms) / sum(weight for weight, _ in terms)


def _unit(value: float) -> float:
    return (1.0 + min(max(value, -1.0), 1.0)) / 2.0
