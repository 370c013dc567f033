"""What each setting means and its default, as the comments of `conf/base.yaml` say, and help pages made of them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby

from ser_core.config.load import conf_folder

_ENTRY = re.compile(r"(?P<indent> *)(?P<name>\w+):(?P<default>(?: [^#]*[^# ])?) *(?:# (?P<comment>.*))?")
_CONTINUED = re.compile(r" +# (?P<comment>.*)")
_TEXT_AT = 34
"""Column of meanings in a help page."""


@dataclass(frozen=True)
class SettingDescription:
    """One entry of `conf/base.yaml`: a setting, or a section where `default` is empty."""

    path: tuple[str, ...]
    default: str
    meaning: str

    @property
    def option(self) -> str:
        """The setting on the command line, such as `--archive.uri`."""
        return "--" + ".".join(self.path).replace("_", "-")


def describe_settings() -> list[SettingDescription]:
    """Every section and setting of `conf/base.yaml`, in its order.

    A comment describes the entry on its line; indented comments on the lines below continue it.
    """
    entries: list[SettingDescription] = []
    for line in (conf_folder() / "base.yaml").read_text(encoding="utf-8").splitlines():
        if match := _ENTRY.fullmatch(line):
            parents = entries[-1].path if entries else ()
            path = (*parents[: len(match["indent"]) // 2], match["name"])
            entries.append(SettingDescription(path, match["default"].strip(), match["comment"] or ""))
        elif match := _CONTINUED.fullmatch(line):
            last = entries.pop()
            meaning = f"{last.meaning} {match['comment']}".strip()
            entries.append(SettingDescription(last.path, last.default, meaning))
    return entries


def settings_help(sections: Collection[str] = (), width: int = 100) -> str:
    """The settings of `sections` as command-line options, with meaning, unit and default; of all where none is named.

    Args:
        sections: top-level names of `conf/base.yaml`.
        width: columns of the text.
    """
    return "".join(f"{line}\n" for line in _lines(sections, width))


def _lines(sections: Collection[str], width: int) -> Iterator[str]:
    listed = [entry for entry in describe_settings() if not sections or entry.path[0] in sections]
    for _, entries in groupby(listed, key=lambda entry: entry.path[0]):
        yield ""
        for entry in entries:
            if entry.default:
                yield from _option_lines(entry, width)
            elif len(entry.path) == 1 or entry.meaning:
                title = f"{'.'.join(entry.path)}: {entry.meaning}".rstrip(": ")
                yield from textwrap.wrap(title, width, subsequent_indent="  ")


def _option_lines(entry: SettingDescription, width: int) -> Iterator[str]:
    """The option, and its meaning and default in a column beside it; below it where the option is too long."""
    text = f"{entry.meaning} [default:\N{NO-BREAK SPACE}{entry.default}]".strip()
    indent = " " * _TEXT_AT
    wrapped = textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    first, *others = (line.replace("\N{NO-BREAK SPACE}", " ") for line in wrapped)
    option = f"  {entry.option}"
    if len(option) + 2 > _TEXT_AT:
        yield option
        yield first
    else:
        yield option + first[len(option) :]
    yield from others
