"""Export of segments for annotators: a folder with clips, a sheet and a page."""

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
from ser_core.learning.annotation.sheet import COLUMNS, PREDICTION_COLUMNS, write_sheet
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
<code>annotator</code>: {emotions}. Leave it empty where you are not sure.</p>
<ol style="list-style: none">
{items}
</ol>
"""


@dataclass(frozen=True)
class Decoding:
    """How recordings are opened: `open` takes a uri, and raises as `ser_core.data.storage.Storage.open` does."""

    open: Callable[[str], BinaryIO]
    limits: LimitSettings
    headerless: Headerless | None


@dataclass(frozen=True)
class Exported:
    """The number of clips written, and the reason for each recording without clips, by uri."""

    clips: int
    refused: Mapping[str, str]


def export(
    folder: Path,
    candidates: Candidates,
    chosen: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    decoding: Decoding,
    show_predictions: bool,
    seed: int,
) -> Exported:
    """Writes `clips/0001.wav` and so on, the sheet, and a page to listen from, in random order.

    Args:
        folder: created where it does not exist.
        candidates: the segments to choose from.
        chosen: the result of `ser_core.learning.annotation.selection.choose`.
        decoding: how recordings are opened.
        show_predictions: adds the model's predictions to the sheet, which biases annotators.
        seed: of the order.
    """
    rows = _rows(candidates, chosen)
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    for number, row in enumerate(shuffled, 1):
        row["clip"] = f"{_CLIPS}/{number:04d}.wav"
    (folder / _CLIPS).mkdir(parents=True, exist_ok=True)
    refused: dict[str, str] = {}
    written = set()
    for uri, group in groupby(sorted(shuffled, key=_uri), key=_uri):
        segments = list(group)
        try:
            for row, clip in zip(segments, _clips(uri, segments, decoding), strict=True):
                (folder / row["clip"]).write_bytes(clip)
                written.add(row["clip"])
        except (Refusal, ObjectMissingError, ObjectForbiddenError) as error:
            refused[uri] = str(error)
    kept = [row for row in shuffled if row["clip"] in written]
    columns = (*COLUMNS, *PREDICTION_COLUMNS) if show_predictions else COLUMNS
    (folder / SHEET).write_bytes(write_sheet(kept, columns))
    (folder / PAGE).write_text(_page([row["clip"] for row in kept]), encoding="utf-8")
    return Exported(len(kept), refused)


def _rows(candidates: Candidates, chosen: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]) -> list[dict[str, Any]]:
    rows = []
    for reason, indices in zip(("uncertain", "stratified"), chosen, strict=True):
        for index, row in zip(indices, candidates.rows.take(indices).to_pylist(), strict=True):
            posteriors = candidates.posteriors[index]
            rows.append(
                {
                    **row,
                    "speaker": f"{row['call_id']}-{row['channel']}",
                    "chosen": reason,
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
