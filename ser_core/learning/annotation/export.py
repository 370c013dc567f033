"""Chosen segments as clips and a sheet in a folder, for annotators."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ser_core.config.audio_settings import Headerless
from ser_core.config.settings import LimitSettings
from ser_core.emotions import EMOTIONS
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, Refusal
from ser_core.learning.annotation.candidates import Candidates
from ser_core.learning.annotation.clips import cut, wav
from ser_core.learning.annotation.sheet import COLUMNS, SHOWN, write_sheet
from ser_core.sound.audio import open_audio

SHEET = "labels.csv"
PAGE = "index.html"
_CLIPS = "clips"

_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Clips to label</title>
<style>body {{ font: 1rem sans-serif; margin: 2rem }} audio {{ vertical-align: middle }}</style>
<h1>Clips to label</h1>
<p>Listen, and write what you hear into the column <code>emotion</code> of <code>{sheet}</code>, your name into
<code>annotator</code>: {emotions}. Leave empty what you cannot tell.</p>
<ol style="list-style: none">
{items}
</ol>
"""


@dataclass(frozen=True)
class Decoding:
    """How recordings are opened: `open` takes a uri and raises as `ser_core.data.storage.Storage.open` does."""

    open: Callable[[str], BinaryIO]
    limits: LimitSettings
    headerless: Headerless | None


@dataclass(frozen=True)
class Exported:
    """How many clips were written, and why recordings gave none, by uri."""

    clips: int
    refused: Mapping[str, str]


def export(
    folder: Path,
    found: Candidates,
    chosen: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    decoding: Decoding,
    show_predictions: bool,
    seed: int,
) -> Exported:
    """Writes `clips/0001.wav` and so on, the sheet and a page to listen from, in an order that tells nothing.

    Args:
        folder: made where it is not there.
        found: the candidates.
        chosen: as `ser_core.learning.annotation.selection.choose` gave them.
        decoding: how recordings are opened.
        show_predictions: adds what the model heard to the sheet, which leads annotators.
        seed: of the order.
    """
    rows = _rows(found, chosen)
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    for number, row in enumerate(shuffled, 1):
        row["clip"] = f"{_CLIPS}/{number:04d}.wav"
    (folder / _CLIPS).mkdir(parents=True, exist_ok=True)
    refused: dict[str, str] = {}
    written = set()
    for uri, several in groupby(sorted(shuffled, key=_uri), key=_uri):
        segments = list(several)
        try:
            for row, clip in zip(segments, _clips(uri, segments, decoding), strict=True):
                (folder / row["clip"]).write_bytes(clip)
                written.add(row["clip"])
        except (Refusal, ObjectMissingError, ObjectForbiddenError) as error:
            refused[uri] = str(error)
    kept = [row for row in shuffled if row["clip"] in written]
    columns = (*COLUMNS, *SHOWN) if show_predictions else COLUMNS
    (folder / SHEET).write_bytes(write_sheet(kept, columns))
    (folder / PAGE).write_text(_page([row["clip"] for row in kept]), encoding="utf-8")
    return Exported(len(kept), refused)


def _rows(found: Candidates, chosen: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]) -> list[dict[str, Any]]:
    rows = []
    for why, indices in zip(("uncertain", "stratified"), chosen, strict=True):
        for index, row in zip(indices, found.rows.take(indices).to_pylist(), strict=True):
            posteriors = found.posteriors[index]
            rows.append(
                {
                    **row,
                    "speaker": f"{row['call_id']}-{row['channel']}",
                    "chosen": why,
                    "predicted": EMOTIONS[int(np.argmax(posteriors))],
                    "confidence": f"{np.max(posteriors):.3f}",
                }
            )
    return rows


def _uri(row: Mapping[str, Any]) -> str:
    return str(row["uri"])


def _clips(uri: str, segments: Sequence[Mapping[str, Any]], decoding: Decoding) -> Iterator[bytes]:
    with decoding.open(uri) as source:
        size_bytes = source.seek(0, 2)
        with open_audio(source, size_bytes, decoding.limits, decoding.headerless) as reader:
            spans = [(row["channel"], row["start_s"], row["end_s"]) for row in segments]
            for y in cut(reader, spans):
                yield wav(y, reader.info.sample_rate)


def _page(clips: Sequence[str]) -> str:
    items = "\n".join(
        f'<li>{html.escape(clip)} <audio controls preload="none" src="{html.escape(clip)}"></audio></li>'
        for clip in clips
    )
    return _PAGE.format(sheet=SHEET, emotions=", ".join(EMOTIONS), items=items)
