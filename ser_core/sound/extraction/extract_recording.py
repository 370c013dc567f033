"""One recording → its channels and their vectors: the only step that touches audio.

`extract` is one picklable function over plain numpy and dataclasses, so it runs in a Spark task, in a child process, or
alone. Memory grows with the recording only by its vectors; but mode `whole` holds one channel, and copies need all
channels of up to `LONGEST_COPIED_S`.

Speech, syllables and level are measured on every channel. Vectors, from which an emotion can be predicted, are computed
only for channels whose role is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ser_core.sound.audio import AudioInfo, AudioReader, ChannelLevels, Resampler, loudness_dbfs, open_audio
from ser_core.sound.augmentation import RECORDED, Condition
from ser_core.sound.extraction.channel import ChannelExtractor
from ser_core.sound.extraction.copies import LONGEST_COPIED_S, HeldChannels
from ser_core.sound.extraction.extraction_plan import ChannelFeatures, ExtractedRecording, ExtractionPlan
from ser_core.sound.extraction.roles import channel_roles, channels_to_score, mono_role

Array = npt.NDArray[np.float32]

_BLOCK_S = 10.0


def extract(
    source: BinaryIO,
    size_bytes: int,
    plan: ExtractionPlan,
    roles: Mapping[int, str] | None = None,
    conditions: Sequence[Condition] = (RECORDED,),
    recording_id: str = "",
) -> ExtractedRecording:
    """Decodes a recording once and extracts the channels whose role is scored, under each of `conditions`.

    `source` is a seekable binary file of `size_bytes` bytes. `roles` gives the roles of channels of this call and wins
    over the settings. A copy is made of a channel at the analysis rate and cut into segments like a recording;
    `recording_id` and the channel are its key. A recording longer than `LONGEST_COPIED_S` has no copies: only
    `RECORDED` is extracted, where it is asked for.

    Raises:
        Refusal: the recording cannot be used; see `ser_core.sound.audio`.
    """
    with open_audio(source, size_bytes, plan.limits, plan.audio.headerless) as reader:
        info, sr = reader.info, plan.feature_set.sample_rate
        levels = ChannelLevels(info.channels)
        scored = channels_to_score(info.channels, plan, roles)
        recorded = RECORDED in conditions
        extractors = [ChannelExtractor(plan, vectors=i in scored) for i in range(info.channels)] if recorded else []
        altered = [condition for condition in conditions if condition != RECORDED]
        held = HeldChannels(sr) if altered else None
        _decode(reader, levels, extractors, held, sr)
    mono = info.channels == 1 or levels.channels_match()
    kept_roles = (mono_role(plan.roles, roles),) if mono else channel_roles(info.channels, plan.roles, roles)
    rows = _Rows(plan, info, levels.frames / info.sample_rate)
    channels = [
        rows.row(extractor, i, role, levels.loudness_dbfs(i))
        for i, (extractor, role) in enumerate(zip(extractors, kept_roles, strict=False))  # a mono recording keeps one
    ]
    if held is not None and rows.duration_s <= LONGEST_COPIED_S:
        channels.extend(_copies(held, altered, kept_roles, rows, recording_id))
    return ExtractedRecording(tuple(channels))


def _decode(
    reader: AudioReader,
    levels: ChannelLevels,
    extractors: Sequence[ChannelExtractor],
    held: HeldChannels | None,
    target_sr: int,
) -> None:
    resampler = Resampler(reader.info.sample_rate, target_sr, reader.info.channels)

    def feed(block: Array) -> None:
        if len(block):
            if held is not None:
                held.push(block)
            for channel, extractor in enumerate(extractors):
                extractor.push(np.ascontiguousarray(block[:, channel]))

    for block in reader.blocks(_BLOCK_S):
        levels.add(block)
        feed(resampler.push(block))
    feed(resampler.finish())
    for extractor in extractors:
        extractor.finish()


def _copies(
    held: HeldChannels, conditions: Sequence[Condition], roles: Sequence[str], rows: _Rows, recording_id: str
) -> Iterator[ChannelFeatures]:
    sr = rows.plan.feature_set.sample_rate
    for channel, role in enumerate(roles):
        y = held.channel(channel)
        for condition in conditions:
            z = condition.apply(y, sr, f"{recording_id}/{channel}")
            extractor = ChannelExtractor(rows.plan, vectors=role in rows.plan.roles_scored)
            for start in range(0, len(z), round(_BLOCK_S * sr)):
                extractor.push(z[start : start + round(_BLOCK_S * sr)])
            extractor.finish()
            yield rows.row(extractor, channel, role, loudness_dbfs(z), condition, len(y) / max(len(z), 1))


class _Rows:
    """Makes the rows of one recording of `duration_s` seconds."""

    def __init__(self, plan: ExtractionPlan, info: AudioInfo, duration_s: float) -> None:
        self.plan, self.duration_s, self._info = plan, duration_s, info

    def row(
        self,
        extractor: ChannelExtractor,
        channel: int,
        role: str,
        loudness_dbfs: float,
        condition: Condition = RECORDED,
        time_scale: float = 1.0,
    ) -> ChannelFeatures:
        """One second of what was extracted is `time_scale` seconds of the recording."""
        sr = self.plan.feature_set.sample_rate
        narrowest = min(self._info.sample_rate, sr if condition.line is None else condition.line.sample_rate)
        speech = extractor.speech(self.duration_s / time_scale)
        count = None if role in self.plan.roles_scored else 0
        spans = extractor.spans()[:count]
        return ChannelFeatures(
            channel=channel,
            condition=condition.id,
            role=role,
            codec=self._info.codec,
            sample_rate=self._info.sample_rate,
            narrowband=narrowest < sr,
            duration_s=self.duration_s,
            speech=[(start_s * time_scale, min(end_s * time_scale, self.duration_s)) for start_s, end_s in speech],
            syllables=extractor.syllables,
            loudness_dbfs=loudness_dbfs,
            start_s=spans[:, 0] * time_scale,
            end_s=np.minimum(spans[:, 1] * time_scale, self.duration_s),
            segment_loudness_dbfs=spans[:, 2].astype(np.float32),
            vectors=extractor.vectors()[:count],
        )
