"""Labelled clips for built calls: their speech, without the silence before and after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr

from ser_core.config.base import MB
from ser_core.data.storage import Storage
from ser_core.errors import CorpusError
from ser_core.learning.corpora.base import CorpusReader, LabelledStretch

Array = npt.NDArray[np.float32]

SAMPLE_RATE = 16000
"""Sample rate of built calls, in Hz: above that of every line."""

_FRAME_S = 0.01
_BELOW_PEAK_DB = 30.0
_PAUSE_S = 0.3
_BURST_S = 0.1
_CLIP_BYTES = 64 * MB
_CACHED_CLIPS = 512


class Clip(NamedTuple):
    """One labelled recording of one voice."""

    key: str
    speaker: str
    emotion: str


class ClipLibrary:
    """The clips of a corpus by speaker and emotion. Only recordings with a label for the whole recording are used.

    Args:
        reader: of the corpus.
        storage: of the corpus root.

    Raises:
        CorpusError: there are no clips.
        StorageError: the root cannot be listed.
    """

    def __init__(self, reader: CorpusReader, storage: Storage) -> None:
        listing = reader.read(info.key for info in storage.list())
        whole = (of for of in listing.stretches if of.channel is None and of.end_s is None and of.start_s == 0.0)
        self._clips: dict[tuple[str, str], list[Clip]] = defaultdict(list)
        firsts: dict[str, LabelledStretch] = {}  # of several annotators, the first: the corpus itself
        for label in sorted(whole, key=lambda stretch: stretch.key):
            firsts.setdefault(label.key, label)
        for label in firsts.values():
            self._clips[label.speaker, label.emotion].append(Clip(label.key, label.speaker, label.emotion))
        if not self._clips:
            raise CorpusError(
                f"No recording below {storage.uri} has a whole-recording label of {reader.name}: check corpus.uri"
            )
        self.speakers = tuple(sorted({speaker for speaker, _ in self._clips}))
        self.speech: Callable[[Clip], Array] = lru_cache(maxsize=_CACHED_CLIPS)(partial(_speech, storage))

    def clips(self, speaker: str, emotion: str) -> Sequence[Clip]:
        """Clips of a speaker in an emotion, sorted by key; empty where there are none."""
        return self._clips.get((speaker, emotion), [])

    def emotions(self, speaker: str) -> tuple[str, ...]:
        """The emotions of a speaker's clips, sorted."""
        return tuple(sorted(emotion for name, emotion in self._clips if name == speaker))


def _speech(storage: Storage, clip: Clip) -> Array:
    """The clip's speech at `SAMPLE_RATE`, float32 (n,), its channels averaged."""
    with storage.open(clip.key, _CLIP_BYTES) as source:
        y, sr = sf.read(source, dtype="float32", always_2d=True)
    mono = np.asarray(soxr.resample(y.mean(axis=1), sr, SAMPLE_RATE), dtype=np.float32)
    extent = speech_extent(mono, SAMPLE_RATE)
    if extent is None:
        raise CorpusError(f"{storage.uri_of(clip.key)} is silent; expected a clip with speech in it")
    return mono[round(extent[0] * SAMPLE_RATE) : round(extent[1] * SAMPLE_RATE)]


def speech_extent(y: Array, sr: int) -> tuple[float, float] | None:
    """Start and end in seconds of the speech in a studio clip `y` (n,), None where it is silent.

    From the first to the last frame of 10 ms whose level is within 30 dB of the loudest frame's. A burst shorter than
    0.1 s and at least 0.3 s apart is a click or a breath, and is ignored. Pauses inside are kept. This is for clips of
    one utterance in a quiet room; it is not a speech detector.
    """
    frame = max(1, round(_FRAME_S * sr))
    power = np.square(y[: len(y) // frame * frame].reshape(-1, frame), dtype=np.float64).mean(axis=1)
    if not len(power) or not power.max():
        return None
    loud = np.flatnonzero(power > power.max() * 10 ** (-_BELOW_PEAK_DB / 10))
    groups = np.split(loud, np.flatnonzero(np.diff(loud) * frame >= _PAUSE_S * sr) + 1)
    spans = [(group[0] * frame / sr, (group[-1] + 1) * frame / sr) for group in groups]
    speech = [span for span in spans if span[1] - span[0] >= _BURST_S] or spans
    return float(speech[0][0]), float(speech[-1][1])
