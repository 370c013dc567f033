"""Whose voice each channel carries."""

from __future__ import annotations

from collections.abc import Mapping

from ser_core.config.settings import RoleSettings
from ser_core.data.archive.role_words import parse_roles, role_of
from ser_core.errors import Reason, Refusal
from ser_core.sound.extraction.extraction_plan import ExtractionPlan


def stated_roles(
    roles: str | None, leg_role: str | None, leg_channel: str | None, settings: RoleSettings
) -> dict[int, str] | None:
    """Roles by channel, as metadata or path state them; None where neither does.

    Args:
        roles: of several channels, such as `0=agent,1=caller`; goes before the others.
        leg_role: the role of a file that holds one leg of a call, such as `caller`.
        leg_channel: the channel of the call that such a file holds, by number; `roles.channels` has its role.
        settings: words of roles, and the roles of channels.

    Raises:
        Refusal: unmatched_path, where a word names no role or a channel has none; the detail says which do.
    """
    try:
        if roles is not None:
            return parse_roles(roles, settings.names)
        if leg_role is not None:
            return {0: role_of(leg_role, settings.names)}
        if leg_channel is None:
            return None
        number = int(leg_channel) if leg_channel.isascii() and leg_channel.isdigit() else -1
        if not 0 <= number < len(settings.channels):
            raise ValueError(f"channel is {leg_channel!r}: roles.channels has 0 to {len(settings.channels) - 1}")
        return {0: settings.channels[number]}
    except ValueError as error:
        raise Refusal(Reason.UNMATCHED_PATH, f"path or metadata: {error}") from None


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
