"""`ser plan`: what an archive of so many hours will take, by this machine's measured rates."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings
from ser_core.errors import SettingsError

_BENCH = Path("build/bench.json")
_SEEDS = 5
_MB = 1e6


def main(argv: Sequence[str]) -> int:
    """Measures this machine for a few seconds, and prints what the archive takes."""
    parser = command_parser("plan", "What an archive will take: core-hours, time, storage, requests, cost.")
    parser.add_argument("--hours", type=float, required=True, help="hours of channel: a call of 1 h on 2 channels is 2")
    parser.add_argument("--codec", default="ulaw", help="of the recordings (default: %(default)s)")
    parser.add_argument("--cores", type=int, default=64, help="of the cluster (default: %(default)s)")
    parser.add_argument("--days", type=int, default=365, help="call dates the archive covers (default: %(default)s)")
    parser.add_argument("--measure-s", type=float, default=6.0, help="seconds to measure (default: %(default)s)")
    parser.add_argument("--simulate", action="store_true", help="also stragglers and lost tasks on that many cores")
    return run_command(parser, argv, _plan)


def _plan(arguments: argparse.Namespace, settings: Settings) -> Answer:
    _check(arguments)
    from ser_core.pipeline.planning.estimate import ArchiveSize, estimate  # noqa: PLC0415 - numerics load with the work
    from ser_core.pipeline.planning.rates import measure_rates  # noqa: PLC0415

    plan = settings.plan
    by_channel = settings.roles.channels[: plan.channels]
    scored = sum(role in settings.scoring.roles for role in by_channel)
    size = ArchiveSize(arguments.hours, plan.call_s, plan.channels, scored, arguments.days)
    rates = measure_rates(settings, arguments.codec, arguments.measure_s)
    efficiency, source = _efficiency(plan.efficiency)
    partition_mb = settings.spark.partition_mb
    found = estimate(size, rates, arguments.cores, efficiency, partition_mb, settings.tables.buckets, plan)
    told: dict[str, Any] = {
        "hours": arguments.hours,
        "codec": arguments.codec,
        "cores": arguments.cores,
        "feature_set": settings.features.set,
        "efficiency": {"value": efficiency, "from": source},
        "rates": rates.to_json(),
        **found.to_json(),
    }
    if arguments.simulate:
        told["simulation"] = _simulated(told, rates.task_spread, arguments.cores, partition_mb, plan.failure)
    return told, [_table(told), Text(_NOTE, style="dim")]


_NOTE = (
    "Rates are of one core of this machine, measured now on a made-up call that speaks half of the time. Real calls "
    "differ: run `ser extract` on a day of yours and compare `audio_s` and `wall_s` in runs."
)


def _check(arguments: argparse.Namespace) -> None:
    from ser_core.sound.audio.telephone_line import CODECS  # noqa: PLC0415

    two = [name for name, codec in CODECS.items() if codec.max_channels > 1]
    faults = [
        f"--{name.replace('_', '-')} {getattr(arguments, name):g}: expected more than 0"
        for name in ("hours", "cores", "days", "measure_s")
        if not (getattr(arguments, name) > 0 and math.isfinite(getattr(arguments, name)))
    ]
    if arguments.codec not in two:
        faults.append(f"--codec {arguments.codec!r} is not known; there are {', '.join(two)}")
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
    told: Mapping[str, Any], spread: Sequence[float], cores: int, partition_mb: float, failure: float
) -> dict[str, Any]:
    from ser_core.pipeline.planning.simulate import simulate  # noqa: PLC0415

    tasks = max(1, math.ceil(told["archive_gb"] * 1e9 / (partition_mb * _MB)))
    return simulate(told["core_hours"]["extract"] * 3600 / tasks, tasks, spread, cores, failure, _SEEDS).to_json()


def _table(told: Mapping[str, Any]) -> Table:
    hours = f"{told['hours']:,.0f} channel-hours of {told['codec']}, {told['feature_set']}"
    shown = Table(title=f"{hours}, on {told['cores']} cores", title_justify="left", show_header=False)
    shown.add_column()
    shown.add_column(justify="right")
    rates = told["rates"]
    lines = [
        ("recordings, segments", f"{told['recordings']:,}, {told['segments']:,}"),
        ("extraction, one core", f"{rates['extract_realtime']:,.0f} × real time"),
        ("scoring, one core", f"{rates['score_rows']:,.0f} segments/s"),
        ("efficiency under Spark", f"{told['efficiency']['value']:.2f} ({told['efficiency']['from']})"),
        ("core-hours: extract, score", f"{told['core_hours']['extract']:,.1f}, {told['core_hours']['score']:,.1f}"),
        ("wall time", _duration(told["wall_hours"])),
        ("scoring again with a new model", _duration(told["rescore_core_hours"] / told["cores"])),
        ("the archive", f"{told['archive_gb']:,.1f} GB"),
        *((f"table {name}", f"{gb:,.1f} GB") for name, gb in told["storage_gb"].items() if name != "total"),
        ("requests: list, get, put", ", ".join(f"{told['requests'][name]:,}" for name in ("list", "get", "put"))),
        *((f"cost: {name.replace('_', ' ')}", f"{cost:,.2f}") for name, cost in told["cost"].items()),
    ]
    if "simulation" in told:
        one = told["simulation"]
        lines.append(("simulated: tasks, retries", f"{one['tasks']:,}, {one['retries']:,}"))
        lines.append(("simulated: time over the ideal", f"{one['slowdown']:.3f} (worst {one['slowdown_worst']:.3f})"))
    for line in lines:
        shown.add_row(*line)
    return shown


def _duration(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:,.1f} min"
