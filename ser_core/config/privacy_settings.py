"""Settings of privacy and of upkeep."""

from __future__ import annotations

from ser_core.config.base import Positive, PositiveInt, Section

SECRET_VARIABLE = "SER_PRIVACY_SECRET"  # noqa: S105 - the name of the variable, not its value


class PrivacySettings(Section):
    """Hashes of call and agent ids. The secret is no setting: settings are shown, logged and sent to workers."""

    hash_ids: bool
    secret_file: str | None


class MaintainSettings(Section):
    """Sizes of files and ages of refusals that `ser maintain` keeps."""

    target_mb: Positive
    quarantine_days: PositiveInt
