"""Rates and size of an archive → core-hours, time, storage, requests, cost."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ser_core.config.plan_settings import PlanSettings
from ser_core.pipeline.planning.rates import Rates

_LISTED_AT_ONCE = 1000
"""Keys that a LIST request of S3 returns."""
_FILES_A_TASK = 2
"""features and channels. A task that refuses a recording also writes quarantine."""


@dataclass(frozen=True)
class ArchiveSize:
    """Size of an archive.

    Attributes:
        hours: channel-hours.
        call_s: duration of a recording.
        channels: per recording.
        scored_channels: per recording.
        days: call dates.
    """

    hours: float
    call_s: float
    channels: int
    scored_channels: int
    days: int

    @property
    def recordings(self) -> int:
        """Number of recordings."""
        return math.ceil(self.hours * 3600 / (self.call_s * self.channels))


@dataclass(frozen=True)
class Estimate:
    """The resources to extract and score an archive once. `cost` holds the parts with a known price."""

    recordings: int
    segments: int
    archive_gb: float
    core_hours: dict[str, float]
    rescore_core_hours: float
    wall_hours: float
    storage_gb: dict[str, float]
    requests: dict[str, int]
    cost: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


def estimate(
    size: ArchiveSize,
    rates: Rates,
    cores: int,
    efficiency: float,
    partition_mb: float,
    buckets: int,
    plan: PlanSettings,
) -> Estimate:
    """Estimates the resources. `efficiency` is the share of core time that Spark leaves to the work.

    Storage is for one model and one month; requests are those of extraction and of scoring all dates once.
    """
    segments = round(size.hours * rates.segments_per_hour * size.scored_channels / size.channels)
    archive_gb = size.hours * 3600 * rates.bytes_per_s / 1e9
    tasks = math.ceil(archive_gb * 1e3 / partition_mb)
    core_hours = {
        "extract": size.hours / rates.extract_realtime / efficiency,
        "score": segments / rates.score_rows / 3600 / efficiency,
    }
    rows = {
        "recordings": size.recordings,
        "channels": size.recordings * size.channels,
        "features": segments,
        "segment_emotions": segments,
        "call_emotions": size.recordings,
        "call_talk": size.recordings,
    }
    storage = {name: count * rates.row_bytes[name] / 1e9 for name, count in rows.items()}
    derived = 4 * size.days * buckets  # recordings, call_talk, segment_emotions, call_emotions
    requests = {
        "list": math.ceil(size.recordings / _LISTED_AT_ONCE),
        "get": size.recordings + _FILES_A_TASK * tasks + derived,
        "put": _FILES_A_TASK * tasks + derived,
    }
    total = sum(core_hours.values())
    prices = {
        "compute": (plan.core_hour, total),
        "storage_month": (plan.gb_month, sum(storage.values())),
        "requests": (plan.get_1000, requests["get"] / 1000),
        "requests_put": (plan.put_1000, (requests["put"] + requests["list"]) / 1000),
    }
    return Estimate(
        recordings=size.recordings,
        segments=segments,
        archive_gb=archive_gb,
        core_hours={**core_hours, "total": total},
        rescore_core_hours=core_hours["score"],
        wall_hours=total / cores,
        storage_gb={**storage, "total": sum(storage.values())},
        requests=requests,
        cost={name: price * amount for name, (price, amount) in prices.items() if price is not None},
    )
