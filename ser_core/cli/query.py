"""`ser query "SQL"`: DuckDB over the tables."""

from __future__ import annotations

import click
from rich.console import Console

from ser_core.cli.common import Result, SettingsCommand
from ser_core.config import Settings


@click.command(cls=SettingsCommand)
@click.argument("sql", metavar="SQL")
@click.option("--max-rows", type=int, default=50, show_default=True, help="rows shown on the terminal")
def query(settings: Settings, sql: str, max_rows: int) -> Result:
    """Prints the answer to one SELECT. Each table is a view, and a filter on call_date reads that date only.

    current_segment_emotions and current_call_emotions show each date by the promoted model, or, where it has not
    published the date, by the model that published it last.
    """
    from ser_core.cli.open import open_catalog  # noqa: PLC0415 - loaded only when there is something to ask
    from ser_core.report.terminal import rows_table  # noqa: PLC0415

    answer = open_catalog(settings).query(sql)
    facts = {"columns": answer.column_names, "rows": [list(row.values()) for row in answer.to_pylist()]}
    return facts, [rows_table(answer, width=Console().width, max_rows=max_rows)]
