"""Settings of the process in which recordings are decoded."""

from __future__ import annotations

from ser_core.config.base import MB, Positive, PositiveInt, Section


class IsolationSettings(Section):
    """One child process per worker: a crash, a hang or a blow-up of memory costs one recording."""

    enabled: bool
    memory_mb: PositiveInt
    base_s: Positive
    s_per_mb: Positive

    def limit_s(self, size_bytes: int, copies: int) -> float:
        """Seconds that a recording of `size_bytes` bytes may take, extracted under `copies` conditions."""
        return self.base_s + self.s_per_mb * size_bytes / MB * max(copies, 1)
