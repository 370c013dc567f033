"""`ser evaluate`: metrics on speakers that were not trained on."""

from __future__ import annotations

import click

from ser_core.cli.common import CommandGroup
from ser_core.cli.evaluate_calls import calls
from ser_core.cli.evaluate_corpus import corpus
from ser_core.cli.evaluate_transfer import transfer


@click.group(cls=CommandGroup)
def evaluate() -> None:
    """Metrics on speakers that were not trained on."""


evaluate.add_command(corpus)
evaluate.add_command(calls)
evaluate.add_command(transfer)
