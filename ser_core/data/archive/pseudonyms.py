"""Keyed hashes of calls and agents, and tombstones of forgotten calls. Only the secret can make them again.

All are HMAC-SHA-256 (RFC 2104) under one secret, with a prefix for each kind of name.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from ser_core.config.privacy_settings import SECRET_VARIABLE, PrivacySettings
from ser_core.data.archive.identity import Recording
from ser_core.errors import SettingsError

_MIN_BYTES = 16
_DIGITS = 32
_KEPT = frozenset({"role", "channel", "roles"})  # keys of `extra` that the jobs read; they name nobody


@dataclasses.dataclass(frozen=True)
class Pseudonyms:
    """Makes keyed hashes. Pickled with the secret, which goes to workers, never to a table or a log."""

    secret: bytes = dataclasses.field(repr=False)

    def call(self, call_id: str) -> str:
        """The hash of a call_id, 32 hexadecimal digits."""
        return self._digest("call", call_id)

    def hidden(self, recording: Recording) -> Recording:
        """`recording` with hashes for call_id, agent_id and the values of `extra` that the jobs do not read.

        The uri stays: without it nothing could be fetched.
        """
        agent_id = recording.agent_id
        extra = {name: value if name in _KEPT else self._digest(name, value) for name, value in recording.extra.items()}
        return dataclasses.replace(
            recording,
            call_id=self.call(recording.call_id),
            agent_id=None if agent_id is None else self._digest("agent", agent_id),
            extra=extra,
        )

    def tombstone(self, kind: str, name: str) -> str:
        """The tombstone of a `call` (named by its hash) or a `recording`, 64 hexadecimal digits."""
        return hmac.new(self.secret, f"forgotten {kind}\0{name}".encode(), hashlib.sha256).hexdigest()

    def of_call(self, call_id: str) -> str:
        """The tombstone of every call of a name, on any date; named as in the archive."""
        return self.tombstone("call", self.call(call_id))

    def of_call_on(self, hashed_call_id: str, date: dt.date) -> str:
        """The tombstone of a call on its date; named by its hash."""
        return self.tombstone("call on date", f"{hashed_call_id}\0{date}")

    def of_recording(self, recording: Recording) -> tuple[str, str, str]:
        """The tombstones that keep a recording out: its own, that of its call's name, and that of its call."""
        return (
            self.tombstone("recording", recording.recording_id),
            self.of_call(recording.call_id),
            self.of_call_on(self.call(recording.call_id), recording.call_date),
        )

    def as_kept(self, name: str, value: str) -> frozenset[str]:
        """A value as `recordings` may have it: as it is, and hidden. `name` is of a column, or a key of `extra`."""
        return frozenset({value, self._digest({"call_id": "call", "agent_id": "agent"}.get(name, name), value)})

    @property
    def mark(self) -> str:
        """16 digits that differ between secrets without revealing them."""
        return self._digest("mark", "")[:16]

    def _digest(self, kind: str, name: str) -> str:
        return hmac.new(self.secret, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def read_pseudonyms(settings: PrivacySettings, environ: Mapping[str, str] | None = None) -> Pseudonyms | None:
    """With the secret of the environment, else of the file `privacy.secret_file`; None where neither is set.

    Raises:
        SettingsError: the file cannot be read, the secret is too short, or `privacy.hash_ids` is set without one.
    """
    secret = (os.environ if environ is None else environ).get(SECRET_VARIABLE, "").encode()
    where = SECRET_VARIABLE
    if not secret and settings.secret_file is not None:
        where = f"privacy.secret_file {settings.secret_file}"
        try:
            secret = Path(settings.secret_file).expanduser().read_bytes().strip()
        except OSError as error:
            raise SettingsError([f"{where} cannot be read: {error.strerror}"]) from error
        if not secret:
            raise SettingsError([f"{where} is empty: {_EXPECTED}"])
    if not secret:
        if settings.hash_ids:
            raise SettingsError([f"privacy.hash_ids is set, and there is no secret to hash with: {_EXPECTED}"])
        return None
    if len(secret) < _MIN_BYTES:
        raise SettingsError([f"{where} has {len(secret)} bytes: {_EXPECTED}"])
    return Pseudonyms(secret)


_EXPECTED = (
    f"expected a secret of {_MIN_BYTES} bytes or more in {SECRET_VARIABLE} or in the file privacy.secret_file, such as "
    "`openssl rand -hex 32` prints"
)
