"""Settings of `ser plan`: prices, and the shape of a call."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ser_core.config.base import NotNegative, Positive, PositiveInt, Section


class PlanSettings(Section):
    """Prices in any currency, None where they are not shown, and the shape of an archive."""

    core_hour: NotNegative | None
    gb_month: NotNegative | None
    get_1000: NotNegative | None
    put_1000: NotNegative | None
    call_s: Positive
    channels: PositiveInt
    efficiency: Annotated[float, Field(gt=0, le=1)]
    failure: Annotated[float, Field(ge=0, lt=1)]
