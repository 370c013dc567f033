"""Telephone calls put together from utterances: two parties taking turns, each on a channel of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

TELEPHONE_RATE = 8000
_BAND = butter(4, (300.0, 3400.0), btype="bandpass", fs=TELEPHONE_RATE, output="sos")  # ITU-T G.712: 300 to 3400 Hz
_FADE_S = 0.01

DATES = (dt.date(2026, 3, 2), dt.date(2026, 3, 3))
QUEUES = ("billing", "deliveries", "technical")


@dataclass(frozen=True)
class Utterance:
    """An utterance of one party: `y` float32 (n,) at `TELEPHONE_RATE`, with its emotion."""

    y: NDArray[np.float32]
    emotion: str


@dataclass(frozen=True)
class Truth:
    """An emotion planted between two moments of a call, in seconds."""

    start_s: float
    end_s: float
    emotion: str
    role: str


@dataclass(frozen=True)
class CallPlan:
    """The plan of a call. `course`: the customer's emotions, over equal parts of the call."""

    call_id: str
    call_date: dt.date
    agent_id: str
    queue: str
    customer_no: int
    course: tuple[str, ...]
    target_s: float

    @property
    def key(self) -> str:
        """Path below the archive's root."""
        return f"{self.call_date:%Y/%m/%d}/{self.call_id}_{self.agent_id}.wav"


class Voices(Protocol):
    """Where utterances come from."""

    def customer(self, plan: CallPlan, emotion: str, turn: int) -> Utterance:
        """The customer's `turn`-th utterance."""

    def agent(self, plan: CallPlan, turn: int) -> Utterance:
        """The agent's `turn`-th utterance."""


def telephone(y: NDArray[np.float32], sr: float) -> NDArray[np.float32]:
    """`y` (n,) at `sr` as it comes out of a narrowband line: `TELEPHONE_RATE`, 300 to 3400 Hz, float32 (m,)."""
    narrow = np.asarray(soxr.resample(y, sr, TELEPHONE_RATE), dtype=np.float64)
    padded = np.pad(narrow, TELEPHONE_RATE // 20)
    out = sosfiltfilt(_BAND, padded)[TELEPHONE_RATE // 20 : -(TELEPHONE_RATE // 20)]
    fade = min(int(_FADE_S * TELEPHONE_RATE), len(out) // 2)
    if fade:
        ramp = np.linspace(0.0, 1.0, fade)
        out[:fade] *= ramp
        out[-fade:] *= ramp[::-1]
    return np.asarray(out, dtype=np.float32)


def write_call(file: Path | BytesIO, y: NDArray[np.float32]) -> None:
    """Write `y`, (n,) or (n, channels), as a recorder on the line does: WAV of G.711 mu-law."""
    sf.write(file, y, TELEPHONE_RATE, format="WAV", subtype="ULAW")


def over_the_line(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """`y` (n,) as G.711 mu-law brings it: with a quantisation noise that features notice."""
    coded = BytesIO()
    write_call(coded, y)
    coded.seek(0)
    return np.asarray(sf.read(coded, dtype="float32")[0], dtype=np.float32)


def plan_calls(
    courses: Sequence[tuple[str, ...]], agent_ids: Sequence[str], customers: int, seed: int
) -> list[CallPlan]:
    """Two calls of each of `courses`, one a date, 40 to 80 s long; agents and customers take their turns."""
    rng = np.random.default_rng(seed)
    plans = []
    for n in range(2 * len(courses)):
        day, course = divmod(n, len(courses))
        plans.append(
            CallPlan(
                call_id=f"call-{1001 + n}",
                call_date=DATES[day],
                agent_id=agent_ids[(n + day) % len(agent_ids)],
                queue=QUEUES[int(rng.integers(len(QUEUES)))],
                customer_no=(n + 3 * day) % customers,  # another voice on the other day
                course=courses[course],
                target_s=float(rng.uniform(40.0, 80.0)),
            )
        )
    return plans


def _turns(plan: CallPlan, voices: Voices, rng: np.random.Generator) -> Iterator[tuple[float, str, Utterance]]:
    """(start in seconds, role, utterance): the agent opens, then both take turns until the call is long enough."""
    at = 0.5
    said = {"customer": 0, "agent": 0}
    role = "agent"
    while at < plan.target_s or role == "agent":
        part = min(int(at / plan.target_s * len(plan.course)), len(plan.course) - 1)
        emotion = plan.course[part]
        for _ in range(int(rng.integers(2, 4)) if role == "customer" else 1):
            turn = said[role]
            utterance = voices.customer(plan, emotion, turn) if role == "customer" else voices.agent(plan, turn)
            yield at, role, utterance
            said[role] += 1
            at += len(utterance.y) / TELEPHONE_RATE + float(rng.uniform(0.15, 0.4))
        # An angry customer starts before the agent has ended; others leave a pause.
        cuts_in = role == "agent" and emotion == "angry"
        at += float(rng.uniform(-0.9, -0.5) if cuts_in else rng.uniform(0.1, 0.9))
        role = "agent" if role == "customer" else "customer"


def make_call(plan: CallPlan, voices: Voices, seed: int) -> tuple[NDArray[np.float32], list[Truth]]:
    """The call as float32 (n, 2) at `TELEPHONE_RATE`, customer on channel 0 and agent on 1, and what was planted.

    The pauses are digital silence, as on an IP line that sends nothing while nobody speaks.
    """
    rng = np.random.default_rng([seed, int(plan.call_id.rpartition("-")[2])])
    turns = list(_turns(plan, voices, rng))
    truth = [
        Truth(round(start, 3), round(start + len(u.y) / TELEPHONE_RATE, 3), u.emotion, role) for start, role, u in turns
    ]
    frames = int((max(t.end_s for t in truth) + 0.5) * TELEPHONE_RATE)
    y = np.zeros((frames, 2), dtype=np.float32)
    for start, role, utterance in turns:
        first = int(start * TELEPHONE_RATE)
        y[first : first + len(utterance.y), ("customer", "agent").index(role)] += utterance.y
    return np.clip(y, -0.999, 0.999), truth
