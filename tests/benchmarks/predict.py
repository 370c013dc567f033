"""`ser predict` of one file, from the start of the process to its end."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile as sf

from tests.benchmarks.bench_model import write_model
from tests.benchmarks.jobs import settings_of
from tests.benchmarks.material import clips
from tests.benchmarks.registry import REPEATS, Measured, NotMeasuredError, benchmark

SR = 16000


@benchmark("predict_cold_s", "ser predict of one clip of 3 s, a process of its own: seconds on the clock", at_most=2.5)
def predict_cold_s() -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of(Path(folder))
        write_model(settings)
        clip = Path(folder, "clip.wav")
        sf.write(clip, clips(SR)[0], SR)
        command = [sys.executable, "-c", "from ser_core.cli.main import main; raise SystemExit(main())"]
        command += ["predict", str(clip), "--json", "--roles.mono", "customer", "--models.uri", settings.models.uri]
        runs = [_cold(command) for _ in range(REPEATS)]
    return Measured([wall for wall, _ in runs], {"seconds of processor": statistics.median(cpu for _, cpu in runs)})


def _cold(command: list[str]) -> tuple[float, float]:
    """Wall seconds and processor seconds."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise NotMeasuredError(f"ser predict ended with {done.returncode}: {done.stderr.strip()}")
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
