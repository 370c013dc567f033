"""Stretches of speech: signals with and without speech, cuts, times and blocks; accuracy on real voices."""

import os

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.sound.segments import SpeechSegmenter
from tests.support.audio import noise, tone
from tests.support.calls import clip_paths, detect, make_call, measure

SR = 8000
SETTINGS = load_settings(environ={}).segments.model_copy(update={"mode": "speech"})


def voice(duration_s, level=0.1, seed=0):
    """Syllables of changing vowels: harmonics whose balance moves, four a second."""
    t = np.arange(round(duration_s * SR)) / SR
    rng = np.random.default_rng(seed)
    at = np.minimum((t * 4).astype(int), int(duration_s * 4))
    y = np.zeros(len(t))
    for k in range(1, 20):
        y += np.sin(2 * np.pi * 150 * k * t) * rng.uniform(0, 1, at.max() + 1)[at] ** 3 / k
    return (level * y * (0.3 + np.abs(np.sin(np.pi * 4 * t)))).astype(np.float32)


def silence(duration_s):
    return np.zeros(round(duration_s * SR), np.float32)


def on_line(*parts, noise_level=1e-3):
    y = np.concatenate(parts)
    return y + noise(SR, len(y) / SR, noise_level, seed=1)[: len(y)]


def spans(y, block_s=10.0, **changes):
    return detect(y, SR, SETTINGS.model_copy(update=changes), block_s)


@pytest.mark.parametrize("noise_level", [0.0, 1e-3, 5e-3])
def test_a_voice_between_pauses_is_a_stretch_at_its_times(noise_level):
    y = on_line(silence(1), voice(2), silence(2), voice(3, seed=2), silence(1.5), noise_level=noise_level)
    np.testing.assert_allclose(spans(y), [(1, 3), (5, 8)], atol=0.15)


def test_a_quiet_voice_on_a_quiet_line_is_speech():
    y = on_line(silence(1), voice(2, level=1e-3), silence(1), noise_level=2e-5)
    np.testing.assert_allclose(spans(y), [(1, 3)], atol=0.1)


def test_a_short_pause_stays_and_a_long_one_ends_a_stretch():
    y = on_line(silence(1), voice(2), silence(0.3), voice(2, seed=2), silence(1), voice(2, seed=3), silence(1))
    assert len(spans(y)) == 2
    assert len(spans(y, pause_s=0.1)) >= 3


@pytest.mark.parametrize(
    "y",
    [
        silence(20),
        np.full(20 * SR, 0.5, np.float32),
        noise(SR, 20.0, 1e-3),
        noise(SR, 20.0, 0.1),
        np.concatenate([noise(SR, 10.0, 1e-3), noise(SR, 10.0, 0.03)]),
        np.tile(np.concatenate([tone(440, SR, 2.0), silence(4)]), 4) + noise(SR, 24.0, 1e-3),
        np.tile(np.concatenate([tone(425, SR, 0.5), silence(0.5)]), 20) + noise(SR, 20.0, 1e-3),
        tone(50, SR, 20.0) + noise(SR, 20.0, 1e-3),
    ],
    ids=["digital silence", "offset", "quiet noise", "loud noise", "noise sets in", "ringing", "busy tone", "hum"],
)
def test_signals_that_are_not_speech(y):
    assert spans(y) == []


def test_a_click_is_not_speech():
    y = noise(SR, 20.0, 1e-3)
    y[7 * SR] += 0.5
    assert spans(y) == []


def test_a_short_word_is_a_segment_widened_by_the_audio_around_it():
    (span,) = spans(on_line(silence(1), voice(0.3), silence(1)), min_s=0.6)
    assert span[1] - span[0] == pytest.approx(0.6, abs=0.02)
    assert span[0] < 1 < 1.3 < span[1]


def test_a_voice_from_end_to_end_is_speech():
    (span,) = spans(voice(3))
    np.testing.assert_allclose(span, (0, 3), atol=0.1)


def test_a_long_stretch_is_cut_at_its_quietest_moment_and_nothing_is_lost():
    y = on_line(silence(1), voice(4.5), silence(0.2), voice(4.5, seed=2), silence(1), noise_level=0)
    first, second = spans(y)
    assert first[1] == second[0] == pytest.approx(5.6, abs=0.12)
    segmenter = SpeechSegmenter(SETTINGS, SR)
    list(segmenter.push(y)), list(segmenter.finish())
    assert len(segmenter.speech) == 1


def test_speech_without_pauses_is_cut_into_segments_of_bounded_length():
    pieces = spans(np.concatenate([silence(2), *(voice(5, seed=seed) for seed in range(12)), silence(2)]))
    lengths = np.diff(pieces, axis=1)
    assert lengths.max() <= SETTINGS.max_s + 0.1
    assert lengths.sum() == pytest.approx(60, abs=1)


@pytest.mark.parametrize("block_s", [0.013, 0.7, 60])
def test_blocks_change_nothing(block_s):
    y = on_line(*(part for seed in range(6) for part in (silence(1.5), voice(4, seed=seed))))
    assert spans(y, block_s) == spans(y)


def test_a_segment_holds_the_audio_at_its_times():
    y = on_line(*(part for seed in range(6) for part in (silence(1.5), voice(4, seed=seed))))
    segmenter = SpeechSegmenter(SETTINGS, SR)
    segments = [s for at in range(0, len(y), 4000) for s in segmenter.push(y[at : at + 4000])]
    for segment in [*segments, *segmenter.finish()]:
        np.testing.assert_array_equal(segment.y, y[round(segment.start_s * SR) : round(segment.end_s * SR)])


@pytest.mark.parametrize("sr", [4000, 11025, 16000, 44100])
def test_other_rates(sr):
    assert detect(noise(sr, 12.0, 0.01), sr, SETTINGS) == []
    y = np.concatenate([silence(1), voice(2), silence(1)])
    x = np.interp(np.arange(4 * sr) / sr, np.arange(len(y)) / SR, y).astype(np.float32)
    np.testing.assert_allclose(detect(x, sr, SETTINGS), [(1, 3)], atol=0.1)


@pytest.mark.corpus
@pytest.mark.skipif(not os.environ.get("SER_CORPORA"), reason="SER_CORPORA is not set")
@pytest.mark.parametrize(("snr_db", "recall", "kept"), [(None, 0.97, 0.06), (20.0, 0.95, 0.06)])
def test_real_voices_in_calls(snr_db, recall, kept):
    rng = np.random.default_rng(0)
    calls = []
    for actor in (2, 6, 10, 14, 18, 22):  # thresholds were tuned on odd actors
        paths = clip_paths([actor])
        y, truth = make_call([paths[i] for i in rng.choice(len(paths), 8, replace=False)], rng, snr_db)
        calls.append((len(y) / SR, truth, detect(y, SR, SETTINGS)))
    speech_recall, silence_kept, boundary_error_s = measure(calls)
    assert speech_recall >= recall
    assert silence_kept <= kept
    assert boundary_error_s <= 0.05
