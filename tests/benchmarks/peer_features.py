"""Features of openSMILE for `ser evaluate corpus --peer NAME=FILE` and `ser evaluate transfer --peer NAME=FILE`.

    python -m tests.benchmarks.peer_features --set ComParE_2016 compare.parquet /path/to/RAVDESS
    python -m tests.benchmarks.peer_features --set ComParE_2016 compare.parquet ravdess=/path/to/RAVDESS nemo=/path

openSMILE (extra `peers`) may not be used commercially: it is a peer to measure against, and no part of the product.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile as sf

ENDINGS = {".wav", ".flac"}


def main() -> int:
    """Writes `clip` (path below the corpus, after the corpus's name where it has one) and `vector`."""
    parser = argparse.ArgumentParser(description="Functionals of openSMILE, one vector a clip, as Parquet.")
    parser.add_argument("--set", choices=("eGeMAPSv02", "ComParE_2016"), required=True)
    parser.add_argument("out", type=Path)
    parser.add_argument("corpora", nargs="+", metavar="[NAME=]FOLDER")
    arguments = parser.parse_args()
    import opensmile

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet[arguments.set], feature_level=opensmile.FeatureLevel.Functionals
    )
    paths = [(clip, path) for corpus in arguments.corpora for clip, path in _clips(corpus)]
    vectors = []
    for number, (_, path) in enumerate(paths):
        y, sr = sf.read(path, dtype="float32", always_2d=True)
        vector = smile.process_signal(y.mean(axis=1), sr).to_numpy(np.float32)[0]
        vectors.append(np.nan_to_num(vector))  # some functionals of a clip without voiced frames are undefined
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number + 1} of {len(paths)}")
    pq.write_table(pa.table({"clip": [clip for clip, _ in paths], "vector": list(vectors)}), arguments.out)
    return 0


def _clips(corpus: str) -> list[tuple[str, Path]]:
    """Name and path of every clip of `[NAME=]FOLDER`."""
    name, _, place = corpus.rpartition("=")
    folder, prefix = Path(place), f"{name}/" if name else ""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    return [(f"{prefix}{path.relative_to(folder).as_posix()}", path) for path in found]


if __name__ == "__main__":
    sys.exit(main())
