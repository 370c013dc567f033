from __future__ import annotations

from io import BytesIO

import matplotlib.image
import numpy as np
import pytest

from ser_core.emotions import EMOTIONS
from ser_core.report.colours import COLOURS, colour, ink_on
from ser_core.report.evaluation_figures import confusion_matrix, reliability_diagram
from ser_core.report.figures import plot_recording
from ser_core.report.images import COLUMNS, N_MELS, envelope, spectral_images

SR = 8000


def tone(hz: float, seconds: float, sr: int = SR) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * sr)) / sr)).astype(np.float32)


def pixels(png: bytes) -> np.ndarray:
    return (matplotlib.image.imread(BytesIO(png), format="png")[..., :3] * 255).round().astype(int)


def holds_colour(png: bytes, name: str) -> bool:
    wanted = [int(colour(name)[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels(png) - wanted).max(axis=-1) <= 1).sum()) > 200


def test_every_emotion_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(EMOTIONS)
    assert len(set(COLOURS.values())) == len(EMOTIONS)


def test_ink_is_black_on_light_and_white_on_dark() -> None:
    assert ink_on("#FFFFFF") == "black"
    assert ink_on("#000000") == "white"
    assert ink_on(colour("sad")) == "white"


def test_an_envelope_loses_no_peak() -> None:
    y = np.zeros(100_000, dtype=np.float32)
    y[12_345], y[77_777] = 0.9, -0.8
    low, high = envelope(y, 1000)
    assert len(low) == len(high) == 1000
    assert (high.max(), low.min()) == (np.float32(0.9), np.float32(-0.8))
    assert high.argmax() == 123
    assert low.argmin() == 777


def test_a_short_envelope_is_the_samples_themselves() -> None:
    y = np.array([0.1, -0.2, 0.3], dtype=np.float32)
    low, high = envelope(y, 1000)
    np.testing.assert_array_equal(low, y)
    np.testing.assert_array_equal(high, y)


def test_a440_lights_the_pitch_class_a_and_its_mel_band() -> None:
    images = spectral_images(tone(440.0, 2.0), SR)
    middle = images.chroma.shape[1] // 2
    assert images.chroma[:, middle].argmax() == 9
    high = spectral_images(tone(2000.0, 2.0), SR)
    assert high.mel_db[:, middle].argmax() > images.mel_db[:, middle].argmax() + 40
    assert images.mel_db.max() == 0.0
    assert images.mel_db.min() >= -80.0


@pytest.mark.parametrize(("seconds", "sr"), [(0.01, 8000), (3.0, 48000), (60.0, 8000)])
def test_images_are_bounded_and_finite(seconds: float, sr: int) -> None:
    images = spectral_images(tone(300.0, seconds, sr), sr)
    assert images.mel_db.shape[0] == N_MELS
    assert images.mel_db.shape[1] == images.mfcc.shape[1] == images.chroma.shape[1] <= COLUMNS
    assert all(np.isfinite(image).all() for image in images)


def test_silence_has_a_picture() -> None:
    images = spectral_images(np.zeros(SR, dtype=np.float32), SR)
    assert all(np.isfinite(image).all() for image in images)
    assert plot_recording(np.zeros(SR, dtype=np.float32), SR, title="silence", segments=[]).startswith(b"\x89PNG")


def test_a_recording_shows_the_colours_of_its_segments_and_no_other() -> None:
    y = tone(440.0, 6.0)
    png = plot_recording(y, SR, title="two", segments=[(0.0, 3.0, "angry", 0.8), (3.0, 6.0, "bored", 0.6)])
    assert holds_colour(png, "angry")
    assert holds_colour(png, "bored")
    assert not holds_colour(plot_recording(y, SR, title="none", segments=[]), "angry")


def test_a_recording_of_minutes_and_the_same_bytes_again() -> None:
    y = tone(440.0, 300.0)
    segments = [(float(s), s + 4.0, "calm", 0.5) for s in range(0, 300, 4)]
    png = plot_recording(y, SR, title="long", segments=segments)
    assert png == plot_recording(y, SR, title="long", segments=segments)


@pytest.mark.parametrize("y", [np.zeros(0, dtype=np.float32), np.zeros((10, 2), dtype=np.float32)])
def test_what_is_no_channel_is_refused(y: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one channel"):
        plot_recording(y, SR, title="x", segments=[])


def test_a_confusion_matrix_is_coloured_by_row() -> None:
    perfect = confusion_matrix(np.diag([5, 500]), ["happy", "angry"], "perfect")
    confused = confusion_matrix(np.array([[5, 0], [500, 0]]), ["happy", "angry"], "confused")
    assert perfect != confused
    dark = [8, 48, 107]  # the end of the map: a share of 1, whatever the count
    share = (np.abs(pixels(perfect) - dark).max(axis=-1) <= 2).mean()
    assert share > 0.15


def test_a_confusion_matrix_with_a_class_nobody_spoke() -> None:
    assert confusion_matrix(np.array([[3, 1], [0, 0]]), ["happy", "angry"], "x").startswith(b"\x89PNG")


def test_a_confusion_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\); expected \(3, 3\)"):
        confusion_matrix(np.eye(2, dtype=np.int64), ["a", "b", "c"], "x")


def test_empty_bins_of_a_reliability_diagram_do_not_show() -> None:
    counts = np.array([0, 10, 20])
    confidence, accuracy = np.array([0.2, 0.5, 0.9]), np.array([0.9, 0.5, 0.7])
    nans = np.array([np.nan, 0.5, 0.9]), np.array([np.nan, 0.5, 0.7])
    assert reliability_diagram(confidence, accuracy, counts, title="x") == reliability_diagram(*nans, counts, title="x")
    assert reliability_diagram(confidence, accuracy, counts + 5, title="x") != reliability_diagram(
        confidence, accuracy, counts, title="x"
    )


def test_reliability_bins_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        reliability_diagram(np.zeros(3), np.zeros(2), np.zeros(3, dtype=np.int64), title="x")
