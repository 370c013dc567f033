"""`ser settings`: the settings in force."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import yaml
from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings, conf_folder


def main(argv: Sequence[str]) -> int:
    """Prints the merged settings as YAML; `--help` and conf/base.yaml tell what each one is."""
    parser = command_parser("settings", f"The settings in force. What each one is stands in {conf_folder()}/base.yaml.")
    return run_command(parser, argv, _settings)


def _settings(_: argparse.Namespace, settings: Settings) -> Answer:
    values = settings.model_dump(mode="json", by_alias=True)
    return values, [Text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip())]
