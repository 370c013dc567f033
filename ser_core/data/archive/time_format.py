"""Formats of strptime as regular expressions; directives that depend on the locale are not supported."""

from __future__ import annotations

import re

DATE = frozenset({"year", "month", "day"})
TIME = frozenset({"hour"})

_DIRECTIVES: dict[str, tuple[str, frozenset[str]]] = {
    "%Y": ("[0-9]{4}", frozenset({"year"})),
    "%y": ("[0-9]{2}", frozenset({"year"})),
    "%m": ("[0-9]{2}", frozenset({"month"})),
    "%d": ("[0-9]{2}", frozenset({"day"})),
    "%j": ("[0-9]{3}", frozenset({"month", "day"})),
    "%H": ("[0-9]{2}", frozenset({"hour"})),
    "%M": ("[0-9]{2}", frozenset({"minute"})),
    "%S": ("[0-9]{2}", frozenset({"second"})),
    "%f": ("[0-9]{1,6}", frozenset({"fraction"})),
    "%z": ("(?:Z|[+-][0-9]{2}:?[0-9]{2})", frozenset({"zone"})),
    "%%": ("%", frozenset()),
}
_PIECE = re.compile(r"%.?|[^%]+", re.DOTALL)


def parts_of(form: str) -> frozenset[str]:
    """Which of year, month, day, hour, minute, second, fraction and zone `form` has."""
    return frozenset().union(*(_DIRECTIVES[piece][1] for piece in _PIECE.findall(form) if piece in _DIRECTIVES))


def date_or_time_regex(name: str, form: str) -> str:
    """A regular expression of the texts that `form` reads.

    Raises:
        ValueError: an unknown directive, or two for the same part; `name` is in the text.
    """
    regex, seen = "", frozenset[str]()
    for piece in _PIECE.findall(form):
        if not piece.startswith("%"):
            regex += re.escape(piece)
            continue
        if piece not in _DIRECTIVES:
            raise ValueError(f"{name} has {piece!r} in its format {form!r}: known are {' '.join(_DIRECTIVES)}")
        text, parts = _DIRECTIVES[piece]
        if parts & seen:
            raise ValueError(f"{name} has two directives for {' and '.join(sorted(parts & seen))} in {form!r}")
        regex, seen = regex + text, seen | parts
    return regex
