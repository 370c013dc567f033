"""Small archives and labelled corpora whose answers are planted: every emotion is a sound of its own."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tests.support.audio import encode, noise, tone

SR = 8000
EMOTIONS = ("neutral", "happy", "sad", "angry")
SPEAKERS = tuple(f"s{number}" for number in range(1, 7))
LABELS = "labels.csv"


def voice(emotion: str, duration_s: float, seed: int, sr: int = SR) -> np.ndarray:
    """The sound of `emotion`, (n,) float32; `seed` moves pitch and level as another speaker would."""
    rng = np.random.default_rng(seed)
    pitch, level = 1 + 0.05 * rng.standard_normal(), 0.2 + 0.1 * rng.random()
    if emotion == "angry":
        return noise(sr, duration_s, level, seed)
    frequency = {"neutral": 400.0, "happy": 1500.0, "sad": 150.0}[emotion]
    return tone(frequency * pitch, sr, duration_s, level) + noise(sr, duration_s, 0.003, seed)


def wav(emotion: str, duration_s: float = 1.0, seed: int = 0) -> bytes:
    """A one-channel WAV of `voice`."""
    return encode(voice(emotion, duration_s, seed), SR)


def stereo_wav(customer: str, agent: str, duration_s: float = 1.0, seed: int = 0) -> bytes:
    """A WAV with the customer on channel 0 and the agent on channel 1."""
    return encode(np.column_stack([voice(customer, duration_s, seed), voice(agent, duration_s, seed + 1)]), SR)


def write_files(root: Path, files: Mapping[str, bytes]) -> None:
    """Writes `files` by key below `root`."""
    for key, data in files.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_csv(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Writes `rows`, whose keys are those of the first, as CSV."""
    every = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(every[0]))
        writer.writeheader()
        writer.writerows(every)


def corpus_files() -> dict[str, bytes]:
    """A manifest corpus by key: six speakers, four emotions, and `labels.csv` that names every recording."""
    rows, files = ["uri,speaker,emotion"], {}
    for place, speaker in enumerate(SPEAKERS):
        for kind, emotion in enumerate(EMOTIONS):
            key = f"{speaker}/{emotion}.wav"
            files[key] = wav(emotion, seed=10 * place + kind)
            rows.append(f"{key},{speaker},{emotion}")
    return {**files, LABELS: "\n".join(rows).encode()}
