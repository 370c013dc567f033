"""Roles as the world names them: `caller`, `rep` → customer, agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ROLES = ("customer", "agent", "mixed")

RoleNames = Mapping[Any, Sequence[str]]
"""Words of each role, as `roles.names` has them."""


def role_of(word: str, names: RoleNames) -> str:
    """The role that a word names, whatever its case.

    Raises:
        ValueError: it names none; the text says which words do.
    """
    key = word.strip().lower()
    for role in ROLES:
        if key == role or key in (name.lower() for name in names.get(role, ())):
            return role
    known = "; ".join(f"{role}: {', '.join([role, *names.get(role, ())])}" for role in ROLES)
    raise ValueError(f"{word!r} names no role (roles.names has {known})")


def parse_roles(text: str, names: RoleNames) -> dict[int, str]:
    """Roles by channel from text such as `0=agent,1=caller`.

    Raises:
        ValueError: anything else.
    """
    roles: dict[int, str] = {}
    for item in text.split(","):
        channel, equals, word = (part.strip() for part in item.partition("="))
        if not equals or not (channel.isascii() and channel.isdigit()) or int(channel) in roles:
            raise ValueError(f"roles is {text!r}: expected such as 0=agent,1=customer")
        roles[int(channel)] = role_of(word, names)
    return roles
