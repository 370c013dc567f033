from __future__ import annotations

import pytest

from ser_core.config.settings import RoleSettings
from ser_core.errors import Reason, Refusal
from ser_core.sound.extraction import stated_roles

SETTINGS = RoleSettings(
    mono="mixed", channels=("customer", "agent"), names={"customer": ("caller", "cust"), "agent": ("rep",)}
)


@pytest.mark.parametrize(
    ("roles", "leg_role", "leg_channel", "expected"),
    [
        (None, None, None, None),
        ("0=Rep,1=caller", "caller", "0", {0: "agent", 1: "customer"}),
        (None, "CALLER", "1", {0: "customer"}),
        (None, "agent", None, {0: "agent"}),
        (None, "mixed", None, {0: "mixed"}),
        (None, None, "1", {0: "agent"}),
    ],
)
def test_metadata_before_the_path_s_role_before_its_channel(
    roles: str | None, leg_role: str | None, leg_channel: str | None, expected: dict[int, str] | None
) -> None:
    assert stated_roles(roles, leg_role, leg_channel, SETTINGS) == expected


@pytest.mark.parametrize(
    ("roles", "leg_role", "leg_channel", "words"),
    [
        (
            None,
            "boss",
            None,
            "'boss' names no role .*customer: customer, caller, cust; agent: agent, rep; mixed: mixed",
        ),
        ("0=boss", None, None, "'boss' names no role"),
        ("left", None, None, "expected such as 0=agent"),
        (None, None, "2", "channel is '2': roles.channels has 0 to 1"),
        (None, None, "left", "channel is 'left'"),
    ],
)
def test_what_names_no_role_is_refused(
    roles: str | None, leg_role: str | None, leg_channel: str | None, words: str
) -> None:
    with pytest.raises(Refusal, match=words) as caught:
        stated_roles(roles, leg_role, leg_channel, SETTINGS)
    assert caught.value.reason is Reason.UNMATCHED_PATH
