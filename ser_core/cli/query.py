"""`ser query "SQL"`: DuckDB over the tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings


def main(argv: Sequence[str]) -> int:
    """Prints the answer to one SELECT over the tables and the views `current_*`."""
    parser = command_parser("query", "SQL over the tables: each is a view, and current_* is the promoted model's.")
    parser.add_argument("sql", metavar="SQL")
    parser.add_argument("--max-rows", type=int, default=50, help="rows shown on the terminal (default: %(default)s)")
    return run_command(parser, argv, _query)


def _query(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.cli.open import open_catalog  # noqa: PLC0415 - loaded only when there is something to ask
    from ser_core.report.terminal import rows_table  # noqa: PLC0415

    answer = open_catalog(settings).query(arguments.sql)
    found = {"columns": answer.column_names, "rows": [list(row.values()) for row in answer.to_pylist()]}
    return found, [rows_table(answer, width=Console().width, max_rows=arguments.max_rows)]
