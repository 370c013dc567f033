"""The synthetic demo: a labelled corpus and the voices of the calls, spoken by espeak-ng."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from calls import TELEPHONE_RATE, CallPlan, Utterance, over_the_line, telephone
from cast import (
    AGENT_SENTENCES,
    AGENTS,
    CORPUS_SENTENCES,
    CORPUS_SPEAKERS,
    CUSTOMER_SENTENCES,
    CUSTOMERS,
    MANNERS,
    Speaker,
)
from espeak import Espeak, Prosody
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

COURSES = (
    ("neutral",),
    ("neutral", "angry"),
    ("distressed", "neutral"),
    ("happy",),
    ("neutral", "distressed"),
    ("angry", "neutral"),
    ("neutral", "happy"),
    ("angry",),
    ("distressed",),
    ("neutral", "angry", "neutral"),
    ("distressed", "happy"),
    ("neutral", "neutral", "angry"),
)
"""The customer's emotions over equal parts of a call."""

_LEVEL_DBFS = -32.0  # speech level of a speaker who is neutral: the loudest emotion stays below clipping

_BASS = butter(1, 1000.0, fs=TELEPHONE_RATE)
_MAX_PAUSE_S = 1.2  # before and after a clip: the windows of a call hold pauses too


@dataclass(frozen=True)
class Label:
    """A row of labels.csv; `uri` is relative to it."""

    uri: str
    channel: int
    start_s: float
    end_s: float
    speaker: str
    emotion: str
    annotator: str


def _level_dbfs(y: NDArray[np.float32]) -> float:
    return float(10.0 * np.log10(np.mean(np.square(y, dtype=np.float64)) + 1e-12))


def _with_treble(y: NDArray[np.float32], treble_db: float) -> NDArray[np.float64]:
    bass = lfilter(*_BASS, y)
    return np.asarray(bass + (y - bass) * 10.0 ** (treble_db / 20.0), dtype=np.float64)


class Actors:
    """Speakers who say sentences in the planted manners.

    The jitter of a clip depends on its own name only. The last bits depend on what was said before, because espeak-ng
    carries phases from one utterance to the next: a new process that says the same in the same order gives the same.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._espeak = Espeak()
        self._own_gain_db: dict[str, float] = {}

    def say(self, speaker: Speaker, emotion: str, text: str) -> NDArray[np.float32]:
        """`text` as it comes out of the telephone, float32 (n,) at `TELEPHONE_RATE`."""
        rng = np.random.default_rng([self._seed, zlib.crc32(f"{speaker.name}|{emotion}|{text}".encode())])
        manner = MANNERS[emotion]
        prosody = Prosody(
            rate_wpm=manner.rate_wpm * float(rng.uniform(0.94, 1.06)),
            pitch=speaker.pitch + manner.pitch_shift + float(rng.uniform(-4, 4)),
            range_=manner.range_ + float(rng.uniform(-8, 8)),
        )
        gain_db = self._gain_db(speaker) + manner.gain_db + float(rng.uniform(-1.5, 1.5))
        y = _with_treble(self._telephone(text, speaker, prosody), manner.treble_db) * 10.0 ** (gain_db / 20.0)
        return np.asarray(np.clip(y, -0.999, 0.999), dtype=np.float32)

    def _telephone(self, text: str, speaker: Speaker, prosody: Prosody) -> NDArray[np.float32]:
        return telephone(self._espeak.speak(text, speaker.voice, prosody), self._espeak.sample_rate)

    def _gain_db(self, speaker: Speaker) -> float:
        """What brings the speaker's neutral voice to the speech level: espeak's voices lie up to 20 dB apart."""
        if speaker.name not in self._own_gain_db:
            neutral = Prosody(MANNERS["neutral"].rate_wpm, speaker.pitch, MANNERS["neutral"].range_)
            measured = _level_dbfs(self._telephone(CORPUS_SENTENCES[0], speaker, neutral))
            rng = np.random.default_rng([self._seed, zlib.crc32(speaker.name.encode())])
            self._own_gain_db[speaker.name] = _LEVEL_DBFS - measured + float(rng.uniform(-1.5, 1.5))
        return self._own_gain_db[speaker.name]


class SyntheticVoices:
    """The customers and agents of the synthetic calls."""

    agent_ids = tuple(agent.name for agent in AGENTS)
    customers = len(CUSTOMERS)
    courses = COURSES

    def __init__(self, actors: Actors) -> None:
        self._actors = actors

    def customer(self, plan: CallPlan, emotion: str, turn: int) -> Utterance:
        """The customer's `turn`-th utterance."""
        sentences = CUSTOMER_SENTENCES[emotion]
        text = sentences[(turn + plan.customer_no) % len(sentences)]
        return Utterance(self._actors.say(CUSTOMERS[plan.customer_no], emotion, text), emotion)

    def agent(self, plan: CallPlan, turn: int) -> Utterance:
        """The agent's `turn`-th utterance, always neutral."""
        speaker = AGENTS[self.agent_ids.index(plan.agent_id)]
        return Utterance(self._actors.say(speaker, "neutral", AGENT_SENTENCES[turn % len(AGENT_SENTENCES)]), "neutral")


def write_corpus(actors: Actors, folder: Path) -> Iterator[Label]:
    """Write every sentence by every speaker in every emotion as 8 kHz, 16-bit WAV; yields each clip's label."""
    for speaker in CORPUS_SPEAKERS:
        (folder / speaker.name).mkdir(parents=True, exist_ok=True)
        for emotion in MANNERS:
            for n, text in enumerate(CORPUS_SENTENCES, start=1):
                rng = np.random.default_rng([n, zlib.crc32(f"{speaker.name}|{emotion}".encode())])
                lead, tail = (rng.uniform(0.0, _MAX_PAUSE_S, size=2) * TELEPHONE_RATE).astype(int)
                y = over_the_line(np.pad(actors.say(speaker, emotion, text), (lead, tail)))
                uri = f"{speaker.name}/{emotion}_{n:02d}.wav"
                sf.write(folder / uri, y, TELEPHONE_RATE, subtype="PCM_16")
                yield Label(uri, 0, 0.0, round(len(y) / TELEPHONE_RATE, 3), speaker.name, emotion, "planted")


CORPUS_CLIPS = len(CORPUS_SPEAKERS) * len(MANNERS) * len(CORPUS_SENTENCES)
