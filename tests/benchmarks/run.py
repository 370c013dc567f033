"""`make bench`: feature extraction against the recipe that tutorials give, on the same clips and one core.

Both sides run in this process, in turn, clip by clip, and leave decoding out; the ratio is the median over repetitions.
Prints a table and writes `build/bench.json` and `build/bench.md`.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_pool] = "1"  # one core; read when numpy is loaded

import numpy as np
import soundfile as sf

from ser_core.config import load_settings
from ser_core.features import FeatureSet, feature_set
from tests.reference.paper import paper_vector

REPEATS = 5
CLIPS = 24


def main() -> int:
    """Measures, prints, writes."""
    if not os.environ.get("SER_CORPORA"):
        sys.stderr.write("Set SER_CORPORA to a folder that holds ravdess/ (see CONTRIBUTING.md)\n")
        return 2
    corpus = Path(os.environ["SER_CORPORA"], "ravdess")
    rows = [
        _compare("paper_48k_vs_tutorial", sorted(corpus.glob("original-48k/*/*.wav")), 48000, target=6.0),
        _compare("paper_16k_vs_tutorial", sorted(corpus.glob("speech-16k/*/*.flac")), 16000, target=None),
    ]
    _write([row for row in rows if row is not None])
    return 0


def _compare(name: str, paths: Sequence[Path], sr: int, target: float | None) -> dict[str, Any] | None:
    """Seconds of both sides over the same clips, interleaved."""
    if not paths:
        sys.stderr.write(f"{name}: no clips\n")
        return None
    clips = [_read(path) for path in paths[:: max(1, len(paths) // CLIPS)][:CLIPS]]
    audio_s = sum(len(y) for y in clips) / sr
    settings = load_settings(["--config", "paper", "--features.sample-rate-hz", str(sr)], environ={})
    ours: FeatureSet = feature_set(settings.features, settings.segments)
    sides: dict[str, Callable[[np.ndarray], object]] = {
        "ser": lambda y: ours.extract([y]),
        "tutorial": lambda y: paper_vector(y, sr, settings.features.n_fft, settings.features.hop_length, htk=False),
    }
    for side in sides.values():
        side(clips[0])  # warm: filterbanks, numba
    runs = [{side: _seconds(work, clips) for side, work in sides.items()} for _ in range(REPEATS)]
    ratios = [run["tutorial"] / run["ser"] for run in runs]
    return {
        "name": name,
        "value": statistics.median(ratios),
        "target": target,
        "runs": ratios,
        "realtime": {side: audio_s / statistics.median(run[side] for run in runs) for side in sides},
    }


def _read(path: Path) -> np.ndarray:
    y, _ = sf.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(y[:, 0])


def _seconds(work: Callable[[np.ndarray], object], clips: Sequence[np.ndarray]) -> float:
    begin = time.perf_counter()
    for y in clips:
        work(y)
    return time.perf_counter() - begin


def _write(rows: Sequence[dict[str, Any]]) -> None:
    machine = {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()}
    lines = [
        "| name | ratio (median) | runs | target | ser, × real time | tutorial, × real time |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        runs = ", ".join(f"{ratio:.1f}" for ratio in row["runs"])
        target = f"≥ {row['target']:g}" if row["target"] else "–"
        speeds = " | ".join(f"{row['realtime'][side]:,.0f}" for side in ("ser", "tutorial"))
        lines.append(f"| {row['name']} | {row['value']:.1f} | {runs} | {target} | {speeds} |")
    lines.append(
        f"\nOne core of {machine['cpu']}, {CLIPS} clips, {REPEATS} runs in turn; features only, without decoding."
    )
    out = Path("build")
    out.mkdir(exist_ok=True)
    ratios = {row["name"]: {key: row[key] for key in ("value", "target", "runs")} for row in rows}
    absolute = {row["name"]: row["realtime"] for row in rows}
    (out / "bench.json").write_text(json.dumps({"machine": machine, "ratios": ratios, "absolute": absolute}, indent=2))
    (out / "bench.md").write_text("\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


def _cpu() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return models[0].partition(":")[2].strip() if models else platform.processor()


if __name__ == "__main__":
    raise SystemExit(main())
