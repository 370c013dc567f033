"""`make bench [ONLY=name,name]`: every benchmark in one run, on this machine.

Prints a table, and writes it with all runs to `build/bench.json` and `build/bench.md`. A new topic is a module named in
`TOPICS`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ser_core.environment import COMPUTING
from tests.benchmarks.registry import BENCHMARKS, Benchmark, NotMeasuredError, be_quick

TOPICS = ("paper", "peers", "predict", "extract_job", "rescore", "scale")


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints and writes; returns 0, or 2 for an unknown name."""
    for topic in TOPICS:
        importlib.import_module(f"tests.benchmarks.{topic}")
    parser = argparse.ArgumentParser(description="Benchmarks, on this machine.")
    parser.add_argument("--only", default="", help="names, with commas between")
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder of bench.json and bench.md")
    parser.add_argument(
        "--quick", action="store_true", help="jobs on small archives: shows that they run, not how fast"
    )
    arguments = parser.parse_args(argv)
    if arguments.quick:
        be_quick()
    wanted = [name for name in arguments.only.split(",") if name] or list(BENCHMARKS)
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"No benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}\n")
        return 2
    results: dict[str, Any] = {"machine": machine(), "ratios": {}, "absolute": {}}
    for name in wanted:
        sys.stderr.write(f"{name} …\n")
        _measure(BENCHMARKS[name], results)
        text = write(results, arguments.out)  # after each benchmark, so that an interrupted run keeps its results
    sys.stdout.write(text)
    return 0


def _measure(benchmark: Benchmark, results: dict[str, Any]) -> None:
    row: dict[str, Any] = {"value": None, "target": benchmark.target, "runs": []}
    try:
        measured = benchmark.measure()
    except NotMeasuredError as why:
        row["not_measured"] = str(why)
    else:
        row |= {"value": statistics.median(measured.runs), "runs": list(measured.runs)}
        results["absolute"][benchmark.name] = dict(measured.absolute)
    results["ratios"][benchmark.name] = row


def write(results: Mapping[str, Any], folder: Path) -> str:
    """Writes `bench.json` and `bench.md` into `folder`; returns the text of `bench.md`."""
    lines = ["| name | what | target | median | runs | |", "| --- | --- | ---: | ---: | --- | --- |"]
    for name, row in results["ratios"].items():
        benchmark = BENCHMARKS[name]
        target = f"{'≤' if benchmark.at_most else '≥'} {benchmark.target:,g}"
        start = f"| `{name}` | {benchmark.what} | {target} |"
        if row["value"] is None:
            lines.append(f"{start} | | not measured: {row['not_measured']} |")
            continue
        beside = "; ".join(f"{what} {_short(value)}" for what, value in results["absolute"][name].items())
        verdict = "" if benchmark.reached(row["value"]) else "below target; " if not benchmark.at_most else "above; "
        lines.append(f"{start} {_short(row['value'])} | {', '.join(map(_short, row['runs']))} | {verdict}{beside} |")
    about = ", ".join(f"{what} {value}" for what, value in results["machine"].items())
    lines.append(f"\nOne core and seconds of processor where a row says nothing else, sides in turn, medians; {about}.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    text = "\n".join(lines) + "\n"
    (folder / "bench.md").write_text(text, encoding="utf-8")
    return text


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """The facts of the machine that the numbers depend on."""
    import numpy
    import scipy

    cpuinfo = Path("/proc/cpuinfo")
    models = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    cpu = next((line.partition(":")[2].strip() for line in models if line.startswith("model name")), "")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "cpu": cpu or platform.processor(),
        "cores": os.cpu_count(),
        "load": load,
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "revision": revision.stdout.strip() or "unknown",
    }


if __name__ == "__main__":
    if not COMPUTING.items() <= os.environ.items():  # for peers and the plain process too
        os.execve(sys.executable, [sys.executable, "-m", "tests.benchmarks.run", *sys.argv[1:]], os.environ | COMPUTING)
    raise SystemExit(main())
