"""`ser tables`: what there is to query."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings


def main(argv: Sequence[str]) -> int:
    """Prints every table with its rows, files, size and columns."""
    return run_command(command_parser("tables", "The tables, their rows and columns."), argv, _tables)


def _tables(_: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.cli.open import open_catalog  # noqa: PLC0415 - loaded only when there is something to ask

    sizes = open_catalog(settings).sizes()
    shown = Table(title=f"Tables below {settings.tables.uri}", title_justify="left", show_lines=True)
    for name in ("table", "rows", "files", "MB"):
        shown.add_column(name, justify="left" if name == "table" else "right", no_wrap=True)
    shown.add_column("columns", overflow="fold", max_width=max(30, Console().width - 50))
    for one in sizes:
        counts = (f"{one['rows']:,}", f"{one['files']:,}", f"{one['size_mb']:.1f}")
        shown.add_row(one["table"], *counts, ", ".join(one["columns"]))
    hint = Text("current_segment_emotions and current_call_emotions hold the promoted model's rows.", style="dim")
    return {"tables_uri": settings.tables.uri, "tables": sizes}, [shown, hint]
