"""`ser label sample`, `ser label read`: from acted voices to the user's own."""

from __future__ import annotations

import argparse
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings
from ser_core.errors import QueryError, SettingsError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHOWN = 10


def main(argv: Sequence[str]) -> int:
    """Exports segments of the archive for annotators, or reads what they filled in."""
    action = _ACTIONS.get(argv[0]) if argv else None
    if action is not None:
        return action(argv[1:])
    parser = command_parser("label", "Segments of the archive for people to label, and what they heard.")
    parser.add_argument(
        "action", choices=tuple(_ACTIONS), help="stands first; `ser label sample --help` tells the rest"
    )
    return run_command(parser, argv, _without_action)


def _without_action(_: argparse.Namespace, __: Settings) -> Answer:
    raise SettingsError([f"command line: expected {' or '.join(_ACTIONS)} right after `ser label`"])


def _main_sample(argv: Sequence[str]) -> int:
    parser = command_parser(
        "label sample",
        "Segments that the promoted model scored, as clips and a CSV for annotators: half where it is least certain, "
        "half alike over emotions and confidence. Nothing that has a label, and only roles in scoring.roles.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the CSV and its clips")
    parser.add_argument("--count", type=_from(1), default=100, help="segments (default: %(default)s)")
    parser.add_argument("--from", dest="first", type=_date, metavar="DATE", help="first call date (default: all)")
    parser.add_argument("--to", dest="last", type=_date, metavar="DATE", help="last call date (default: all)")
    parser.add_argument("--min-s", type=float, default=1.0, help="shortest segment in seconds (default: %(default)s)")
    parser.add_argument("--seed", type=_from(0), default=0, help="another seed chooses others (default: %(default)s)")
    parser.add_argument("--show-predictions", action="store_true", help="add what the model heard; leads annotators")
    return run_command(parser, argv, _sample)


def _main_read(argv: Sequence[str]) -> int:
    parser = command_parser("label read", "Reads filled CSVs of `ser label sample` into the table `labels`.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="of one or several annotators; folder or s3://")
    parser.add_argument("--name", default="own", help="of these labels, the column corpus (default: %(default)s)")
    parser.add_argument(
        "--consensus", type=Path, metavar="FILE", help="write what most annotators heard, as a manifest to train on"
    )
    return run_command(parser, argv, _read)


_ACTIONS: Mapping[str, Callable[[Sequence[str]], int]] = {"sample": _main_sample, "read": _main_read}


def _sample(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.cli.open import open_catalog  # noqa: PLC0415
    from ser_core.learning.annotation.candidates import candidates  # noqa: PLC0415 - loaded only when there is work
    from ser_core.learning.annotation.export import PAGE, SHEET, Decoding, export  # noqa: PLC0415
    from ser_core.learning.annotation.selection import choose  # noqa: PLC0415
    from ser_core.pipeline.engine.recording_source import Sources  # noqa: PLC0415 - reads storage, starts no JVM

    if (arguments.out / SHEET).exists():
        raise SettingsError([f"--out {arguments.out} holds a {SHEET}, which may be filled: name another folder"])
    first, last = arguments.first or settings.call_date, arguments.last or settings.call_date
    found = candidates(open_catalog(settings), settings.scoring.roles, first, last, arguments.min_s)
    if not len(found):
        raise QueryError(
            f"No segment to label: the promoted model has scored none of {', '.join(settings.scoring.roles)} from "
            f"{first or 'the beginning'} to {last or 'today'} of {arguments.min_s:g} s or more that has no label yet. "
            "`ser score` scores, `ser model list` tells which model is promoted"
        )
    calls = found.rows.column("call_id").to_numpy().astype(str)
    chosen = choose(calls, found.posteriors, arguments.count, arguments.seed)
    sources, memory = Sources(settings), int(settings.fetch.memory_mb * 2**20)
    decoding = Decoding(lambda uri: sources.open(uri, memory), settings.limits, settings.audio.headerless)
    done = export(arguments.out, found, chosen, decoding, arguments.show_predictions, arguments.seed)
    told = {
        "sheet": str(arguments.out / SHEET),
        "clips": done.clips,
        "candidates": len(found),
        "model_version": found.rows.column("model_version")[0].as_py(),
        "refused": dict(done.refused),
    }
    return told, [
        Text(f"{done.clips} of {len(found)} segments are in {arguments.out}: listen from {PAGE}, fill in {SHEET}"),
        *_listed("not readable", [f"{uri}: {why}" for uri, why in done.refused.items()]),
        Text(f"Next: ser label read {arguments.out / SHEET}", style="dim"),
    ]


def _read(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.cli.open import open_catalog  # noqa: PLC0415
    from ser_core.data.storage import locate, open_storage  # noqa: PLC0415
    from ser_core.data.tables.store import TableStore  # noqa: PLC0415
    from ser_core.learning.annotation.agreement import agreement_of  # noqa: PLC0415 - loaded only when there is work
    from ser_core.learning.annotation.candidates import merge, place  # noqa: PLC0415
    from ser_core.learning.annotation.sheet import joined, read_sheet, write_consensus  # noqa: PLC0415

    if not _NAME.fullmatch(arguments.name):
        raise SettingsError([f"--name {arguments.name!r}: expected letters, digits, '.', '_', '-'"])
    sheets = []
    for file in arguments.files:
        storage, key = locate(file, settings.storage)
        uri, name = storage.uri_of(key), key.rpartition("/")[2]
        root = uri.rpartition("/")[0]
        sheets.append((uri, read_sheet(storage.read(key), name, arguments.name, root, settings.corpus.language)))
    labels = joined(sheets)
    placed = place(open_catalog(settings), labels, settings.scoring.roles)
    held = merge(TableStore(open_storage(settings.tables.uri, settings.storage)), arguments.name, placed.rows)
    told: dict[str, Any] = {
        "name": arguments.name,
        "labels": len(placed.rows),
        "blank": sum(filled.blank for _, filled in sheets),
        "gone": placed.gone,
        "unknown": placed.unknown,
        **agreement_of(held),
    }
    if arguments.consensus is not None:
        data, told["consensus"] = write_consensus(placed.labels)
        arguments.consensus.parent.mkdir(parents=True, exist_ok=True)
        arguments.consensus.write_bytes(data)
    return told, _shown(told, arguments.consensus)


def _shown(told: Mapping[str, Any], consensus: Path | None) -> list[RenderableType]:
    table = Table(title=f"Labels called {told['name']}", title_justify="left")
    for name in ("annotator", "labels", "emotions"):
        table.add_column(name, justify="right" if name == "labels" else "left")
    for annotator, counts in told["annotators"].items():
        emotions = ", ".join(f"{emotion} {count}" for emotion, count in counts.items())
        table.add_row(Text(annotator), str(sum(counts.values())), emotions)
    shown: list[RenderableType] = [
        Text(f"{told['labels']} labels read, {told['blank']} rows still empty"),
        *_listed("no longer in the archive", told["gone"]),
        *_listed("unknown to the tables", told["unknown"]),
        table,
    ]
    if told["krippendorff_alpha"] is not None:
        shown.append(
            Text(
                f"{told['shared_segments']} segments heard by several: pairs agree on "
                f"{told['pairwise_agreement']:.0%}, Krippendorff's alpha {told['krippendorff_alpha']:.2f}"
            )
        )
    if consensus is not None:
        train = f"ser train --corpus.kind manifest --corpus.uri {consensus}"
        shown.append(Text(f"{told['consensus']} segments with a majority are in {consensus}. Next: {train}"))
    return shown


def _listed(what: str, entries: Sequence[str]) -> list[Text]:
    more = len(entries) - _SHOWN
    lines = [*entries[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return [Text(f"{what}: {line}", style="yellow") for line in lines]


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; expected YYYY-MM-DD") from None


def _from(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if text.isdecimal() and int(text) >= least:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from {least} on")

    return number
