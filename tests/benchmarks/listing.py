"""The cost of listing an archive: the ingest job over empty files, in many folders and in a single folder.

`python -m tests.benchmarks.listing [--objects N]` prints, for a hundredth of the objects and for all, seconds and the
peaks of the driver's Python and of the JVM, whose heap is held to 1 GB. In `local` mode the JVM is the executor too, so
that its peak holds Spark's own buffers, which spill.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ser_core.config import load_settings

_A_FOLDER = 5_000
_KB_A_MB = 1024


def main() -> None:
    """Lists archives of several sizes and shapes, each in its own JVM."""
    parser = argparse.ArgumentParser(description="Listing, on this machine.")
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        sys.stdout.write(json.dumps(_listed(Path(arguments.one))) + "\n")
        return
    sys.stdout.write("| objects | in folders of | seconds | a second | driver's Python, MB | JVM, MB |\n")
    sys.stdout.write("| ---: | ---: | ---: | ---: | ---: | ---: |\n")
    for flat in (False, True):
        for objects in (arguments.objects // 100, arguments.objects):
            _show(objects, objects if flat else _A_FOLDER)


def _show(objects: int, a_folder: int) -> None:
    with tempfile.TemporaryDirectory(prefix="ser-listing-") as root:
        for number in range(objects):
            folder = Path(root, "archive", f"{number // a_folder:05d}")
            if number % a_folder == 0:
                folder.mkdir(parents=True)
            (folder / f"{number:08d}.wav").touch()
        command = [sys.executable, "-m", "tests.benchmarks.listing", "--one", root]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    facts = json.loads(done.stdout.splitlines()[-1])
    if facts["listed"] != objects:
        raise AssertionError(f"listed {facts['listed']} of {objects} objects")
    rate = objects / facts["seconds"]
    sys.stdout.write(
        f"| {objects:,} | {a_folder:,} | {facts['seconds']:.0f} | {rate:,.0f} | {facts['python_mb']:,.0f} "
        f"| {facts['java_mb']:,.0f} |\n"
    )
    sys.stdout.flush()


def _listed(root: Path) -> dict[str, float]:
    """Ingests the archive below `root`: objects listed, seconds with the start of Spark, and peaks in MB."""
    from ser_core.pipeline.stages.ingest import Ingest
    from ser_core.pipeline.stages.job import execute

    places = ["--archive.uri", f"{root}/archive", "--tables.uri", f"{root}/tables", "--spark.driver-memory", "1g"]
    settings = load_settings(places, environ={})
    begin = time.perf_counter()
    row = execute(Ingest(settings), settings)
    seconds = time.perf_counter() - begin
    java = max(peak for peak in map(_java_mb, Path("/proc").glob("[0-9]*/status")))
    return {"listed": row["listed"], "seconds": seconds, "python_mb": _peak_mb(_status("self")), "java_mb": java}


def _java_mb(status: Path) -> float:
    try:
        facts = _status(status.parent.name)
    except (FileNotFoundError, ProcessLookupError):  # ended since
        return 0.0
    is_ours = facts["Name"].strip() == "java" and int(facts["PPid"]) == os.getpid()
    return _peak_mb(facts) if is_ours else 0.0


def _status(pid: str) -> dict[str, str]:
    lines = Path("/proc", pid, "status").read_text(encoding="utf-8").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _peak_mb(status: dict[str, str]) -> float:
    return int(status.get("VmHWM", "0").split()[0]) / _KB_A_MB


if __name__ == "__main__":
    main()
