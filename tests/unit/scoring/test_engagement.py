from __future__ import annotations

import pytest

from ser_core.config.talk_settings import EngagementSettings
from ser_core.scoring.engagement import engagement

WEIGHTS = EngagementSettings(arousal=2.0, valence_trend=1.0, talk_share=1.0)


@pytest.mark.parametrize(
    ("arousal", "change", "share", "expected"),
    [
        (0.0, 0.0, 0.5, 0.5),
        (1.0, 1.0, 1.0, 1.0),
        (-1.0, -1.0, 0.0, 0.0),
        (0.6, 0.2, 0.5, (2 * 0.8 + 0.6 + 0.5) / 4),
        (0.6, 0.2, None, (2 * 0.8 + 0.6) / 3),  # the agent's side is not known
        (0.6, None, None, 0.8),  # one quarter alone has speech
        (0.0, -2.0, 0.5, (1.0 + 0.0 + 0.5) / 4),  # a change beyond -1 counts as -1
    ],
)
def test_the_index(arousal: float, change: float | None, share: float | None, expected: float) -> None:
    assert engagement(arousal, change, share, WEIGHTS) == pytest.approx(expected)


def test_only_proportions_of_the_weights_count() -> None:
    tenth = EngagementSettings(arousal=0.2, valence_trend=0.1, talk_share=0.1)
    assert engagement(0.3, -0.1, 0.7, tenth) == pytest.approx(engagement(0.3, -0.1, 0.7, WEIGHTS))
