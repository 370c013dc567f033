"""Settings of what is kept, for how long, and under which name."""

from __future__ import annotations

from ser_core.config.base import Positive, PositiveInt, Section

SECRET_VARIABLE = "SER_PRIVACY_SECRET"  # noqa: S105 - the name of the variable, not what is in it


class PrivacySettings(Section):
    """Names of callers and agents. The secret itself is no setting: settings are shown, logged and sent to workers."""

    hash_ids: bool
    secret_file: str | None


class MaintainSettings(Section):
    """What `ser maintain` makes of log tables."""

    target_mb: Positive
    quarantine_days: PositiveInt
