"""Mutated audio files of every format through the real jobs: no task may fail, and each refusal must have its reason.

    python -m tests.faults.fuzz [--files 10000] [--seed 0]

Writes `fuzzed`, `fuzz_unexplained` and `reasons` to build/faults.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_core.data.tables.schemas import CHANNELS, QUARANTINE, RECORDINGS
from ser_core.errors import Reason
from tests.faults.report import record
from tests.support.audio import encode
from tests.support.pipeline import job_settings, read_rows, run
from tests.support.synth import SR, voice

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FORMATS = (
    ("wav", "WAV", "PCM_16"), ("wav", "WAV", "PCM_U8"), ("wav", "WAV", "PCM_24"), ("wav", "WAV", "FLOAT"),
    ("wav", "WAV", "ULAW"), ("wav", "WAV", "ALAW"), ("wav", "WAV", "GSM610"), ("wav", "WAV", "IMA_ADPCM"),
    ("wav", "WAV", "MS_ADPCM"), ("wav", "WAVEX", "PCM_16"), ("wav", "RF64", "PCM_16"), ("wav", "W64", "PCM_16"),
    ("wav", "AIFF", "PCM_16"), ("wav", "AU", "ULAW"), ("wav", "CAF", "PCM_16"), ("flac", "FLAC", "PCM_16"),
    ("ogg", "OGG", "VORBIS"), ("opus", "OGG", "OPUS"), ("mp3", "MP3", "MPEG_LAYER_III"),
)  # fmt: skip
_HEADER = 96  # bytes in which a format's sizes and rates lie
_ODD = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 2**20)

Bytes = np.ndarray
Mutation = Callable[[Bytes, Bytes, np.random.Generator], Bytes]


def _bits(data: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    at = rng.integers(len(data), size=rng.integers(1, 30))
    data[at] ^= np.uint8(1) << rng.integers(8, size=len(at)).astype(np.uint8)
    return data


def _header_bits(data: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    head = data[:_HEADER]
    head[rng.integers(len(head))] = rng.integers(256)
    return data


def _header_number(data: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    size = int(rng.choice([2, 4, 8]))
    at = int(rng.integers(0, min(_HEADER, len(data) - size)))
    order = str(rng.choice(["little", "big"]))
    number = int(rng.choice(_ODD)) & (256**size - 1)
    data[at : at + size] = np.frombuffer(number.to_bytes(size, order), np.uint8)
    return data


def _cut(data: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    return data[: rng.integers(len(data))]


def _zeros(data: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    start = int(rng.integers(len(data)))
    data[start : start + int(rng.integers(1, 400))] = 0
    return data


def _noise(data: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    part = data[int(rng.integers(len(data))) :][: int(rng.integers(1, 400))]
    part[:] = rng.integers(256, size=len(part))
    return data


def _splice(data: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    return np.concatenate([data[: rng.integers(len(data))], other[rng.integers(len(other)) :]])


def _doubled(data: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    start, end = np.sort(rng.integers(len(data), size=2))
    return np.concatenate([data[:end], data[start:]])


MUTATIONS: tuple[Mutation, ...] = (_bits, _header_bits, _header_number, _cut, _zeros, _noise, _splice, _doubled)


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of mutated files, the same for the same arguments: one to three mutations each."""
    wholes = []
    for number, (_, container, subtype) in enumerate(FORMATS):
        y = voice("happy", 0.4, number)
        if number % 3 == 0 and subtype != "GSM610":  # which has one channel only
            y = np.column_stack([y, voice("sad", 0.4, number)])
        wholes.append(np.frombuffer(encode(y, SR, container, subtype), np.uint8))
    rng = np.random.default_rng(seed)
    for number in range(count):
        kind = number % len(FORMATS)
        data = wholes[kind].copy()
        for _ in range(rng.integers(1, 4)):
            mutate = MUTATIONS[rng.integers(len(MUTATIONS))]
            if len(data) > 16:
                data = mutate(data, wholes[rng.integers(len(wholes))], rng)
        yield f"{number // 1000:02}/f{number:05}.{FORMATS[kind][0]}", data.tobytes()


@dataclass(frozen=True)
class Fuzzed:
    """The result of a run: refusals by reason, and a sentence for each unexplained file."""

    listed: int
    extracted: int
    reasons: Mapping[str, int]
    unexplained: tuple[str, ...]


def fuzz(session: SparkSession, root: Path, count: int, seed: int) -> Fuzzed:
    """Lists and extracts `count` mutants. An extract job that does not add up raises by itself."""
    from ser_core.pipeline.stages.extract import Extract
    from ser_core.pipeline.stages.ingest import Ingest

    for name, data in mutants(count, seed):
        path = root / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    settings = job_settings(root, {"roles": {"mono": "customer"}, "isolation": {"enabled": True, "base_s": 10.0}})
    run(session, Ingest, settings)
    tracker = session.sparkContext.statusTracker()
    before = set(tracker.getJobIdsForGroup())
    facts = run(session, Extract, settings)
    unexplained = [f"a task failed in stage {stage}" for stage in _failed(session, before)]
    extracted = {row["recording_id"] for row in read_rows(settings, CHANNELS)}
    refused = {row["recording_id"]: row for row in read_rows(settings, QUARANTINE)}
    for recording in read_rows(settings, RECORDINGS):
        refusal = refused.get(recording["recording_id"])
        if (recording["recording_id"] in extracted) == (refusal is not None):
            unexplained.append(f"{recording['uri']} is neither extracted nor refused, or both")
        elif refusal is not None and (refusal["reason"] not in list(Reason) or not refusal["detail"]):
            unexplained.append(f"{recording['uri']} is refused as {refusal['reason']!r}: {refusal['detail']!r}")
    if facts["listed"] != count:
        unexplained.append(f"{facts['listed']} of {count} files are listed")
    reasons = Counter(row["reason"] for row in refused.values())
    return Fuzzed(facts["listed"], facts["extracted"], dict(reasons.most_common()), tuple(unexplained))


def _failed(session: SparkSession, before: set[int]) -> Iterator[int]:
    tracker = session.sparkContext.statusTracker()
    for job in set(tracker.getJobIdsForGroup()) - before:
        info = tracker.getJobInfo(job)
        for stage in info.stageIds if info else ():
            stage_info = tracker.getStageInfo(stage)
            if stage_info and stage_info.numFailedTasks:
                yield stage


def main() -> int:
    """Prints the count of each reason; 1 where something has no explanation."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    from ser_core.pipeline.engine.session import start_session

    with tempfile.TemporaryDirectory(prefix="ser-fuzz-") as folder:
        session = start_session("fuzz", job_settings(folder).spark)
        begin = time.monotonic()
        result = fuzz(session, Path(folder), arguments.files, arguments.seed)
    record({"fuzzed": result.listed, "fuzz_unexplained": len(result.unexplained), "reasons": result.reasons})
    reasons = ", ".join(f"{reason} {count}" for reason, count in result.reasons.items())
    sys.stdout.write(
        f"{result.listed} files, {result.extracted} extracted, refused: {reasons}; {time.monotonic() - begin:.0f} s\n"
    )
    sys.stdout.write("".join(f"  {text}\n" for text in result.unexplained[:20]))
    return int(bool(result.unexplained))


if __name__ == "__main__":
    sys.exit(main())
