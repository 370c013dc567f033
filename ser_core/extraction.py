"""One recording → its channels and their vectors: the only step that touches audio.

`extract` is one picklable function over plain numpy and dataclasses, so it runs in a Spark task, in a child process, or
alone. Memory does not grow with the recording, but for the vectors; in mode `whole` one channel is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ser_core.audio import AudioReader, ChannelLevels, Resampler, dbfs, open_audio
from ser_core.config.settings import FeatureSettings, LimitSettings, RoleSettings, SegmentSettings, Settings
from ser_core.errors import Reason, Refusal
from ser_core.features import FeatureSet, feature_set
from ser_core.segments import Segment, open_segmenter

Array = npt.NDArray[np.float32]

_BLOCK_S = 10.0
_BATCH_SEGMENTS = 16


@dataclass(frozen=True)
class ExtractionPlan:
    """What is computed of a recording. `roles_scored` are the roles whose channels get vectors."""

    features: FeatureSettings
    segments: SegmentSettings
    limits: LimitSettings
    roles: RoleSettings
    roles_scored: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> ExtractionPlan:
        """The plan of a job's settings."""
        return cls(settings.features, settings.segments, settings.limits, settings.roles, tuple(settings.scoring.roles))

    @property
    def feature_set(self) -> FeatureSet:
        """The feature set the vectors are of."""
        return feature_set(self.features, self.segments)


@dataclass(frozen=True)
class ChannelFeatures:
    """One channel: a row of `channels`, and its rows of `features`.

    `sample_rate` is the recording's; `narrowband`: it is lower than the analysis rate. `loudness_dbfs` is the root mean
    square of the whole channel, `segment_loudness_dbfs` of each segment, shape (n,), as `start_s` and `end_s` are, in
    seconds of the recording. `vectors` has the shape (n, dimension). `speech` and `syllables` are None: not measured.
    """

    channel: int
    role: str
    codec: str
    sample_rate: int
    narrowband: bool
    duration_s: float
    speech: list[tuple[float, float]] | None
    syllables: int | None
    loudness_dbfs: float
    start_s: npt.NDArray[np.float64]
    end_s: npt.NDArray[np.float64]
    segment_loudness_dbfs: Array
    vectors: Array


@dataclass(frozen=True)
class Extracted:
    """A recording that was extracted: every channel, with segments or without."""

    channels: tuple[ChannelFeatures, ...]


class _ChannelExtractor:
    """Segments, loudness and vectors of one channel as its blocks come by, in batches of segments."""

    def __init__(self, plan: ExtractionPlan) -> None:
        self._features = plan.feature_set
        self._segmenter = open_segmenter(plan.segments, self._features.sample_rate)
        self._waiting: list[Array] = []
        self._spans: list[tuple[float, float, float]] = []
        self._vectors: list[Array] = []

    def push(self, y: Array) -> None:
        self._take(self._segmenter.push(y))

    def finish(self) -> None:
        self._take(self._segmenter.finish())
        self._flush()

    def spans(self) -> npt.NDArray[np.float64]:
        """Start, end and loudness of each segment, shape (n, 3)."""
        return np.array(self._spans, dtype=np.float64).reshape(-1, 3)

    def vectors(self) -> Array:
        return np.concatenate([np.empty((0, self._features.dimension), np.float32), *self._vectors])

    def _take(self, segments: Iterator[Segment]) -> None:
        for start_s, end_s, y in segments:
            self._spans.append((start_s, end_s, dbfs(float(np.mean(np.square(y, dtype=np.float64))))))
            self._waiting.append(y)
            if len(self._waiting) == _BATCH_SEGMENTS:
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._vectors.append(self._features.extract(self._waiting))
            self._waiting = []


def extract(
    source: BinaryIO, size_bytes: int, plan: ExtractionPlan, roles: Mapping[int, str] | None = None
) -> Extracted:
    """Decodes a recording once and extracts the channels whose role is scored.

    `source` is a seekable binary file of `size_bytes` bytes. `roles`, where given, says the role of single channels
    of this call and wins over the settings.

    Raises:
        Refusal: the recording cannot be used; see `ser_core.audio`.
    """
    with open_audio(source, size_bytes, plan.limits) as reader:
        levels = ChannelLevels(reader.info.channels)
        extractors = {i: _ChannelExtractor(plan) for i in _channels_to_extract(reader.info.channels, plan, roles)}
        _run(reader, levels, extractors, plan.feature_set.sample_rate)
        mono = reader.info.channels == 1 or levels.channels_are_one()
        named = (_mono_role(plan.roles, roles),) if mono else _channel_roles(reader.info.channels, plan.roles, roles)
        return Extracted(
            tuple(
                _channel(i, role, reader, levels, extractors.get(i) if role in plan.roles_scored else None, plan)
                for i, role in enumerate(named)
            )
        )


def _run(
    reader: AudioReader, levels: ChannelLevels, extractors: Mapping[int, _ChannelExtractor], target_sr: int
) -> None:
    wanted = sorted(extractors)
    resampler = Resampler(reader.info.sample_rate, target_sr, max(len(wanted), 1))

    def feed(block: Array) -> None:
        for column, channel in enumerate(wanted):
            if len(block):
                extractors[channel].push(np.ascontiguousarray(block[:, column]))

    for block in reader.blocks(_BLOCK_S):
        levels.add(block)
        if wanted:
            feed(resampler.push(block[:, wanted]))
    if wanted:
        feed(resampler.finish())
    for extractor in extractors.values():
        extractor.finish()


def _channels_to_extract(channels: int, plan: ExtractionPlan, roles: Mapping[int, str] | None) -> set[int]:
    """Channels that may be scored. Whether two channels are one is known only at the end, so the first of two is
    extracted too where a mono recording would be scored."""
    if channels == 1:
        return {0} if _mono_role(plan.roles, roles) in plan.roles_scored else set()
    known = {**dict(enumerate(plan.roles.channels)), **(roles or {})}
    wanted = {i for i in range(channels) if known.get(i) in plan.roles_scored}
    if channels == 2 and _mono_role(plan.roles, roles) in plan.roles_scored:
        wanted.add(0)
    return wanted


def _mono_role(settings: RoleSettings, roles: Mapping[int, str] | None) -> str:
    """The role of the only channel. Metadata that names several channels speaks of another recording than a mono one,
    in which their voices are mixed: it does not count then."""
    return roles[0] if roles is not None and set(roles) == {0} else settings.mono


def _channel_roles(channels: int, settings: RoleSettings, roles: Mapping[int, str] | None) -> tuple[str, ...]:
    known = {**dict(enumerate(settings.channels)), **(roles or {})}
    missing = [i for i in range(channels) if i not in known]
    if missing:
        raise Refusal(
            Reason.TOO_MANY_CHANNELS,
            f"{channels} channels; roles.channels names {len(settings.channels)}: channel {missing[0]} has no role",
        )
    return tuple(known[i] for i in range(channels))


def _channel(
    channel: int,
    role: str,
    reader: AudioReader,
    levels: ChannelLevels,
    extractor: _ChannelExtractor | None,
    plan: ExtractionPlan,
) -> ChannelFeatures:
    info, features = reader.info, plan.feature_set
    duration_s = levels.frames / info.sample_rate
    spans = extractor.spans() if extractor is not None else np.empty((0, 3))
    vectors = extractor.vectors() if extractor is not None else np.empty((0, features.dimension), np.float32)
    return ChannelFeatures(
        channel=channel,
        role=role,
        codec=info.codec,
        sample_rate=info.sample_rate,
        narrowband=info.sample_rate < features.sample_rate,
        duration_s=duration_s,
        speech=None,
        syllables=None,
        loudness_dbfs=levels.loudness_dbfs(channel),
        start_s=spans[:, 0],
        end_s=np.minimum(spans[:, 1], duration_s),
        segment_loudness_dbfs=spans[:, 2].astype(np.float32),
        vectors=vectors,
    )
