"""Corpora whose labels stand in their file names."""

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
    """The labels that the names in `keys` state.

    Args:
        keys: of recordings, of any extension, in any sub-folder.
        pattern: matches the end of a key without its extension, from the beginning of a path's part.
        expected: what such a name looks like, for whoever finds one that does not.
        label: the stretch that a key and its match stand for; None for a recording that is left out.
    """
    stretches: list[LabelledStretch] = []
    unplaced: list[Unplaced] = []
    left_out: list[str] = []
    anywhere = re.compile(rf"(?:.*/)?{pattern.pattern}", re.DOTALL)
    for key in sorted(set(keys)):
        match = anywhere.fullmatch(str(PurePosixPath(key).with_suffix("")))
        if match is None:
            unplaced.append(Unplaced(key, f"the file name is not this corpus's: expected {expected}"))
        elif (stretch := label(key, match)) is None:
            left_out.append(key)
        else:
            stretches.append(stretch)
    return CorpusListing(tuple(stretches), tuple(unplaced), tuple(left_out))
