"""librosa, loaded when a number of its own is first asked for.

Loading takes a second, so that `ser query` and `ser --help` do without. With it come functions that numba compiles and
keeps on disk. Workers that start together on a new machine would all compile them and write the same files, which can
crash them: the first process alone does so, and the others wait for it.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_NAME = "ser-librosa-{uid}.lock"


@lru_cache(maxsize=1)
def librosa() -> ModuleType:
    """The module `librosa` with all its parts that are used here."""
    with _once_compiled():
        import librosa as loaded  # noqa: PLC0415
        import librosa.feature  # noqa: PLC0415
        import librosa.filters  # noqa: PLC0415

        return loaded


@contextmanager
def _once_compiled() -> Iterator[None]:
    """Holds the lock alone until the functions stand on disk, and beside others from then on."""
    _keep_cache_writable()
    path = Path(tempfile.gettempdir()) / _NAME.format(uid=os.getuid())
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:  # a directory that is read-only, or somebody else's file of this name
        yield
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if os.pread(lock, 4096, 0) != _versions():
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        if os.pread(lock, 4096, 0) != _versions():
            os.truncate(lock, 0)
            os.pwrite(lock, _versions(), 0)
    finally:
        os.close(lock)


def _versions() -> bytes:
    """What the functions on disk belong to."""
    own = (sys.version, _directory(), os.environ.get("NUMBA_CACHE_DIR", ""))
    return "\n".join((*own, metadata.version("librosa"), metadata.version("numba"))).encode()


def _directory() -> str:
    """Where librosa is installed."""
    spec = find_spec("librosa")
    return str(Path(spec.origin).parent) if spec and spec.origin else ""


def _keep_cache_writable() -> None:
    """numba refuses to load where it can write neither beside librosa nor into the user's cache: gives it a directory
    of this process alone."""
    if "NUMBA_CACHE_DIR" in os.environ or "numba" in sys.modules or os.access(_directory(), os.W_OK):
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    existing = next((parent for parent in (cache, *cache.parents) if parent.exists()), cache)
    if not os.access(existing, os.W_OK):
        os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="ser-numba-")
