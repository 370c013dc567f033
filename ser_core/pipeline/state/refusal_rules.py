"""What refuses a recording, by reason: where that changes, the recording is tried again."""

from __future__ import annotations

from collections.abc import Mapping

import soundfile

from ser_core.config import Settings
from ser_core.errors import TRANSIENT_REASONS, Reason

_DECODERS = 1  # raise it where ser decodes what it refused before


def refusal_rules(settings: Settings) -> Mapping[str, str]:
    """The present rule of each reason, as text, such as `limits.max_duration_s=21600`."""
    limits, audio = settings.limits, settings.audio
    headerless = audio.headerless.model_dump(mode="json") if audio.headerless else None
    decoder = f"decoders={_DECODERS}, libsndfile={soundfile.__libsndfile_version__}, audio.headerless={headerless}"
    names = settings.roles.model_dump(mode="json").get("names")
    rules = dict.fromkeys((reason.value for reason in Reason), decoder)
    rules |= dict.fromkeys(
        (reason.value for reason in TRANSIENT_REASONS), f"attempts<{settings.quarantine.max_attempts}"
    )
    rules |= {
        Reason.TOO_LARGE.value: f"limits.max_size_mb={limits.max_size_mb:g}",
        Reason.TOO_LONG.value: f"limits.max_duration_s={limits.max_duration_s:g}",
        Reason.TOO_MANY_CHANNELS.value: f"limits.max_channels={limits.max_channels}, "
        f"roles.channels={','.join(settings.roles.channels)}",
        Reason.UNMATCHED_PATH.value: f"archive.pattern={settings.archive.pattern}, roles.names={names}",
    }
    return rules
