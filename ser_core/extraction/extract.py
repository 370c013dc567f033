"""One recording → its channels and their vectors: the only step that touches audio.

`extract` is one picklable function over plain numpy and dataclasses, so it runs in a Spark task, in a child process, or
alone. Memory does not grow with the recording, but for the vectors; in mode `whole` one channel is held.

Every channel is measured for speech, syllables and level: facts about the talk. Vectors, from which an emotion could be
told, are computed only of channels whose role is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ser_core.audio import AudioReader, ChannelLevels, Resampler, open_audio
from ser_core.extraction.channel import ChannelExtractor
from ser_core.extraction.plan import ChannelFeatures, Extracted, ExtractionPlan
from ser_core.extraction.roles import channel_roles, channels_to_score, mono_role

Array = npt.NDArray[np.float32]

_BLOCK_S = 10.0


def extract(
    source: BinaryIO, size_bytes: int, plan: ExtractionPlan, roles: Mapping[int, str] | None = None
) -> Extracted:
    """Decodes a recording once and extracts the channels whose role is scored.

    `source` is a seekable binary file of `size_bytes` bytes. `roles`, where given, says the role of single channels
    of this call and wins over the settings.

    Raises:
        Refusal: the recording cannot be used; see `ser_core.audio`.
    """
    with open_audio(source, size_bytes, plan.limits, plan.audio.headerless) as reader:
        channels = reader.info.channels
        levels = ChannelLevels(channels)
        scored = channels_to_score(channels, plan, roles)
        extractors = [ChannelExtractor(plan, vectors=i in scored) for i in range(channels)]
        _run(reader, levels, extractors, plan.feature_set.sample_rate)
        mono = channels == 1 or levels.channels_are_one()
        named = (mono_role(plan.roles, roles),) if mono else channel_roles(channels, plan.roles, roles)
        return Extracted(tuple(_channel(i, role, reader, levels, extractors[i], plan) for i, role in enumerate(named)))


def _run(reader: AudioReader, levels: ChannelLevels, extractors: Sequence[ChannelExtractor], target_sr: int) -> None:
    resampler = Resampler(reader.info.sample_rate, target_sr, len(extractors))

    def feed(block: Array) -> None:
        if len(block):
            for channel, extractor in enumerate(extractors):
                extractor.push(np.ascontiguousarray(block[:, channel]))

    for block in reader.blocks(_BLOCK_S):
        levels.add(block)
        feed(resampler.push(block))
    feed(resampler.finish())
    for extractor in extractors:
        extractor.finish()


def _channel(
    channel: int,
    role: str,
    reader: AudioReader,
    levels: ChannelLevels,
    extractor: ChannelExtractor,
    plan: ExtractionPlan,
) -> ChannelFeatures:
    info = reader.info
    duration_s = levels.frames / info.sample_rate
    count = None if role in plan.roles_scored else 0
    spans, vectors = extractor.spans()[:count], extractor.vectors()[:count]
    return ChannelFeatures(
        channel=channel,
        role=role,
        codec=info.codec,
        sample_rate=info.sample_rate,
        narrowband=info.sample_rate < plan.feature_set.sample_rate,
        duration_s=duration_s,
        speech=extractor.speech(duration_s),
        syllables=extractor.syllables,
        loudness_dbfs=levels.loudness_dbfs(channel),
        start_s=spans[:, 0],
        end_s=np.minimum(spans[:, 1], duration_s),
        segment_loudness_dbfs=spans[:, 2].astype(np.float32),
        vectors=vectors,
    )
