"""Which of several recordings of one call and leg counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ser_core.config.settings import RoleSettings
from ser_core.data.archive.role_words import role_of

Row = dict[str, Any]


def mark_duplicates(recordings: Iterable[Row], unusable: Collection[str], roles: RoleSettings) -> None:
    """Sets `duplicate_of`: of several recordings of one call and leg the newest counts.

    What is gone from the archive, or in a manifest without an object, counts only where there is nothing else.

    Args:
        recordings: rows of `recordings` of one call date.
        unusable: ids of those in a manifest whose object is missing or may not be read.
        roles: words of roles, and the roles of channels.
    """
    legs: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in recordings:
        legs[row["call_id"], _leg(dict(row["extra"] or ()), roles)].append(row)
    for members in legs.values():
        order = sorted(members, key=lambda row: row["recording_id"])
        order.sort(key=lambda row: row["modified_at"], reverse=True)
        first = min(order, key=lambda row: row["gone_at"] is not None or row["recording_id"] in unusable)
        for row in members:
            row["duplicate_of"] = None if row is first else first["recording_id"]


def _leg(extra: Mapping[str, str], roles: RoleSettings) -> str:
    """The role or channel that a recording says it holds; empty where it says neither."""
    word, channel = extra.get("role"), extra.get("channel", "")
    if word is None:
        number = int(channel) if channel.isascii() and channel.isdigit() else -1
        return roles.channels[number] if 0 <= number < len(roles.channels) else channel
    try:
        return role_of(word, roles.names)
    except ValueError:  # extraction refuses it
        return word
