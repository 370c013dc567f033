"""The demo on real voices: RAVDESS clips of the last four actors become calls, the other actors' are the corpus."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile as sf
from calls import CallPlan, Utterance, telephone
from numpy.typing import NDArray
from synthetic import Label

# Livingstone & Russo 2018: modality (03 audio only), channel (01 speech), emotion, intensity, statement, repetition,
# actor
_NAME = re.compile(r"03-01-(?P<emotion>0[1-8])-\d\d-\d\d-\d\d-(?P<actor>\d\d)\.(wav|flac)", re.IGNORECASE)
_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_HELD_OUT = 4
_SILENCE_DB = 40.0

COURSES = (
    ("calm",),
    ("neutral", "angry"),
    ("sad", "neutral"),
    ("happy",),
    ("neutral", "fearful"),
    ("angry", "calm"),
    ("surprised", "happy"),
    ("disgust", "angry"),
    ("sad",),
    ("calm", "angry", "calm"),
    ("fearful", "neutral"),
    ("neutral", "disgust"),
)
"""The customer's emotions over equal parts of a call."""


@dataclass(frozen=True)
class Clip:
    """A clip of the corpus."""

    path: Path
    emotion: str
    actor: str


def find_clips(root: Path) -> list[Clip]:
    """The speech clips below `root`, one of each name, in order of name.

    Raises:
        ValueError: too few actors to hold four out and train on the rest.
    """
    found: dict[str, Clip] = {}
    for path in sorted(root.rglob("*")):
        match = _NAME.fullmatch(path.name)
        if match:
            clip = Clip(path.resolve(), _EMOTIONS[int(match["emotion"]) - 1], f"actor-{match['actor']}")
            found.setdefault(path.stem, clip)  # a clip may exist in two formats
    actors = {clip.actor for clip in found.values()}
    if len(actors) < _HELD_OUT + 2:
        raise ValueError(
            f"{root} holds RAVDESS speech clips of {len(actors)} actors; the demo needs {_HELD_OUT + 2} or more: point "
            "--corpus at the folder that holds Actor_01, Actor_02, ..."
        )
    return [found[stem] for stem in sorted(found)]


def split_actors(clips: list[Clip]) -> tuple[list[Clip], list[Clip]]:
    """(clips to train on, clips of the last four actors, who make the calls)."""
    held_out = set(sorted({clip.actor for clip in clips})[-_HELD_OUT:])
    return [c for c in clips if c.actor not in held_out], [c for c in clips if c.actor in held_out]


def corpus_labels(clips: list[Clip]) -> Iterator[Label]:
    """A label for each clip, with its absolute path: nothing is copied."""
    for clip in clips:
        duration_s = round(sf.info(clip.path).duration, 3)
        yield Label(str(clip.path), 0, 0.0, duration_s, clip.actor, clip.emotion, "ravdess")


@lru_cache(maxsize=512)
def _speech(path: Path) -> NDArray[np.float32]:
    """The clip over the telephone, without the second of room before and after the voice; float32 (n,)."""
    y, sr = sf.read(path, dtype="float32", always_2d=True)
    line = telephone(y.mean(axis=1), sr)
    frames = line[: len(line) // 80 * 80].reshape(-1, 80)  # 10 ms
    level = np.mean(np.square(frames), axis=1)
    voiced = np.flatnonzero(level > level.max() * 10.0 ** (-_SILENCE_DB / 10.0))
    return line[voiced[0] * 80 : (voiced[-1] + 1) * 80]


class ActedVoices:
    """The held-out actors as customers and, in their neutral and calm clips, as agents."""

    agent_ids = ("agent-01", "agent-02", "agent-03", "agent-04")
    customers = _HELD_OUT
    courses = COURSES

    def __init__(self, held_out: list[Clip]) -> None:
        self._actors = sorted({clip.actor for clip in held_out})
        self._paths: dict[tuple[str, str], list[Path]] = defaultdict(list)
        for clip in held_out:
            self._paths[clip.actor, clip.emotion].append(clip.path)

    def customer(self, plan: CallPlan, emotion: str, turn: int) -> Utterance:
        """The customer's `turn`-th utterance."""
        return self._utterance(self._actors[plan.customer_no], emotion, turn)

    def agent(self, plan: CallPlan, turn: int) -> Utterance:
        """The agent's `turn`-th utterance: neutral, by another actor than the customer."""
        return self._utterance(self._actors[(plan.customer_no + 1) % len(self._actors)], "neutral", turn)

    def _utterance(self, actor: str, emotion: str, turn: int) -> Utterance:
        paths = self._paths[actor, emotion]
        return Utterance(_speech(paths[turn % len(paths)]), emotion)
