"""A recording as a picture: waveform, mel spectrogram, MFCC, chroma and the emotion of each segment."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from ser_core.emotions import EMOTIONS
from ser_core.report.colours import colour, ink_on
from ser_core.report.images import COLUMNS, N_MFCC, SpectralImages, envelope, spectral_images

Segment = tuple[float, float, str, float]
"""(start_s, end_s, emotion, confidence)."""

_DPI = 120
_WIDTH_IN = 11.0
_LETTER_IN = 0.075  # width of a letter, to write a name only where it fits
_TICK_HZ = (0, 250, 500, 1000, 2000, 4000, 8000, 16000)
_PITCHES = ("C", "D", "E", "F", "G", "A", "B")
_PITCH_ROWS = (0, 2, 4, 5, 7, 9, 11)


def to_png(figure: Figure) -> bytes:
    """The figure as PNG bytes without a timestamp, so that the same picture gives the same bytes."""
    out = BytesIO()
    figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()


def plot_recording(y: NDArray[np.float32], sr: int, *, title: str, segments: Sequence[Segment]) -> bytes:
    """PNG of one channel `y` (n,) at `sr` with its `segments`, which may be none.

    Raises:
        ValueError: `y` has no samples or more than one dimension.
    """
    if y.ndim != 1 or not len(y):
        raise ValueError(f"y has shape {y.shape}; expected (n,) with n > 0: one channel with at least one sample")
    duration_s = len(y) / sr
    figure = Figure(figsize=(_WIDTH_IN, 9.0), layout="constrained")
    axes = figure.subplots(5, 1, sharex=True, height_ratios=(1.0, 1.7, 1.1, 1.1, 0.8))
    images = spectral_images(np.asarray(y, dtype=np.float32), sr)
    _waveform(axes[0], y, duration_s, segments)
    _mel(figure, axes[1], images, sr, duration_s)
    _mfcc(figure, axes[2], images, duration_s)
    _chroma(figure, axes[3], images, duration_s)
    _emotions(axes[4], segments, duration_s)
    axes[0].set_xlim(0.0, duration_s)
    figure.suptitle(title, fontsize=12)
    _legend(figure, segments)
    figure.align_ylabels(axes)
    return to_png(figure)


def _clock(seconds: float, _position: int | None = None) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _waveform(axes: Axes, y: NDArray[np.float32], duration_s: float, segments: Sequence[Segment]) -> None:
    low, high = envelope(y, 2 * COLUMNS)
    time_s = (np.arange(len(low)) + 0.5) * duration_s / len(low)
    for start_s, end_s, emotion, _ in segments:
        axes.axvspan(start_s, end_s, color=colour(emotion), alpha=0.35, linewidth=0)
    axes.fill_between(time_s, low, high, color="#222222", linewidth=0.4)
    peak = max(float(np.abs(y).max()), 1e-4)
    axes.set_ylim(-1.05 * peak, 1.05 * peak)
    axes.set_ylabel("Amplitude\n(full scale 1)")


def _image(axes: Axes, image: NDArray[np.float32], duration_s: float, cmap: str) -> AxesImage:
    extent = (0.0, duration_s, -0.5, image.shape[0] - 0.5)
    return axes.imshow(image, origin="lower", aspect="auto", extent=extent, cmap=cmap, interpolation="nearest")


def _mel(figure: Figure, axes: Axes, images: SpectralImages, sr: int, duration_s: float) -> None:
    shown = _image(axes, images.mel_db, duration_s, "magma")
    figure.colorbar(shown, ax=axes, label="dB below maximum", pad=0.01)
    ticks = [hz for hz in _TICK_HZ if hz <= sr / 2]
    bands = len(images.mel_db) + 1  # filter m peaks at point m + 1 of a scale divided into bands + 1
    rows = [_mel_of(hz) / _mel_of(sr / 2) * bands - 1 for hz in ticks]
    axes.set_yticks(np.clip(rows, -0.5, bands - 1.5), [f"{hz:,}" for hz in ticks])
    axes.set_ylim(-0.5, len(images.mel_db) - 0.5)
    axes.set_ylabel("Mel band (Hz)")


def _mel_of(hz: float) -> float:
    """Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, logarithmic above."""
    return hz * 3 / 200 if hz < 1000 else 15.0 + 27.0 * float(np.log(hz / 1000.0) / np.log(6.4))


def _mfcc(figure: Figure, axes: Axes, images: SpectralImages, duration_s: float) -> None:
    shape = images.mfcc[1:]  # coefficient 0 is the level, much larger than the others
    limit = max(float(np.percentile(np.abs(shape), 99)), 1e-3)
    shown = axes.imshow(
        shape,
        origin="lower",
        aspect="auto",
        extent=(0.0, duration_s, 0.5, N_MFCC - 0.5),
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
    )
    figure.colorbar(shown, ax=axes, label="dB", pad=0.01)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_ylabel(f"MFCC\n(1 to {N_MFCC - 1})")


def _chroma(figure: Figure, axes: Axes, images: SpectralImages, duration_s: float) -> None:
    shown = _image(axes, images.chroma, duration_s, "viridis")
    figure.colorbar(shown, ax=axes, label="of strongest", pad=0.01)
    axes.set_yticks(_PITCH_ROWS, _PITCHES)
    axes.set_ylabel("Chroma\n(pitch class)")


def _emotions(axes: Axes, segments: Sequence[Segment], duration_s: float) -> None:
    width_in = _WIDTH_IN * 0.8
    for start_s, end_s, emotion, confidence in segments:
        axes.bar(
            start_s, confidence, end_s - start_s, align="edge", color=colour(emotion), edgecolor="white", linewidth=0.5
        )
        if (end_s - start_s) / duration_s * width_in > len(emotion) * _LETTER_IN and confidence > 0.2:
            middle = ((start_s + end_s) / 2, confidence / 2)
            axes.annotate(emotion, middle, ha="center", va="center", fontsize=8, color=ink_on(colour(emotion)))
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("Confidence")
    if duration_s > 120.0:
        axes.xaxis.set_major_locator(MultipleLocator(30.0 * np.ceil(duration_s / 300.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(_clock))
        axes.set_xlabel("Time (min:s)")
    else:
        axes.set_xlabel("Time (s)")


def _legend(figure: Figure, segments: Sequence[Segment]) -> None:
    present = {segment[2] for segment in segments}
    names = [emotion for emotion in EMOTIONS if emotion in present] + sorted(present - set(EMOTIONS))
    if names:
        handles = [Patch(color=colour(name), label=name) for name in names]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(names), 10), frameon=False)
