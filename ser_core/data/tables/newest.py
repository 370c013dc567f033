"""Which of several extractions counts: a recording is taken from its newest file.

A recording may be extracted more than once: by a run that was killed and the run after it, by two attempts at a task,
or again for further roles. File names begin with the run's name, which begins with its start, so the greatest name is
the newest file.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ser_core.data.tables.schemas import CHANNELS, FEATURES

EXTRACTION = ("recording_id", "version", "feature_set", "condition")
"""What counts from one file only."""

FILE = "file"


def features_key(channels_key: str) -> str:
    """Key of the file of `features` that belongs to a file of `channels`. Where no row has a segment, there is none."""
    return f"{FEATURES.name}/{channels_key.removeprefix(f'{CHANNELS.name}/')}"


def newest(rows: pa.Table) -> pa.Table:
    """The rows of `channels` or `features` that count.

    Args:
        rows: with the columns of `EXTRACTION`, and in `file` the key that each was read from.
    """
    if not len(rows):
        return rows
    file = rows.column(FILE).combine_chunks().dictionary_encode()
    names = [key.rpartition("/")[2] for key in file.dictionary.to_pylist()]
    rank = np.argsort(np.argsort(names))[file.indices.to_numpy()]
    code = np.zeros(len(rows), dtype=np.int64)
    for name in EXTRACTION:
        values = rows.column(name).combine_chunks().dictionary_encode()
        code = code * len(values.dictionary) + values.indices.to_numpy()
    _, extraction = np.unique(code, return_inverse=True)
    last = np.zeros(extraction.max() + 1, dtype=rank.dtype)
    np.maximum.at(last, extraction, rank)
    return rows.filter(pa.array(rank == last[extraction]))
