"""The files that `archive.metadata` names: a single one, or one a date."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from string import Formatter
from typing import NamedTuple

from ser_core.config.settings import StorageSettings
from ser_core.data.archive.row_files import check_column, is_table_uri
from ser_core.data.archive.time_format import DATE, TIME, date_or_time_regex, parts_of
from ser_core.data.storage import locate, open_storage
from ser_core.errors import ObjectMissingError, SettingsError

_ISO_DATE = "%Y-%m-%d"


class MetadataFile(NamedTuple):
    """A file, and the date whose calls it lists; None for a file of any dates."""

    uri: str
    call_date: dt.date | None


class MetadataFiles:
    """`archive.metadata`: the uri of a file, or, with `{call_date}` or `{call_date:format}` in it, of a file a date.

    The format is one of strptime, such as `%Y%m%d` or `%Y/%m/%d`; without one it is `%Y-%m-%d`.

    Raises:
        SettingsError: the uri is neither, or the single file is missing or has no column `call_id`.
    """

    def __init__(self, uri: str, settings: StorageSettings) -> None:
        self._settings = settings
        self._head, self._format, self._tail = _split(uri) if "{" in uri or "}" in uri else (uri, None, "")
        if not is_table_uri(uri):
            raise SettingsError([f"archive.metadata: {uri} is neither .csv nor .parquet"])
        if self._format is None:
            try:
                check_column(self._head, "call_id", settings)
            except ObjectMissingError as error:
                raise SettingsError([f"archive.metadata: {error}"]) from error

    def of_dates(self, dates: Sequence[dt.date] | None) -> list[MetadataFile]:
        """The existing files of `dates`, or of every date, in order; the single file where that is all there is."""
        if self._format is None:
            return [MetadataFile(self._head, None)]
        if dates is None:
            return sorted(self._listed(), key=lambda file: (file.call_date, file.uri))
        named = ((date, f"{self._head}{date.strftime(self._format)}{self._tail}") for date in sorted(set(dates)))
        return [MetadataFile(uri, date) for date, uri in named if self._exists(uri)]

    def _listed(self) -> Iterator[MetadataFile]:
        assert self._format is not None  # noqa: S101 - a file a date
        folder, _, stem = self._head.rpartition("/")
        storage = open_storage(folder or ("/" if self._head.startswith("/") else "."), self._settings)
        date = date_or_time_regex("call_date", self._format)
        pattern = re.compile(f"{re.escape(stem)}(?P<date>{date}){re.escape(self._tail)}")
        for info in storage.list(stem):
            match = pattern.fullmatch(info.key)
            if match is not None:
                day = _parsed(match["date"], self._format)
                if day is not None:
                    yield MetadataFile(f"{self._head}{match['date']}{self._tail}", day)

    def _exists(self, uri: str) -> bool:
        storage, key = locate(uri, self._settings)
        return storage.exists(key)


def _split(uri: str) -> tuple[str, str | None, str]:
    """The text before `{call_date}`, its format, and the text after it; where there is no group, the text alone."""
    try:
        pieces = list(Formatter().parse(uri))
    except ValueError as error:
        raise SettingsError(
            [f"archive.metadata: {uri!r}: {error}; a brace that is text is written {{{{ or }}}}"]
        ) from None
    groups = [(name, form) for _, name, form, _ in pieces if name is not None]
    literals = [literal for literal, *_ in pieces]
    if not groups:
        return "".join(literals), None, ""
    if [name for name, _ in groups] != ["call_date"]:
        named = ", ".join(f"{{{name}}}" for name, _ in groups)
        raise SettingsError([f"archive.metadata: {uri!r} has {named}: expected {{call_date}}, once, or no braces"])
    form = groups[0][1] or _ISO_DATE
    parts = parts_of(form)
    try:
        date_or_time_regex("call_date", form)
    except ValueError as error:
        raise SettingsError([f"archive.metadata: {error}"]) from None
    if not parts >= DATE or parts & TIME:
        raise SettingsError(
            [f"archive.metadata: {form!r} in {uri!r}: expected year, month and day, such as {{call_date:%Y%m%d}}"]
        )
    at = [name for _, name, _, _ in pieces].index("call_date") + 1
    return "".join(literals[:at]), form, "".join(literals[at:])


def _parsed(text: str, form: str) -> dt.date | None:
    try:
        return dt.datetime.strptime(text, form).date()
    except ValueError:  # such as the 31st of February
        return None
