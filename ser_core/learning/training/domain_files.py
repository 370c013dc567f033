"""Domain versions in storage, beside the models: a file a version, and an alias that names the current one."""

from __future__ import annotations

import json
from urllib.parse import quote

from ser_core.data.storage import Storage
from ser_core.errors import BundleError
from ser_core.learning.training.archive_domain import ArchiveDomain, read_archive_domain

DOMAINS = "_domains"
"""No model has this name: names of models begin with a letter or digit."""
_ALIAS = "current.json"


class DomainFiles:
    """The versions of one archive and feature set. Old ones stay: rows name them.

    Args:
        models: the root of the models.
        archive: the archive's name.
        feature_set_id: of the vectors.
        dimension: of the vectors.
    """

    def __init__(self, models: Storage, archive: str, feature_set_id: str, dimension: int) -> None:
        self._models, self._dimension = models, dimension
        self._folder = f"{DOMAINS}/{quote(archive, safe=' @')}/{quote(feature_set_id, safe='@')}/"

    def current(self) -> ArchiveDomain | None:
        """The current version; None where there is none yet.

        Raises:
            BundleError: it cannot be read.
        """
        text = self._models.read_or_none(f"{self._folder}{_ALIAS}")
        if text is None:
            return None
        try:
            version = str(json.loads(text)["version"])
        except (ValueError, KeyError, TypeError) as error:
            where = self._models.uri_of(f"{self._folder}{_ALIAS}")
            raise BundleError(f"{where} names no version; remove it, and the next run makes one") from error
        return self.read(version)

    def read(self, version: str) -> ArchiveDomain:
        """A version.

        Raises:
            BundleError: there is no such version, or it cannot be read.
        """
        data = self._models.read_or_none(self._key(version))
        if data is None:
            known = sorted(
                info.key.removeprefix(self._folder).removesuffix(".npz")
                for info in self._models.list(self._folder)
                if info.key.endswith(".npz")
            )
            raise BundleError(
                f"There is no domain {version} below {self._models.uri_of(self._folder)}; there is "
                f"{', '.join(known) or 'none: score the archive first'}"
            )
        return read_archive_domain(data, self._dimension)

    def keep(self, domain: ArchiveDomain) -> None:
        """Writes a version, and makes it the current one."""
        self._models.put(self._key(domain.version), domain.to_bytes())
        alias = {"version": domain.version, "segments": domain.everything.count}
        self._models.put(f"{self._folder}{_ALIAS}", json.dumps(alias).encode() + b"\n")

    def _key(self, version: str) -> str:
        return f"{self._folder}{quote(version, safe='')}.npz"
