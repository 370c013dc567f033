from __future__ import annotations

import numpy as np

from ser_core.sound.transcripts import Words, text_valence

START, END = np.array([0.0, 4.0, 8.0]), np.array([4.0, 8.0, 12.0])


def valence(*words: Words, channel: int = 0, role: str = "customer") -> list[float | None]:
    values = text_valence(words, START, END, channel, role)
    return [None if np.isnan(value) else float(value) for value in values]


def test_words_belong_to_the_segment_their_middle_lies_in() -> None:
    bad, good = Words(3.8, 4.4, "terrible"), Words(8.0, 8.5, "wonderful")
    first, second, third = valence(bad, good)
    assert first is None
    assert second is not None
    assert second < -0.3
    assert third is not None
    assert third > 0.3


def test_a_segment_is_read_as_a_whole() -> None:
    apart = valence(Words(0, 1, "not"), Words(4, 5, "good"))
    together = valence(Words(0, 1, "not"), Words(1, 2, "good"))
    assert apart[1] is not None
    assert apart[1] > 0
    assert together[0] is not None
    assert together[0] < 0


def test_a_long_turn_belongs_to_every_segment_whose_middle_it_contains() -> None:
    first, second, third = valence(Words(1.0, 9.0, "I hate this"))
    assert first == second is not None
    assert third is None


def test_neutral_words_are_words() -> None:
    assert valence(Words(0, 1, "the table"))[0] == 0.0


def test_whose_words_count() -> None:
    by_agent, by_other = Words(0, 1, "awful", role="agent"), Words(0, 1, "awful", channel=1)
    assert valence(by_agent, by_other) == [None] * 3
    assert valence(by_agent, role="mixed")[0] == valence(Words(0, 1, "awful"))[0]
    assert valence(by_other, channel=1)[0] is not None
    assert valence(Words(0, 1, "awful", channel=1, role="customer"))[0] is not None  # the name goes before the channel


def test_no_words_and_no_segments() -> None:
    assert valence() == [None] * 3
    assert text_valence([Words(0, 1, "bad")], np.empty(0), np.empty(0), 0, "customer").shape == (0,)
