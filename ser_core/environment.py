"""Environment variables of processes that compute. C libraries read them at the start of a process only."""

from __future__ import annotations

# Every task is one thread: Spark spreads the work, and BLAS, OpenMP and numba pools would fight over the same cores.
_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "ARROW_NUM_THREADS")

# Arrays of a few MB come and go with every block. By default glibc returns each to the system and asks for zeroed pages
# again, up to a third of the time of an extraction. Other C libraries ignore these names. Arrow shares this memory.
_KEPT = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}

COMPUTING = {**dict.fromkeys(_POOLS, "1"), **_KEPT}
"""One thread, and freed memory kept for reuse."""
