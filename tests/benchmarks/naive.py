"""A naive Spark job for the same task: `binaryFile`, an RDD, librosa file by file, rows back into a table."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import librosa
from pyspark.sql import Row, SparkSession

from tests.reference.paper import paper_vector

N_FFT, HOP_LENGTH = 2048, 512


def naive_job(session: SparkSession, archive: str, out: Path) -> int:
    """Writes the recipe's 180 features of each channel as Parquet; returns the number of recordings."""
    files = session.read.format("binaryFile").load(archive)
    rows = files.select("path", "content").rdd.mapPartitions(_features)
    session.createDataFrame(rows).write.mode("overwrite").parquet(str(out))
    return session.read.parquet(str(out)).select("path").distinct().count()


def _features(files: Iterable[Row]) -> Iterator[Row]:
    for file in files:
        channels, sr = librosa.load(io.BytesIO(bytes(file.content)), sr=None, mono=False)
        for number, y in enumerate(channels):
            vector = paper_vector(y, int(sr), N_FFT, HOP_LENGTH, htk=False)
            yield Row(path=file.path, channel=number, features=[float(value) for value in vector])
