"""Types of fields and the base class of the settings' sections."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MB = 2**20
"""Bytes of a megabyte, in every setting that ends in `_mb`."""

Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Role = Literal["customer", "agent", "mixed"]


class Section(BaseModel):
    """A group of settings; unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
