"""`ser plan`: what an archive will take, by the measured rates of this machine."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.config import Settings
from ser_core.errors import SettingsError

_BENCH = Path("build/bench.json")
_SEEDS = 5
_MB = 1e6


@click.command(cls=SettingsCommand, sections=("plan",))
@click.option("--hours", type=float, required=True, help="hours of channel: a call of 1 h on 2 channels is 2")
@click.option("--codec", default="ulaw", show_default=True, metavar="NAME", help="of the recordings")
@click.option("--cores", type=int, default=64, show_default=True, help="of the cluster")
@click.option("--days", type=int, default=365, show_default=True, help="call dates the archive covers")
@click.option("--measure-s", type=float, default=6.0, show_default=True, help="seconds to measure")
@click.option("--simulate", is_flag=True, help="also stragglers and lost tasks on that many cores")
def plan(
    settings: Settings, hours: float, codec: str, cores: int, days: int, measure_s: float, simulate: bool
) -> Result:
    """Prints what an archive will take: core-hours, time, storage, requests, cost.

    Measures this machine for a few seconds.
    """
    _check(codec, {"--hours": hours, "--cores": cores, "--days": days, "--measure-s": measure_s})
    from ser_core.pipeline.planning.estimate import ArchiveSize, estimate  # noqa: PLC0415 - numerics load with the work
    from ser_core.pipeline.planning.rates import measure_rates  # noqa: PLC0415

    assumed = settings.plan
    by_channel = settings.roles.channels[: assumed.channels]
    scored = sum(role in settings.scoring.roles for role in by_channel)
    size = ArchiveSize(hours, assumed.call_s, assumed.channels, scored, days)
    rates = measure_rates(settings, codec, measure_s)
    efficiency, source = _efficiency(assumed.efficiency)
    partition_mb = settings.spark.partition_mb
    estimated = estimate(size, rates, cores, efficiency, partition_mb, settings.tables.buckets, assumed)
    facts: dict[str, Any] = {
        "hours": hours,
        "codec": codec,
        "cores": cores,
        "feature_set": settings.features.set,
        "efficiency": {"value": efficiency, "from": source},
        "rates": rates.to_json(),
        **estimated.to_json(),
    }
    if simulate:
        facts["simulation"] = _simulated(facts, rates.task_spread, cores, partition_mb, assumed.failure)
    return facts, [_table(facts), Text(_NOTE, style="dim")]


_NOTE = (
    "Rates are of one core of this machine, measured now on a made-up call that speaks half of the time. Real calls "
    "differ: run `ser extract` on a day of yours and compare `audio_s` and `wall_s` in runs."
)


def _check(codec: str, amounts: Mapping[str, float]) -> None:
    from ser_core.sound.audio.telephone_line import CODECS  # noqa: PLC0415

    two_channels = [name for name, properties in CODECS.items() if properties.max_channels > 1]
    faults = [
        f"{option} {amount:g}: expected more than 0"
        for option, amount in amounts.items()
        if not (amount > 0 and math.isfinite(amount))
    ]
    if codec not in two_channels:
        faults.append(f"--codec {codec!r} is not known; there are {', '.join(two_channels)}")
    if faults:
        raise SettingsError(faults)


def _efficiency(assumed: float) -> tuple[float, str]:
    """What `make bench` measured on this machine, else the setting."""
    try:
        measured = json.loads(_BENCH.read_text())["ratios"]["job_efficiency"]["value"]
        return min(1.0, float(measured)), str(_BENCH)
    except (OSError, ValueError, KeyError, TypeError):
        return assumed, "plan.efficiency"


def _simulated(
    facts: Mapping[str, Any], spread: Sequence[float], cores: int, partition_mb: float, failure: float
) -> dict[str, Any]:
    from ser_core.pipeline.planning.simulate import simulate  # noqa: PLC0415

    tasks = max(1, math.ceil(facts["archive_gb"] * 1e9 / (partition_mb * _MB)))
    return simulate(facts["core_hours"]["extract"] * 3600 / tasks, tasks, spread, cores, failure, _SEEDS).to_json()


def _table(facts: Mapping[str, Any]) -> Table:
    hours = f"{facts['hours']:,.0f} channel-hours of {facts['codec']}, {facts['feature_set']}"
    shown = Table(title=f"{hours}, on {facts['cores']} cores", title_justify="left", show_header=False)
    shown.add_column()
    shown.add_column(justify="right")
    rates = facts["rates"]
    lines = [
        ("recordings, segments", f"{facts['recordings']:,}, {facts['segments']:,}"),
        ("extraction, one core", f"{rates['extract_realtime']:,.0f} × real time"),
        ("scoring, one core", f"{rates['score_rows']:,.0f} segments/s"),
        ("efficiency under Spark", f"{facts['efficiency']['value']:.2f} ({facts['efficiency']['from']})"),
        ("core-hours: extract, score", f"{facts['core_hours']['extract']:,.1f}, {facts['core_hours']['score']:,.1f}"),
        ("wall time", _duration(facts["wall_hours"])),
        ("scoring again with a new model", _duration(facts["rescore_core_hours"] / facts["cores"])),
        ("the archive", f"{facts['archive_gb']:,.1f} GB"),
        *((f"table {name}", f"{gb:,.1f} GB") for name, gb in facts["storage_gb"].items() if name != "total"),
        ("requests: list, get, put", ", ".join(f"{facts['requests'][name]:,}" for name in ("list", "get", "put"))),
        *((f"cost: {name.replace('_', ' ')}", f"{cost:,.2f}") for name, cost in facts["cost"].items()),
    ]
    if "simulation" in facts:
        simulated = facts["simulation"]
        lines.append(("simulated: tasks, retries", f"{simulated['tasks']:,}, {simulated['retries']:,}"))
        lines.append(
            ("simulated: time over the ideal", f"{simulated['slowdown']:.3f} (worst {simulated['slowdown_worst']:.3f})")
        )
    for line in lines:
        shown.add_row(*line)
    return shown


def _duration(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:,.1f} min"
