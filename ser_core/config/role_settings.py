"""Settings of roles: whose voice a channel carries, and the words that name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, get_args

from pydantic import Field, field_validator

from ser_core.config.base import Role, Section


class RoleSettings(Section):
    """Whose voice a channel carries."""

    mono: Role
    channels: Annotated[tuple[Role, ...], Field(min_length=1)]
    names: Mapping[Role, tuple[str, ...]]

    @field_validator("names")
    @classmethod
    def _name_one_role(cls, value: Mapping[Role, tuple[str, ...]]) -> Mapping[Role, tuple[str, ...]]:
        roles: dict[str, str] = {role: role for role in get_args(Role)}
        for role, words in value.items():
            for word in words:
                other = roles.setdefault(word.strip().lower(), role)
                if other != role:
                    raise ValueError(f"{word!r} is a word of {role} and of {other}: expected a word of one role")
        return value
