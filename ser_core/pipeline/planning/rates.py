"""Rates of the jobs' work on this machine, measured for a few seconds on a synthetic call."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from ser_core.config import Settings
from ser_core.data.tables.schemas import (
    CALL_EMOTIONS,
    CALL_TALK,
    CHANNELS,
    RECORDINGS,
    SEGMENT_EMOTIONS,
    features_schema,
)
from ser_core.emotions import EMOTIONS
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.model_fit import fit_model
from ser_core.sound.audio.telephone_line import encode
from ser_core.sound.extraction import ExtractionPlan, extract

Array = npt.NDArray[np.float32]

_CALL_S = 120.0
_SAMPLE_RATE = 8000
_TURN_S = 6.0
_SYLLABLES_HZ = 4.5
_ROWS = 2_000
_SIZED = (RECORDINGS, CHANNELS, SEGMENT_EMOTIONS, CALL_EMOTIONS, CALL_TALK)


@dataclass(frozen=True)
class Rates:
    """Rates of one core of this machine.

    Attributes:
        extract_realtime: seconds of channel per second of work, decoding and speech activity included.
        task_spread: times of the repetitions over their median.
        score_rows: segments per second.
        segments_per_hour: per hour of a scored channel.
        bytes_per_s: per second of a channel.
        row_bytes: stored bytes per row, by table.
    """

    extract_realtime: float
    task_spread: tuple[float, ...]
    score_rows: float
    segments_per_hour: float
    bytes_per_s: float
    row_bytes: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


def measure_rates(settings: Settings, codec: str, budget_s: float) -> Rates:
    """Measures for about `budget_s` seconds, in one thread.

    The call is synthetic: two channels whose voices take turns, so that each channel is half speech.

    Raises:
        ValueError: `ser_core.sound.audio.telephone_line` cannot write `codec` on two channels.
    """
    plan = ExtractionPlan.of(settings)
    y = two_voices(_CALL_S, _SAMPLE_RATE, np.random.default_rng(0))
    data = encode(y, _SAMPLE_RATE, codec)
    with threadpool_limits(1):
        recording = extract(io.BytesIO(data), len(data), plan)  # also warms the caches
        times = _repeat(lambda: extract(io.BytesIO(data), len(data), plan), budget_s)
    scored = [channel for channel in recording.channels if channel.role in plan.roles_scored]
    segments = sum(len(channel.start_s) for channel in scored)
    channels = len(recording.channels)
    return Rates(
        extract_realtime=channels * _CALL_S / float(np.median(times)),
        task_spread=tuple((np.array(times) / np.median(times)).tolist()),
        score_rows=_score_rows(settings, plan.feature_set.dimension, budget_s / 4),
        segments_per_hour=segments / max(1, len(scored)) * 3600 / _CALL_S,
        bytes_per_s=len(data) / (channels * _CALL_S),
        row_bytes={table.name: _row_bytes(table.schema) for table in _SIZED}
        | {"features": _row_bytes(features_schema(plan.feature_set.dimension))},
    )


def two_voices(duration_s: float, sr: int, rng: np.random.Generator) -> Array:
    """A synthetic call, float32 (n, 2): two voices in turns of 6 s, over a quiet line.

    Each syllable has its own pitch, level and timbre, as steady sound is taken for noise.
    """
    t = np.arange(round(duration_s * sr)) / sr
    turn = (t // _TURN_S).astype(int) % 2
    channels = []
    for voice, f0 in enumerate((210.0, 120.0)):
        place = t * _SYLLABLES_HZ
        number, within = place.astype(int), place % 1
        count = number[-1] + 1
        pitch = 2 * np.pi * np.cumsum(f0 * rng.uniform(0.8, 1.25, count)[number]) / sr
        timbre = rng.exponential(size=(int(0.45 * sr / (1.25 * f0)), count))
        sound = sum(level[number] * np.cos(k * pitch) / k for k, level in enumerate(timbre, start=1))
        shape = np.clip(np.sin(np.pi * within / 0.8), 0, None) * rng.uniform(0.3, 1.0, count)[number]
        phrase = (t % 2.5) < 1.7  # a pause ends a segment
        noise = 0.0005 * rng.standard_normal(len(t))
        channels.append(0.1 * sound * shape * phrase * (turn == voice) + noise)
    return np.stack(channels, axis=1).astype(np.float32)


def _repeat(work: Callable[[], object], budget_s: float) -> list[float]:
    """Seconds of each repetition; at least three, until the budget is spent."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < budget_s:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def _score_rows(settings: Settings, dimension: int, budget_s: float) -> float:
    """Segments per second through a model of the configured size, trained on noise: the weights do not matter."""
    rng = np.random.default_rng(0)
    names = np.array(EMOTIONS[:8])
    n = 160
    data = LabelledFeatures(
        X=rng.standard_normal((n, dimension)).astype(np.float32),
        emotion=names[np.arange(n) % len(names)],
        speaker=np.array([f"speaker-{i // 8 % 10}" for i in range(n)]),
        recording_id=np.array([f"recording-{i}" for i in range(n)]),
        duration_s=np.ones(n),
        condition=np.full(n, "as_recorded"),
        language=np.full(n, ""),
        corpus=np.full(n, "noise"),
    )
    model = fit_model(data, tuple(names.tolist()), settings.training.model_copy(update={"max_iter": 1}))
    X = rng.standard_normal((_ROWS, dimension)).astype(np.float32)
    voice = np.arange(_ROWS) // 20
    with threadpool_limits(1):
        model.posteriors(X, voice)
        return _ROWS / float(np.median(_repeat(lambda: model.posteriors(X, voice), budget_s)))


def _row_bytes(schema: pa.Schema) -> float:
    """Bytes per row of a Parquet file of random values, which compress no better than real ones."""
    rng = np.random.default_rng(0)
    wide = any(pa.types.is_fixed_size_list(field.type) for field in schema)
    count = 200 if wide else _ROWS
    table = pa.table([_column(field, count, rng) for field in schema], schema=schema)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.tell() / count


def _column(field: pa.Field, count: int, rng: np.random.Generator) -> pa.Array:
    kind = field.type
    if pa.types.is_fixed_size_list(kind):
        values = rng.standard_normal(count * kind.list_size).astype(np.float32)
        return pa.FixedSizeListArray.from_arrays(pa.array(values), kind.list_size)
    if field.name in {"recording_id", "version", "call_id", "uri"}:
        return pa.array([f"{number:016x}" for number in rng.integers(0, 2**62, count)])
    if pa.types.is_floating(kind):
        return pa.array(rng.standard_normal(count)).cast(kind)
    if pa.types.is_integer(kind):
        return pa.array(rng.integers(0, 100, count)).cast(kind)
    if pa.types.is_string(kind):
        return pa.array(["a value that repeats"] * count)
    return pa.nulls(count, kind)
