"""One recording → its channels and their vectors: the only step that touches audio.

`extract` is one picklable function over plain numpy and dataclasses, so it runs in a Spark task, in a child process, or
alone. Memory does not grow with the recording, but for the vectors; in mode `whole` one channel is held, and where
copies are made, all channels of up to `LONGEST_COPIED_S`.

Every channel is measured for speech, syllables and level: facts about the talk. Vectors, from which an emotion could be
told, are computed only of channels whose role is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ser_core.sound.audio import AudioInfo, AudioReader, ChannelLevels, Resampler, dbfs, open_audio
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

    `source` is a seekable binary file of `size_bytes` bytes. `roles`, where given, says the role of single channels
    of this call and wins over the settings. A copy is made of a channel at the analysis rate, and cut into segments as
    a recording of its own would be; `recording_id` and the channel are its key. Of a recording longer than
    `LONGEST_COPIED_S` there are no copies, so that only `RECORDED` is extracted, if it is asked for.

    Raises:
        Refusal: the recording cannot be used; see `ser_core.sound.audio`.
    """
    with open_audio(source, size_bytes, plan.limits, plan.audio.headerless) as reader:
        info, sr = reader.info, plan.feature_set.sample_rate
        levels = ChannelLevels(info.channels)
        scored = channels_to_score(info.channels, plan, roles)
        recorded = RECORDED in conditions
        heard = [ChannelExtractor(plan, vectors=i in scored) for i in range(info.channels)] if recorded else []
        copied = [condition for condition in conditions if condition != RECORDED]
        held = HeldChannels(sr) if copied else None
        _run(reader, levels, heard, held, sr)
    mono = info.channels == 1 or levels.channels_are_one()
    named = (mono_role(plan.roles, roles),) if mono else channel_roles(info.channels, plan.roles, roles)
    rows = _Rows(plan, info, levels.frames / info.sample_rate)
    channels = [rows.row(heard[i], i, role, levels.loudness_dbfs(i)) for i, role in enumerate(named) if recorded]
    if held is not None and rows.duration_s <= LONGEST_COPIED_S:
        channels.extend(_copies(held, copied, named, rows, recording_id))
    return ExtractedRecording(tuple(channels))


def _run(
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
    held: HeldChannels, conditions: Sequence[Condition], named: Sequence[str], rows: _Rows, recording_id: str
) -> Iterator[ChannelFeatures]:
    sr = rows.plan.feature_set.sample_rate
    for channel, role in enumerate(named):
        y = held.channel(channel)
        for condition in conditions:
            z = condition.apply(y, sr, f"{recording_id}/{channel}")
            extractor = ChannelExtractor(rows.plan, vectors=role in rows.plan.roles_scored)
            for start in range(0, len(z), round(_BLOCK_S * sr)):
                extractor.push(z[start : start + round(_BLOCK_S * sr)])
            extractor.finish()
            loudness = dbfs(float(np.mean(np.square(z, dtype=np.float64)))) if len(z) else dbfs(0.0)
            yield rows.row(extractor, channel, role, loudness, condition, len(y) / max(len(z), 1))


class _Rows:
    """Makes the channels of one recording of `duration_s` seconds."""

    def __init__(self, plan: ExtractionPlan, info: AudioInfo, duration_s: float) -> None:
        self.plan, self.duration_s, self._info = plan, duration_s, info

    def row(
        self,
        extractor: ChannelExtractor,
        channel: int,
        role: str,
        loudness_dbfs: float,
        condition: Condition = RECORDED,
        stretch: float = 1.0,
    ) -> ChannelFeatures:
        """`stretch` is how many seconds of the recording one second of what was heard is."""
        sr = self.plan.feature_set.sample_rate
        narrowest = min(self._info.sample_rate, sr if condition.line is None else condition.line.sample_rate)
        speech = extractor.speech(self.duration_s / stretch)
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
            speech=[(start_s * stretch, min(end_s * stretch, self.duration_s)) for start_s, end_s in speech],
            syllables=extractor.syllables,
            loudness_dbfs=loudness_dbfs,
            start_s=spans[:, 0] * stretch,
            end_s=np.minimum(spans[:, 1] * stretch, self.duration_s),
            segment_loudness_dbfs=spans[:, 2].astype(np.float32),
            vectors=extractor.vectors()[:count],
        )
