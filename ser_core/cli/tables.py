"""`ser tables`: which tables there are to query."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.config import Settings


@click.command(cls=SettingsCommand)
def tables(settings: Settings) -> Result:
    """Prints every table with its rows, files, size and columns."""
    from ser_core.cli.open import open_catalog  # noqa: PLC0415 - loaded only when there is something to ask

    sizes = open_catalog(settings).sizes()
    shown = Table(title=f"Tables below {settings.tables.uri}", title_justify="left", show_lines=True)
    for name in ("table", "rows", "files", "MB"):
        shown.add_column(name, justify="left" if name == "table" else "right", no_wrap=True)
    shown.add_column("columns", overflow="fold", max_width=max(30, Console().width - 50))
    for size in sizes:
        counts = (f"{size['rows']:,}", f"{size['files']:,}", f"{size['size_mb']:.1f}")
        shown.add_row(size["table"], *counts, ", ".join(size["columns"]))
    current = (
        "current_segment_emotions and current_call_emotions show each date by the promoted model, else by the last."
    )
    hint = Text(current, style="dim")
    return {"tables_uri": settings.tables.uri, "tables": sizes}, [shown, hint]
