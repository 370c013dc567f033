"""Patterns that read the path of a recording, such as `{call_date:%Y/%m/%d}/{call_id}_{agent_id}.wav`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from functools import lru_cache
from string import Formatter

from ser_core.data.archive.time_format import DATE, TIME, date_or_time_regex, parts_of

Value = str | dt.date | dt.datetime
_FORMATTED = ("call_date", "started_at")


class PathPattern:
    """A pattern of named groups, matched against whole keys.

    `{name}` is any text without `/`. Where several splits are possible, the last separator counts: in
    `{call_id}_{agent_id}` a call_id may have a `_`, an agent_id may not. `{call_date:format}` and `{started_at:format}`
    take strptime formats, which may hold `/`; numbers have all their digits (`%m` is 01 to 12). A `started_at` that is
    only a time of day is on the day `call_date`. `{{` and `}}` are braces.

    Raises:
        ValueError: the pattern is wrong; the text says why.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._formats: dict[str, str] = {}
        self._names: list[str] = []
        self._head = ""  # the text before call_date, where it is the first group
        self._tail: str | None = None  # the text between call_date and the next group, likewise
        self._regex = re.compile(self._compiled())

    def match(self, key: str) -> dict[str, Value] | None:
        """The groups of `key`; None where it does not match, or a date does not exist.

        `call_date` is a date, `started_at` a datetime (naive unless its format has `%z`), all others are text.
        """
        match = self._regex.fullmatch(key)
        if match is None:
            return None
        values: dict[str, Value] = dict(match.groupdict())
        try:
            for name, form in self._formats.items():
                values[name] = _moment(match[name], form)
        except ValueError:  # such as the 31st of February
            return None
        day, start = values.get("call_date"), values.get("started_at")
        if isinstance(day, dt.datetime):
            values["call_date"] = day.date()
            if isinstance(start, dt.datetime) and not parts_of(self._formats["started_at"]) & DATE:
                values["started_at"] = start.replace(year=day.year, month=day.month, day=day.day)
        return values

    @property
    def has_date(self) -> bool:
        """Whether the date of a call is in its path."""
        return "call_date" in self._formats or parts_of(self._formats.get("started_at", "")) >= DATE

    def prefixes(self, dates: Iterable[dt.date]) -> list[str] | None:
        """The beginnings of all keys of `dates`; None where the pattern does not begin with call_date."""
        if self._tail is None:
            return None
        form = self._formats["call_date"]
        return [f"{self._head}{day.strftime(form)}{self._tail}" for day in dates]

    def __reduce__(self) -> tuple[type[PathPattern], tuple[str]]:
        return PathPattern, (self.pattern,)

    def _compiled(self) -> str:
        try:
            fields = list(Formatter().parse(self.pattern))
        except ValueError as error:
            raise ValueError(f"{self.pattern!r}: {error}; a brace that is text is written {{{{ or }}}}") from error
        regex = ""
        between = ""  # the text since the last group of this path level
        before: str | None = None  # that group's name
        free = False  # whether this level has had a group without a format
        for literal, name, form, conversion in fields:
            regex += re.escape(literal)
            between += literal
            if "/" in literal:
                between, before, free = "", None, False
            if name is None:
                continue
            self._admit(name, form or "", conversion)
            if form:
                self._formats[name] = form
                regex += f"(?P<{name}>{date_or_time_regex(name, form)})"
                free = free and "/" not in form
            else:
                if free and not between and before not in self._formats:
                    raise ValueError(f"{self.pattern!r}: there must be text between {{{before}}} and {{{name}}}")
                regex += f"(?P<{name}>{_free(between if free else '')})"
                free = True
            between, before = "", name
        self._check()
        self._find_prefix([(literal, name) for literal, name, _, _ in fields])
        return regex

    def _admit(self, name: str, form: str, conversion: str | None) -> None:
        place = f"{self.pattern!r}: {{{name}}}"
        if conversion or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            raise ValueError(f"{place} is no name: expected letters, digits and _, such as {{call_id}}")
        if name in self._names:
            raise ValueError(f"{place} occurs twice: each group may occur once")
        if form and name not in _FORMATTED:
            raise ValueError(f"{place} has the format {form!r}: only {' and '.join(_FORMATTED)} take one")
        if not form and name in _FORMATTED:
            raise ValueError(f"{place} needs a format, such as {{call_date:%Y/%m/%d}} or {{started_at:%Y%m%dT%H%M%S}}")
        self._names.append(name)

    def _check(self) -> None:
        if "call_id" not in self._names:
            raise ValueError(f"{self.pattern!r} has no {{call_id}}: a recording must belong to a call")
        if self.pattern.startswith("/"):
            raise ValueError(f"{self.pattern!r} begins with '/': paths are relative to archive.uri")
        day, start = parts_of(self._formats.get("call_date", "")), parts_of(self._formats.get("started_at", ""))
        if "call_date" in self._formats and not (day >= DATE and not day & TIME):
            raise ValueError(f"{self.pattern!r}: call_date needs year, month and day, and no time of day")
        if "started_at" in self._formats and not (start >= TIME and (start >= DATE or (day and not start & DATE))):
            raise ValueError(
                f"{self.pattern!r}: started_at needs year, month, day and hour; only the hour with call_date"
            )

    def _find_prefix(self, fields: list[tuple[str, str | None]]) -> None:
        if fields[0][1] == "call_date":
            self._head = fields[0][0]
            self._tail = fields[1][0] if len(fields) > 1 else ""


@lru_cache(maxsize=1024)
def _moment(text: str, form: str) -> dt.datetime:
    """`strptime` for texts that come again and again: all recordings of a date have the same."""
    return dt.datetime.strptime(text, form)


def _free(separator: str) -> str:
    """Text within one path level, without `separator`: a key is split in one way only."""
    return f"(?:(?!{re.escape(separator)})[^/])+" if separator else "[^/]+"
