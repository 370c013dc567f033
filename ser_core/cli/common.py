"""What the commands share: settings beside their own arguments, one JSON object on stdout, suggestions."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.console import RenderableType

Result = tuple[Mapping[str, Any], "Sequence[RenderableType]"]
"""The result of a command: as JSON, and for a person. A fact `exit_code` is what the process returns."""

_WITH_VALUE = frozenset({"--config"})
_OUTSIDE_SECTIONS = frozenset({"--call-date", "--corpora"})
"""Settings of no section."""
_CONFIG_HELP = "YAML file of settings, or the name of one in conf/; may be repeated"
_EPILOG = "Settings of conf/base.yaml are options too, such as --tables.uri URI: `ser settings --help` lists them."


class SettingsCommand(click.Command):
    """A command that takes settings beside its own arguments, in any order.

    Its function gets the settings, then its own arguments by name, and returns a `Result`.

    Args:
        sections: sections of `conf/base.yaml` that the help page lists; all of them where empty.
        required: settings that must not be null, as `load_settings` takes them.
        overlay: a file of `conf/` whose values are this command's defaults; the user's files come after it.
    """

    def __init__(
        self,
        *args: Any,
        sections: Collection[str] | None = None,
        required: Sequence[str] = (),
        overlay: str | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **{"epilog": _EPILOG, **attributes})
        self.sections = sections
        self.required = required
        self.overlay = overlay
        self.params += [
            click.Option(["--config"], multiple=True, metavar="FILE", type=click.Path(), help=_CONFIG_HELP),
            click.Option(["--json", "as_json"], is_flag=True, help="print one JSON object on stdout"),
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the command's own words, and keeps those that are settings for `invoke`."""
        own, ctx.obj = _split(args, _options_with_value(self.params))
        return super().parse_args(ctx, own)

    def invoke(self, ctx: click.Context) -> int:
        """Loads the settings, does the work, prints its result, and returns the exit code."""
        from ser_core.config import conf_folder, load_settings  # noqa: PLC0415 - a help page needs no pydantic
        from ser_core.log import configure_logging, json_stderr  # noqa: PLC0415

        own = [str(conf_folder() / self.overlay)] if self.overlay else []
        files = [word for file in (*own, *ctx.params.pop("config")) for word in ("--config", file)]
        as_json = ctx.params.pop("as_json")
        settings = load_settings([*files, *ctx.obj], required=self.required)
        configure_logging(settings.log.level, as_json=settings.log.json_)
        ctx.params["settings"] = settings
        with json_stderr(settings.log.json_):
            facts, shown = super().invoke(ctx)
        exit_code = int(facts.get("exit_code", 0))
        if as_json:
            sys.stdout.write(json.dumps(facts, default=str) + "\n")
            return exit_code
        from rich.console import Console  # noqa: PLC0415

        console = Console()
        for part in shown:
            console.print(part)
        return exit_code

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options, and the settings of its sections."""
        super().format_options(ctx, formatter)
        if self.sections is not None:
            from ser_core.config import settings_help  # noqa: PLC0415

            with formatter.section("Settings, as conf/base.yaml describes them"):
                formatter.write(settings_help(self.sections, formatter.width))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes settings too."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415

        items = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("--"):
            from ser_core.config import describe_settings  # noqa: PLC0415

            settings = [setting for setting in describe_settings() if setting.default]
            names = [setting for setting in settings if setting.option.startswith(incomplete)]
            items += [CompletionItem(setting.option, help=setting.meaning) for setting in names]
        return items


class CommandGroup(click.Group):
    """Commands below one word. Their options may come before their names."""

    command_class = SettingsCommand

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **{"no_args_is_help": False, **attributes})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Moves the name of the command to the front."""
        known = [param for command in self.commands.values() for param in command.params]
        options, rest = _leading_options(args, _options_with_value(known))
        return super().parse_args(ctx, [*rest[:1], *options, *rest[1:]])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of that name.

        Raises:
            UsageError: there is none; the message names the nearest.
        """
        names = self.list_commands(ctx)
        if args[0] not in names and not ctx.resilient_parsing:
            close = get_close_matches(args[0], names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"expected {', '.join(names)}"
            ctx.fail(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


def _options_with_value(params: Iterable[click.Parameter]) -> frozenset[str]:
    options = [param for param in params if isinstance(param, click.Option) and not param.is_flag]
    return _WITH_VALUE.union(*(option.opts for option in options))


def _is_setting(name: str) -> bool:
    return name in _OUTSIDE_SECTIONS or (name.startswith("--") and "." in name)


def _is_option(word: str) -> bool:
    """Whether a word is no argument. A name has no space: SQL may begin with a comment, `-- like this`."""
    name = word.partition("=")[0]
    return name.startswith("-") and name != "-" and not any(letter.isspace() for letter in name)


def _split(args: Iterable[str], with_value: Collection[str]) -> tuple[list[str], list[str]]:
    """The command's own words, arguments apart from options, and the words that are settings."""
    arguments: list[str] = []
    options: list[str] = []
    settings: list[str] = []
    words = iter(args)
    for word in words:
        name, equals, _ = word.partition("=")
        if word == "--":
            arguments += words
        elif not _is_option(word):
            arguments.append(word)
        elif _is_setting(name):
            settings += [word] if equals else [word, *islice(words, 1)]
        else:
            options += [word, *islice(words, 1)] if name in with_value and not equals else [word]
    if any(word.startswith("-") for word in arguments):
        return [*options, "--", *arguments], settings
    return [*arguments, *options], settings


def _leading_options(args: list[str], with_value: Collection[str]) -> tuple[list[str], list[str]]:
    """The options before the first argument, with their values, and the rest."""
    at = 0
    while at < len(args) and _is_option(args[at]):
        name, equals, _ = args[at].partition("=")
        at += 2 if not equals and (_is_setting(name) or name in with_value) else 1
    return args[:at], args[at:]
