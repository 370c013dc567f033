"""`ser label sample`, `ser label read`: from acted voices to the user's own."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import CommandGroup, Result
from ser_core.cli.parameters import DIR, FILE, date
from ser_core.config import Settings
from ser_core.config.base import MB
from ser_core.errors import QueryError, SettingsError

if TYPE_CHECKING:
    from rich.console import RenderableType

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHOWN = 10


@click.group(cls=CommandGroup)
def label() -> None:
    """Segments of the archive for people to label, and their labels."""


@label.command(sections=("call_date", "scoring"))
@click.option("--call-id", "call_ids", multiple=True, metavar="ID", help="segments of this call only; may be repeated")
@click.option("--out", type=DIR, required=True, metavar="DIR", help="folder for the CSV and its clips")
@click.option(
    "--count", type=click.IntRange(min=1), default=100, show_default=True, metavar="N", help="how many segments"
)
@click.option("--from", "first", type=date, metavar="DATE", help="first call date, YYYY-MM-DD (default: all)")
@click.option("--to", "last", type=date, metavar="DATE", help="last call date, YYYY-MM-DD (default: all)")
@click.option("--min-s", type=float, default=1.0, show_default=True, help="shortest segment in seconds")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="another seed, other segments"
)
@click.option("--show-predictions", is_flag=True, help="add the model's predictions; they bias annotators")
def sample(
    settings: Settings,
    call_ids: Sequence[str],
    out: Path,
    count: int,
    first: dt.date | None,
    last: dt.date | None,
    min_s: float,
    seed: int,
    show_predictions: bool,
) -> Result:
    """Writes scored segments as clips and a CSV for annotators. With --call-date, no other date is read.

    Half of them are those the promoted model is least certain of; half are spread over emotions and confidence. Only
    roles in scoring.roles, and no segment that has a label.
    """
    from ser_core.cli.open import open_catalog  # noqa: PLC0415
    from ser_core.learning.annotation.candidates import candidates  # noqa: PLC0415 - loaded only when there is work
    from ser_core.learning.annotation.export import PAGE, SHEET, Decoding, export  # noqa: PLC0415
    from ser_core.learning.annotation.selection import choose  # noqa: PLC0415
    from ser_core.pipeline.engine.recording_source import Sources  # noqa: PLC0415 - reads storage, starts no JVM

    if (out / SHEET).exists():
        raise SettingsError([f"--out {out} holds a {SHEET}, which may be filled: name another folder"])
    first, last = first or settings.call_date, last or settings.call_date
    names = _kept_ids(settings, call_ids)
    scored = candidates(open_catalog(settings), settings.scoring.roles, first, last, min_s, names)
    if not len(scored):
        raise QueryError(
            f"No segment to label: no model has scored one of {', '.join(call_ids or settings.scoring.roles)} from "
            f"{first or 'the beginning'} to {last or 'today'} of {min_s:g} s or more that has no label yet. "
            "`ser score` scores, `ser model list` shows which model is promoted"
        )
    calls = scored.rows.column("call_id").to_numpy().astype(str)
    chosen = choose(calls, scored.posteriors, count, seed)
    sources, memory = Sources(settings), int(settings.fetch.memory_mb * MB)
    decoding = Decoding(lambda uri: sources.open(uri, memory), settings.limits, settings.audio.headerless)
    exported = export(out, scored, chosen, decoding, show_predictions, seed)
    facts = {
        "sheet": str(out / SHEET),
        "clips": exported.clips,
        "candidates": len(scored),
        "model_version": scored.rows.column("model_version")[0].as_py(),
        "refused": dict(exported.refused),
    }
    return facts, [
        Text(f"{exported.clips} of {len(scored)} segments are in {out}: listen from {PAGE}, fill in {SHEET}"),
        *_listed("not readable", [f"{uri}: {why}" for uri, why in exported.refused.items()]),
        Text(f"Next: ser label read {out / SHEET}", style="dim"),
    ]


@label.command(sections=("call_date", "scoring"))
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--name", default="own", show_default=True, help="of these labels, the column corpus")
@click.option("--consensus", type=FILE, metavar="FILE", help="write majority labels, as a manifest to train on")
def read(settings: Settings, files: Sequence[str], name: str, consensus: Path | None) -> Result:
    """Reads filled CSVs of `ser label sample` into the table labels.

    A FILE is in a folder or on S3. With --call-date, all clips are of that date, and no other date is read.
    """
    from ser_core.cli.open import open_catalog, open_filled_tables  # noqa: PLC0415
    from ser_core.data.storage import locate  # noqa: PLC0415
    from ser_core.data.tables.table import NO_ROWS  # noqa: PLC0415
    from ser_core.learning.annotation.agreement import agreement_of  # noqa: PLC0415 - loaded only when there is work
    from ser_core.learning.annotation.candidates import merge, place  # noqa: PLC0415
    from ser_core.learning.annotation.sheet import joined, read_sheet, write_consensus  # noqa: PLC0415

    if not _NAME.fullmatch(name) or f"{name}.parquet" == NO_ROWS:
        raise SettingsError([f"--name {name!r}: expected another name, of letters, digits, '.', '_', '-'"])
    sheets = []
    for file in files:
        storage, key = locate(file, settings.storage)
        uri = storage.uri_of(key)
        root, _, file_name = uri.rpartition("/")
        sheets.append((uri, read_sheet(storage.read(key), file_name, name, root, settings.corpus.language)))
    store = open_filled_tables(settings)
    placed = place(open_catalog(settings), store, joined(sheets), settings.scoring.roles, settings.call_date)
    rows = merge(store, name, placed.rows)
    facts: dict[str, Any] = {
        "name": name,
        "labels": len(placed.rows),
        "blank": sum(filled.blank for _, filled in sheets),
        "gone": placed.gone,
        "unknown": placed.unknown,
        **agreement_of(rows),
    }
    if consensus is not None:
        data, facts["consensus"] = write_consensus(placed.labels)
        consensus.parent.mkdir(parents=True, exist_ok=True)
        consensus.write_bytes(data)
    return facts, _shown(facts, consensus)


def _kept_ids(settings: Settings, call_ids: Sequence[str]) -> frozenset[str]:
    """Calls as the tables name them: as they are, or with a secret, hidden."""
    from ser_core.data.archive.pseudonyms import read_pseudonyms  # noqa: PLC0415

    pseudonyms = read_pseudonyms(settings.privacy)
    hidden = [pseudonyms.as_kept("call_id", call_id) for call_id in call_ids] if pseudonyms else []
    return frozenset(call_ids).union(*hidden)


def _shown(facts: Mapping[str, Any], consensus: Path | None) -> list[RenderableType]:
    table = Table(title=f"Labels called {facts['name']}", title_justify="left")
    for name in ("annotator", "labels", "emotions"):
        table.add_column(name, justify="right" if name == "labels" else "left")
    for annotator, counts in facts["annotators"].items():
        emotions = ", ".join(f"{emotion} {count}" for emotion, count in counts.items())
        table.add_row(Text(annotator), str(sum(counts.values())), emotions)
    shown: list[RenderableType] = [
        Text(f"{facts['labels']} labels read, {facts['blank']} rows still empty"),
        *_listed("no longer in the archive", facts["gone"]),
        *_listed("unknown to the tables", facts["unknown"]),
        table,
    ]
    if facts["krippendorff_alpha"] is not None:
        shown.append(
            Text(
                f"{facts['shared_segments']} segments labelled by several: pairs agree on "
                f"{facts['pairwise_agreement']:.0%}, Krippendorff's alpha {facts['krippendorff_alpha']:.2f}"
            )
        )
    if consensus is not None:
        train = f"ser train --corpus.kind manifest --corpus.uri {consensus}"
        beside = f"as one of several corpora, {{kind: manifest, name: {facts['name']}, uri: {consensus}}}"
        following = f"{facts['consensus']} segments with a majority are in {consensus}. Next: {train}, or {beside}"
        shown.append(Text(following))
    return shown


def _listed(what: str, entries: Sequence[str]) -> list[Text]:
    more = len(entries) - _SHOWN
    lines = [*entries[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return [Text(f"{what}: {line}", style="yellow") for line in lines]
