"""Archives of calls built from RAVDESS, as input of jobs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile as sf

from ser_core.data.storage.folder import FolderStorage
from ser_core.learning.corpora.built_calls import compose, plan_calls, render
from ser_core.learning.corpora.clip_library import ClipLibrary
from ser_core.learning.corpora.courses import COURSES
from ser_core.learning.corpora.ravdess import RavdessReader
from ser_core.sound.audio.telephone_line import TELEPHONE_BAND_HZ, Line
from tests.benchmarks.material import corpus

SR = 8000
CHANNELS = 2
_CALLS, _CALL_S = 8, 120.0
_BLOCK = 60 * SR


def write_archive(folder: Path, lengths_s: Iterable[float]) -> float:
    """Writes a call of each length, µ-law at 8 kHz with customer and agent on channels of their own.

    A length is filled by one of eight composed calls of two minutes, again and again; calls of one length that sound
    alike are files of their own.

    Returns:
        Channel-seconds.
    """
    folder.mkdir(parents=True)
    total = 0.0
    first: dict[tuple[float, int], Path] = {}
    for number, length_s in enumerate(lengths_s):
        path = folder / f"call-{number:05d}.wav"
        same = first.setdefault((length_s, number % _CALLS), path)
        if same == path:
            _write(path, _composed()[number % _CALLS], round(length_s * SR))
        else:
            shutil.copyfile(same, path)
        total += CHANNELS * length_s
    return total


def _write(path: Path, y: np.ndarray, samples: int) -> None:
    with sf.SoundFile(path, "w", SR, CHANNELS, format="WAV", subtype="ULAW") as out:
        while samples:
            for start in range(0, min(len(y), samples), _BLOCK):
                out.write(y[start : min(start + _BLOCK, samples)])
            samples -= min(len(y), samples)


@lru_cache(maxsize=1)
def _composed() -> tuple[np.ndarray, ...]:
    """Each (n, 2), float32."""
    library = ClipLibrary(RavdessReader(), FolderStorage(corpus() / "speech-16k"))
    line = Line(sample_rate=SR, codec="ulaw", band_hz=TELEPHONE_BAND_HZ, snr_db=25.0)
    plans = plan_calls(library.speakers, _CALLS, tuple(COURSES), (_CALL_S, _CALL_S), 0.1, 0)
    return tuple(render(compose(plan, library), line, 0) for plan in plans)
