"""Errors. Each message says what was found, what was expected and what to do.

A wrong setting stops a job (`SettingsError`); a wrong recording never does (`Refusal` becomes a row in `quarantine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from signal import Signals


class Reason(StrEnum):
    """Why a recording was refused: the values of `quarantine.reason`."""

    EMPTY = "empty"
    NOT_AUDIO = "not_audio"
    UNSUPPORTED_CODEC = "unsupported_codec"
    TRUNCATED = "truncated"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    TOO_MANY_CHANNELS = "too_many_channels"
    NOT_FINITE = "not_finite"
    MISSING = "missing"
    FORBIDDEN = "forbidden"
    UNMATCHED_PATH = "unmatched_path"
    DECODER_CRASH = "decoder_crash"
    DECODER_TIMEOUT = "decoder_timeout"
    OUT_OF_MEMORY = "out_of_memory"


TRANSIENT_REASONS = frozenset({Reason.MISSING, Reason.FORBIDDEN, Reason.DECODER_TIMEOUT, Reason.OUT_OF_MEMORY})
"""Refusals that may not come again: later runs try these recordings, up to `quarantine.max_attempts` times."""


class SerError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class SettingsError(SerError):
    """Settings or arguments are wrong. `faults` lists every one of them with its place."""

    exit_code = 2

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        head = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__(f"The settings have {head}:\n" + "\n".join(f"  - {fault}" for fault in self.faults))


class LeaseHeldError(SerError):
    """Another run holds the lease of the same work."""

    exit_code = 3


class LeaseLostError(LeaseHeldError):
    """A run's lease ran out or was taken over: it may write nothing more."""


class IsolationError(SerError):
    """The process that decodes recordings does not start. No recording is the cause."""


class PublishRefusedError(SerError):
    """A stop rule kept new results from replacing the published ones."""

    exit_code = 4


class IncompleteError(SerError):
    """A night has ended, and more of its calls are without scores than `nightly.max_unscored_share`."""

    exit_code = 5


class EndedError(BaseException):
    """A signal has asked the process to end. No fault: code that handles faults lets it pass."""

    def __init__(self, signal_number: int) -> None:
        self.exit_code = 128 + signal_number
        super().__init__(f"ended by {Signals(signal_number).name}")


class TaskError(SerError):
    """A task of Spark has failed by an error that is not one of these, or Spark itself has."""


class StorageError(SerError):
    """Object storage or a folder cannot be used: credentials, bucket, permissions, network."""


class ObjectMissingError(StorageError):
    """An object or file does not exist."""


class ObjectForbiddenError(StorageError):
    """An object or file may not be read."""


class CorpusError(SerError):
    """A labelled corpus is not what its reader expects."""


class BundleError(SerError):
    """A model bundle is missing, incomplete, tampered with, or does not fit the features."""


class TrainingError(SerError):
    """The labelled data cannot train or evaluate a classifier."""


class QueryError(SerError):
    """A query over the tables cannot be run."""


class Refusal(SerError):  # noqa: N818 - a refusal is an outcome of a recording, not a fault of the program
    """A recording that cannot be used; becomes a row in `quarantine`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")

    def __reduce__(self) -> tuple[type[Refusal], tuple[Reason, str]]:
        return Refusal, (self.reason, self.detail)


def fault_text(error: BaseException) -> str:
    """What a fault says to a person: our own message as it is, another one after its kind."""
    if isinstance(error, SerError | EndedError):
        return str(error)
    return f"{type(error).__name__}: {error} (log.level debug shows where)"
