"""`ser settings`: the settings in force."""

from __future__ import annotations

import click
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.config import Settings


@click.command(cls=SettingsCommand, sections=(), epilog=None)
def settings(settings: Settings) -> Result:
    """Prints the settings in force as YAML. This page lists all settings with their defaults."""
    import yaml  # noqa: PLC0415

    values = settings.model_dump(mode="json", by_alias=True)
    return values, [Text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip())]
