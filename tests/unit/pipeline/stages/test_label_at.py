"""Which label a segment has."""

from __future__ import annotations

import pytest

from ser_core.learning.corpora import LabelledStretch
from ser_core.pipeline.stages.labelled_corpus import label_at


def stretch(emotion: str, start_s: float, end_s: float | None, channel: int | None = None) -> LabelledStretch:
    return LabelledStretch(
        key="k", corpus="c", speaker="s", emotion=emotion, channel=channel, start_s=start_s, end_s=end_s,
        annotator="a", intensity=None, language="en", extra={},
    )  # fmt: skip


WHOLE = [stretch("sad", 0.0, None)]
PARTS = [stretch("sad", 0.0, 4.0), stretch("angry", 4.0, 10.0), stretch("happy", 12.0, None)]
LEGS = [stretch("sad", 0.0, None, 0), stretch("happy", 0.0, None, 1)]


@pytest.mark.parametrize(
    ("labels", "channel", "start_s", "end_s", "emotion"),
    [
        (WHOLE, 0, 0.0, 4.0, "sad"),
        (WHOLE, 1, 400.0, 404.0, "sad"),
        (PARTS, 0, 1.0, 3.0, "sad"),
        (PARTS, 0, 3.0, 7.0, "angry"),
        (PARTS, 0, 2.0, 6.0, None),  # half is not more than half
        (PARTS, 0, 10.0, 12.0, None),
        (PARTS, 0, 20.0, 24.0, "happy"),
        (LEGS, 0, 0.0, 4.0, "sad"),
        (LEGS, 1, 0.0, 4.0, "happy"),
        (LEGS, 2, 0.0, 4.0, None),
        ([], 0, 0.0, 4.0, None),
    ],
)
def test_the_stretch_that_covers_more_than_half(
    labels: list[LabelledStretch], channel: int, start_s: float, end_s: float, emotion: str | None
) -> None:
    found = label_at(labels, channel, start_s, end_s)
    assert (found.emotion if found else None) == emotion
