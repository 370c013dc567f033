"""What refuses a recording, by reason: where that changes, the recording is tried again."""

from __future__ import annotations

from collections.abc import Mapping

import soundfile

from ser_core.config import Settings
from ser_core.errors import TRANSIENT_REASONS, Reason

_DECODERS = 1  # raise it where ser decodes what it refused before


def refusal_rules(settings: Settings) -> Mapping[str, str]:
    """The present rule of each reason, as text, such as `limits.max_duration_s=21600`."""
    limits, audio, isolation = settings.limits, settings.audio, settings.isolation
    headerless = audio.headerless.model_dump(mode="json") if audio.headerless else None
    decoder = f"decoders={_DECODERS}, libsndfile={soundfile.__libsndfile_version__}, audio.headerless={headerless}"
    names = settings.roles.model_dump(mode="json")["names"]
    rules = dict.fromkeys((reason.value for reason in Reason), decoder)
    rules |= dict.fromkeys((reason.value for reason in TRANSIENT_REASONS), "the machine or the storage")
    return rules | {
        Reason.DECODER_TIMEOUT.value: f"isolation.base_s={isolation.base_s:g}, s_per_mb={isolation.s_per_mb:g}",
        Reason.OUT_OF_MEMORY.value: f"isolation.memory_mb={isolation.memory_mb:g}",
        Reason.TOO_LARGE.value: f"limits.max_size_mb={limits.max_size_mb:g}",
        Reason.TOO_LONG.value: f"limits.max_duration_s={limits.max_duration_s:g}",
        Reason.TOO_MANY_CHANNELS.value: f"limits.max_channels={limits.max_channels}, "
        f"roles.channels={','.join(settings.roles.channels)}",
        Reason.UNMATCHED_PATH.value: f"archive.pattern={settings.archive.pattern}, roles.names={names}",
    }
