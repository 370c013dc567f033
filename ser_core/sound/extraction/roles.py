"""Whose voice each channel carries."""

from __future__ import annotations

from collections.abc import Mapping

from ser_core.config.settings import RoleSettings
from ser_core.errors import Reason, Refusal
from ser_core.sound.extraction.extraction_plan import ExtractionPlan


def channels_to_score(channels: int, plan: ExtractionPlan, roles: Mapping[int, str] | None) -> set[int]:
    """Channels that may be scored. Whether two channels are the same is known only at the end. So the first of two gets
    vectors too where a mono recording would be scored; they are dropped if its role is not scored after all."""
    if channels == 1:
        return {0} if mono_role(plan.roles, roles) in plan.roles_scored else set()
    known = {**dict(enumerate(plan.roles.channels)), **(roles or {})}
    wanted = {i for i in range(channels) if known.get(i) in plan.roles_scored}
    if channels == 2 and mono_role(plan.roles, roles) in plan.roles_scored:
        wanted.add(0)
    return wanted


def mono_role(settings: RoleSettings, roles: Mapping[int, str] | None) -> str:
    """The role of the only channel. Metadata that names several channels is ignored: a mono recording mixes their
    voices."""
    return roles[0] if roles is not None and set(roles) == {0} else settings.mono


def channel_roles(channels: int, settings: RoleSettings, roles: Mapping[int, str] | None) -> tuple[str, ...]:
    """The role of each of several channels.

    Raises:
        Refusal: too_many_channels, where a channel has no role in the settings.
    """
    known = {**dict(enumerate(settings.channels)), **(roles or {})}
    missing = [i for i in range(channels) if i not in known]
    if missing:
        raise Refusal(
            Reason.TOO_MANY_CHANNELS,
            f"{channels} channels; roles.channels names {len(settings.channels)}: channel {missing[0]} has no role",
        )
    return tuple(known[i] for i in range(channels))
