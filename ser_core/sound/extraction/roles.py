"""Whose voice each channel carries."""

from __future__ import annotations

from collections.abc import Mapping

from ser_core.config.settings import RoleSettings
from ser_core.errors import Reason, Refusal
from ser_core.sound.extraction.extraction_plan import ExtractionPlan


def channels_to_score(channels: int, plan: ExtractionPlan, roles: Mapping[int, str] | None) -> set[int]:
    """Channels that may be scored. Whether two channels are one is known only at the end, so the first of two has
    vectors too where a mono recording would be scored; they are dropped where it turns out to be another's."""
    if channels == 1:
        return {0} if mono_role(plan.roles, roles) in plan.roles_scored else set()
    known = {**dict(enumerate(plan.roles.channels)), **(roles or {})}
    wanted = {i for i in range(channels) if known.get(i) in plan.roles_scored}
    if channels == 2 and mono_role(plan.roles, roles) in plan.roles_scored:
        wanted.add(0)
    return wanted


def mono_role(settings: RoleSettings, roles: Mapping[int, str] | None) -> str:
    """The role of the only channel. Metadata that names several channels speaks of another recording than a mono one,
    in which their voices are mixed: it does not count then."""
    return roles[0] if roles is not None and set(roles) == {0} else settings.mono


def channel_roles(channels: int, settings: RoleSettings, roles: Mapping[int, str] | None) -> tuple[str, ...]:
    """The role of each of several channels.

    Raises:
        Refusal: too_many_channels, where the settings name no role for one.
    """
    known = {**dict(enumerate(settings.channels)), **(roles or {})}
    missing = [i for i in range(channels) if i not in known]
    if missing:
        raise Refusal(
            Reason.TOO_MANY_CHANNELS,
            f"{channels} channels; roles.channels names {len(settings.channels)}: channel {missing[0]} has no role",
        )
    return tuple(known[i] for i in range(channels))
