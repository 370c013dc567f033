"""Corpora with labels in their file names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from ser_core.learning.corpora.base import CorpusListing, LabelledStretch, Unplaced


def read_names(
    keys: Iterable[str],
    pattern: re.Pattern[str],
    expected: str,
    label: Callable[[str, re.Match[str]], LabelledStretch | None],
) -> CorpusListing:
    """The labels in the file names `keys`.

    Args:
        keys: of recordings, with any extension, in any sub-folder.
        pattern: of the end of a key without its extension, from the beginning of a folder or file name.
        expected: description of the pattern, for messages.
        label: the stretch of a key and its match; None for a recording that is left out.
    """
    stretches: list[LabelledStretch] = []
    unplaced: list[Unplaced] = []
    left_out: list[str] = []
    anywhere = re.compile(rf"(?:.*/)?{pattern.pattern}", re.DOTALL)
    for key in sorted(set(keys)):
        match = anywhere.fullmatch(str(PurePosixPath(key).with_suffix("")))
        if match is None:
            unplaced.append(Unplaced(key, f"the file name does not match: expected {expected}"))
        elif (stretch := label(key, match)) is None:
            left_out.append(key)
        else:
            stretches.append(stretch)
    return CorpusListing(tuple(stretches), tuple(unplaced), tuple(left_out))
