"""Descriptors of the voice, of voiced frames only but for `f0` and `hnr`.

Frames are 40 ms under a Hann window at 8 kHz, every 10 ms.

| descriptor | what it is, and its source |
|---|---|
| `f0` | semitones above 27.5 Hz (Boersma 1993; the scale of eGeMAPS, Eyben et al. 2016) |
| `hnr` | ratio of harmonics to noise, dB, -20 to 40 (Boersma 1993, eq. 4) |
| `f0step` | log of the change of F0 within 10 ms, semitones: coarser than jitter, which is from period to period |
| `shimmer` | a period's energy against the mean of the two beside it, dB: 0 for a steady voice and for a swell |
| `h1h2`, `h1a3` | dB of the first harmonic above the second, above the third formant (Hanson 1997) |
| `harm2` … `6` | dB of a harmonic against the mean of the first six |
| `formant1` … `3` | log hertz |
| `formant1amp` … `3amp` | dB of the envelope at a formant against the first harmonic (eGeMAPS) |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ser_core.sound.features.functionals.pitch import Pitch, pitch
from ser_core.sound.features.functionals.source_plan import HOP, SourceFrames
from ser_core.sound.features.functionals.voice_quality import hnr_of
from ser_core.sound.features.relative.active_frames import Mask
from ser_core.sound.features.relative.harmonics import POINTS, envelope_through, formants_of, harmonic_levels
from ser_core.sound.speech.bands import hop_length

Array = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]

HARMONICS = 6
PHONATION = (
    *("f0", "hnr", "f0step", "shimmer", "h1h2", "h1a3"),
    *(f"harm{k}" for k in range(2, HARMONICS + 1)),
    *("formant1", "formant2", "formant3", "formant1amp", "formant2amp", "formant3amp"),
)
_EVERY = 4
"""Frames of which one is looked at for the segment's median pitch."""
_MOST_SEMITONES, _MOST_DB = 4.0, 10.0
_LEAST_SEMITONES = np.float32(0.01)
_EDGES = np.array([-1.5, -0.5, 0.5, 1.5])
_SMOOTHING = 8
"""Samples, a millisecond: spreads a glottal pulse, which would lie on one side of a period's edge or the other."""
_ENERGY_FLOOR = 1e-9


class Phonation(NamedTuple):
    """The voice of a segment's active frames."""

    x: Array  # (descriptors, voiced frames), rows in the order of `PHONATION`
    f0: Array  # (1, active frames), carried over unvoiced ones
    hnr: Array  # (1, active frames)
    voiced: Mask  # (active frames,), five of them at least


def phonation(y: Array, sr: int, active: Mask) -> Phonation:
    """The voice of `y`, shape (samples,), at `sr` hertz in its `active` frames. A loud frame of `y` has the root mean
    square 0.1; frame `k` is centred on sample `k * hop`."""
    frames = SourceFrames(np.pad(y, (hop_length(sr) // 2, 0)), sr, len(active), kept=active)
    course = pitch(frames, every=_EVERY)
    voiced, rate = course.voiced, frames.plan.sr
    hz = course.hz[voiced]
    hnr = hnr_of(course.strength)
    levels = harmonic_levels(frames.power[voiced], hz, rate)
    first = levels[:, 1 : HARMONICS + 1].T
    curve = envelope_through(levels, hz, rate)
    formants = formants_of(curve, rate)
    nearest = np.rint(formants * np.float32(2 * POINTS / rate)).astype(np.intp)
    above = np.take_along_axis(curve, nearest, axis=1).T - first[0]
    centres = np.asarray((np.flatnonzero(active)[voiced] + 0.5) * HOP, np.float64)
    x = np.empty((len(PHONATION), len(hz)), np.float32)
    x[0], x[1] = course.semitones[voiced], hnr[voiced]
    x[2] = _steps(course, active)[voiced]
    x[3] = shimmer(frames.samples, centres, rate / hz)
    x[4], x[5] = first[0] - first[1], -above[2]
    x[6:11] = first[1:] - first.mean(axis=0)
    x[11:14] = np.log(formants.T)
    x[14:] = above
    return Phonation(x, course.semitones[np.newaxis], hnr[np.newaxis], voiced)


def _steps(course: Pitch, active: Mask) -> Array:
    """`f0step` of each active frame, shape (active frames,). Behind a pause or an unvoiced frame it is the lowest."""
    out = np.zeros(len(course.voiced), np.float32)
    follows = course.voiced[1:] & course.voiced[:-1] & (np.diff(np.flatnonzero(active)) == 1)
    steps = np.abs(np.diff(course.raw_semitones))
    out[1:] = np.where(follows, np.minimum(steps, _MOST_SEMITONES), 0)
    return np.asarray(np.log(out + _LEAST_SEMITONES))


def shimmer(y: Array, centres: Wide, period: Array) -> Array:
    """The energy of the period around each of `centres`, shape (frames,), against the mean of the periods beside it, in
    decibels without sign, shape (frames,). `y` has the shape (samples,); `period` is in samples, fractions included.

    As the amplitude perturbation quotient of three periods (APQ3; Praat's manual), on energies instead of peaks: those
    depend on where the samples lie.
    """
    energy = ndimage.uniform_filter1d(np.square(y), _SMOOTHING, mode="constant")
    until = np.zeros(len(y) + 1)
    np.cumsum(energy, dtype=np.float64, out=until[1:])
    edges = centres[:, None] + period[:, None] * _EDGES
    sums = np.diff(np.interp(edges, np.arange(len(until)), until), axis=1)
    before, here, after = 10 * np.log10(sums.T + _ENERGY_FLOOR)
    return np.asarray(np.minimum(np.abs(here - (before + after) / 2), _MOST_DB), np.float32)
