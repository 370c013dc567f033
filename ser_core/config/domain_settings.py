"""Settings of the archive as a domain: what vectors are measured from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ser_core.config.base import NotNegative, PositiveInt, Section


class DomainSettings(Section):
    """Of which dates an archive's population is made, and when it is made anew."""

    enabled: bool
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]*$")] | None
    days: PositiveInt
    renew_days: PositiveInt
    min_segments: PositiveInt
    young_segments: Annotated[int, Field(ge=0)]
    prior_segments: NotNegative

    @model_validator(mode="after")
    def _version_is_used(self) -> DomainSettings:
        if self.version is not None and not self.enabled:
            raise ValueError(f"version is {self.version}, and enabled is false: expected one of them")
        return self
