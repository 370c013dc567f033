"""Calls built from labelled clips: real voices on two channels, with the truth of every utterance.

The customer is a speaker of the corpus on channel 0, whose emotions follow a course from turn to turn. The agent is
another speaker on channel 1, who stays neutral or calm. A plan always gives the same call.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ser_core.data.storage import Storage
from ser_core.errors import CorpusError
from ser_core.learning.corpora.clip_library import SAMPLE_RATE, Array, Clip, ClipLibrary
from ser_core.learning.corpora.courses import COURSES
from ser_core.sound.audio.telephone_line import CODECS, Line, encode, over_line

ROLES = ("customer", "agent")
"""By channel."""

TRUTH = pa.schema(
    [
        ("call_id", pa.string()),
        ("role", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("emotion", pa.string()),
        ("speaker", pa.string()),
        ("clip", pa.string()),
    ]
)

_FADE_S = 0.005
_LEAD_S = 0.5
_AGENT_EMOTIONS = ("neutral", "calm")
# Seconds between turns, between utterances of a turn, and of overlap of a turn with the previous one. Utterances of one
# channel are never closer than the shortest pause.
_GAP_S = (0.2, 1.2)
_PAUSE_S = (0.35, 0.9)
_OVERLAP_S = (0.3, 0.9)
_CUSTOMER_UTTERANCES = (2, 4)
_AGENT_UTTERANCES = (1, 2)


@dataclass(frozen=True)
class CallPlan:
    """The plan of a call: `course` is a name in `COURSES`, `overlap` the share of turns that begin before the previous
    turn has ended. The call ends with the turn that passes `length_s` (seconds)."""

    call_id: str
    customer: str
    agent: str
    course: str
    length_s: float
    overlap: float
    seed: int


@dataclass(frozen=True)
class Utterance:
    """A row of the truth: speech without the silence of its clip, in seconds of the call."""

    call_id: str
    role: str
    start_s: float
    end_s: float
    emotion: str
    speaker: str
    clip: str


@dataclass(frozen=True)
class Call:
    """`y` float32 (n, 2) at `clip_library.SAMPLE_RATE`; `speech_dbfs` (2,), the median level of a channel's utterances;
    `truth` in order of time."""

    y: Array
    speech_dbfs: npt.NDArray[np.float64]
    truth: tuple[Utterance, ...]


def plan_calls(
    speakers: Sequence[str],
    count: int,
    courses: Sequence[str],
    length_s: tuple[float, float],
    overlap: float,
    seed: int,
) -> list[CallPlan]:
    """`count` plans, `call-0001` and so on, in which speakers and courses take turns.

    Lengths are drawn from `length_s` (shortest, longest), in seconds.

    Raises:
        CorpusError: there are fewer than two speakers.
    """
    if len(speakers) < 2:
        raise CorpusError(f"Calls need two speakers, found {', '.join(speakers) or 'none'}")
    rng = np.random.default_rng(seed)
    plans = []
    for number in range(count):
        turn, customer = divmod(number, len(speakers))
        agent = (customer + 1 + turn % (len(speakers) - 1)) % len(speakers)
        course = courses[(turn + customer) % len(courses)]
        length = float(rng.uniform(*length_s))
        plans.append(
            CallPlan(f"call-{number + 1:04d}", speakers[customer], speakers[agent], course, length, overlap, seed)
        )
    return plans


def compose(plan: CallPlan, library: ClipLibrary) -> Call:
    """The call of a plan. Clips of an emotion are used in random order, and again only after all of them.

    Raises:
        CorpusError: a speaker has no clips, or a clip is silent.
    """
    rng = np.random.default_rng([plan.seed, zlib.crc32(plan.call_id.encode())])
    placed = sorted(_placed(plan, library, rng))
    spoken = [library.speech(clip) for _, _, clip in placed]
    firsts = [round(start_s * SAMPLE_RATE) for start_s, _, _ in placed]
    last = max(first + len(speech) for first, speech in zip(firsts, spoken, strict=True))
    y = np.zeros((last + round(_LEAD_S * SAMPLE_RATE), len(ROLES)), dtype=np.float32)
    levels: dict[str, list[float]] = defaultdict(list)
    truth = []
    for (_, role, clip), speech, first in zip(placed, spoken, firsts, strict=True):
        y[first : first + len(speech), ROLES.index(role)] += _faded(speech)
        levels[role].append(10 * float(np.log10(np.mean(np.square(speech, dtype=np.float64)))))
        span = (first / SAMPLE_RATE, (first + len(speech)) / SAMPLE_RATE)
        truth.append(Utterance(plan.call_id, role, *span, clip.emotion, clip.speaker, clip.key))
    return Call(y, np.array([np.median(levels[role]) for role in ROLES]), tuple(truth))


def _placed(plan: CallPlan, library: ClipLibrary, rng: np.random.Generator) -> Iterator[tuple[float, str, Clip]]:
    """(start in seconds, role, clip): the agent begins, then both take turns; the customer ends the call."""
    next_clip = _Deck(library, rng)
    choose = COURSES[plan.course](library.emotions(plan.customer), rng)
    calm = [name for name in _AGENT_EMOTIONS if library.clips(plan.agent, name)] or list(library.emotions(plan.agent))
    spoken: dict[str, float] = defaultdict(float)
    free = dict.fromkeys(ROLES, _LEAD_S)  # seconds at which a channel may speak again
    at, role = _LEAD_S, "agent"
    while at < plan.length_s or role == "customer":
        customer = role == "customer"
        emotion = choose(min(at / plan.length_s, 1.0), spoken) if customer else str(rng.choice(calm))
        for _ in range(int(rng.integers(*_CUSTOMER_UTTERANCES if customer else _AGENT_UTTERANCES))):
            clip = next_clip(plan.customer if customer else plan.agent, emotion)
            duration = len(library.speech(clip)) / SAMPLE_RATE
            start = max(at, free[role])
            yield start, role, clip
            if customer:
                spoken[emotion] += duration
            at = start + duration + float(rng.uniform(*_PAUSE_S))
            free[role] = at
            end = start + duration
        early = rng.uniform() < plan.overlap
        at = end - float(rng.uniform(*_OVERLAP_S)) if early else end + float(rng.uniform(*_GAP_S))
        role = "agent" if customer else "customer"


class _Deck:
    """Deals a speaker's clips of an emotion, and shuffles them again after all of them."""

    def __init__(self, library: ClipLibrary, rng: np.random.Generator) -> None:
        self._library, self._rng = library, rng
        self._left: dict[tuple[str, str], list[Clip]] = {}

    def __call__(self, speaker: str, emotion: str) -> Clip:
        left = self._left.setdefault((speaker, emotion), [])
        if not left:
            clips = self._library.clips(speaker, emotion)
            left.extend(clips[int(i)] for i in self._rng.permutation(len(clips)))
        return left.pop()


def _faded(y: Array) -> Array:
    """`y` with short fades at both ends, against clicks."""
    fade = min(round(_FADE_S * SAMPLE_RATE), len(y) // 2)
    window = np.ones(len(y), dtype=np.float32)
    if fade:
        window[:fade] = np.linspace(0, 1, fade)
        window[-fade:] = window[:fade][::-1]
    return y * window


def render(call: Call, line: Line, seed: int) -> Array:
    """The call after the line, before its codec: float32 (n, 2) at `line.sample_rate`."""
    return over_line(call.y, SAMPLE_RATE, line, call.speech_dbfs, np.random.default_rng(seed))


def write_call(call: Call, line: Line, storage: Storage, prefix: str, seed: int) -> list[str]:
    """Writes `<prefix><call_id>.<extension>`; for a codec of one channel, `<prefix><call_id>/<role>.<extension>`.

    Returns:
        The keys.
    """
    codec, call_id = CODECS[line.codec], call.truth[0].call_id
    y = render(call, line, seed)
    if codec.max_channels >= len(ROLES):
        files = {f"{prefix}{call_id}.{codec.extension}": y}
    else:
        files = {f"{prefix}{call_id}/{role}.{codec.extension}": y[:, [i]] for i, role in enumerate(ROLES)}
    for key, samples in files.items():
        storage.put(key, encode(samples, line.sample_rate, line.codec))
    return list(files)


def truth_table(calls: Sequence[Call]) -> pa.Table:
    """The rows of `TRUTH` of several calls."""
    return pa.Table.from_pylist([asdict(utterance) for call in calls for utterance in call.truth], schema=TRUTH)
