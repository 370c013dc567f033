"""Settings of `ser plan`: prices, and what a call is like."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ser_core.config.base import NotNegative, Positive, PositiveInt, Section


class PlanSettings(Section):
    """Prices in whatever currency, null where they are not to be told; and the shape of an archive."""

    core_hour: NotNegative | None
    gb_month: NotNegative | None
    get_1000: NotNegative | None
    put_1000: NotNegative | None
    call_s: Positive
    channels: PositiveInt
    efficiency: Annotated[float, Field(gt=0, le=1)]
    failure: Annotated[float, Field(ge=0, lt=1)]
