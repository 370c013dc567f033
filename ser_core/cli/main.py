"""`ser`: the jobs and the everyday questions, for a person at a terminal.

A command is imported only when it runs, so that `ser predict` and `ser query` start no JVM.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from ser_core import __version__
from ser_core.cli.common import CommandGroup
from ser_core.errors import EndedError, SerError, SettingsError, fault_text
from ser_core.log import LogForm, log_as, log_fault, log_form

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class _Entry(NamedTuple):
    module: str
    help: str


GROUPS: Mapping[str, Mapping[str, _Entry]] = {
    "Every night": {
        "nightly": _Entry("jobs", "ingest, extract and score every date that is due"),
        "ingest": _Entry("jobs", "list the archive into the table recordings"),
        "extract": _Entry("jobs", "extract features of new recordings"),
        "score": _Entry("jobs", "score dates whose inputs have changed"),
    },
    "Ask the tables": {
        "status": _Entry("status", "whether all is well: nights, held dates, gaps, refusals, leases"),
        "query": _Entry("query", "SQL over the tables"),
        "tables": _Entry("tables", "the tables, their rows and columns"),
        "trace": _Entry("trace", "every row, version, refusal, run and model of one call"),
        "quarantine": _Entry("quarantine", "refused recordings by date and reason, and another try"),
    },
    "Models": {
        "train": _Entry("jobs", "train and evaluate a model on a labelled corpus"),
        "model": _Entry("model", "list models, promote one, compare two, copy one elsewhere"),
        "evaluate": _Entry("evaluate", "metrics on a corpus, or on calls with known answers"),
        "search": _Entry("search", "search hyperparameters on a corpus's training speakers"),
        "label": _Entry("label", "segments of the archive for people to label, and their labels"),
        "corpus": _Entry("corpus", "fetch a labelled corpus"),
    },
    "Single recordings": {
        "predict": _Entry("predict", "the emotion of single recordings, without Spark"),
        "plot": _Entry("plot", "a recording as a picture, with its emotions"),
    },
    "Look after the archive": {
        "plan": _Entry("plan", "what an archive will take: core-hours, time, storage, cost"),
        "maintain": _Entry("maintain", "join small files of log tables, drop superseded rows"),
        "forget": _Entry("forget", "erase calls from every table, and keep them out"),
        "settings": _Entry("settings", "the settings in force, and what each is"),
    },
}
COMMANDS: Mapping[str, _Entry] = {name: entry for group in GROUPS.values() for name, entry in group.items()}

_EPILOG = """\b
`ser COMMAND --help` shows what a command takes. Every command takes, in any order,
  --config FILE          YAML file of settings, or the name of one in conf/
  --section.key VALUE    one setting (`ser settings --help` lists them)
  --json                 print one JSON object on stdout

\b
Exit codes: 0 done, 2 wrong settings or arguments, 3 another run holds the lease,
4 dates are held back or need a look, 5 a night is done but for a large share of
its calls, 130 and 143 ended by SIGINT or SIGTERM, 1 anything else.

\b
Completion of commands and settings, for ~/.bashrc (or zsh_source, fish_source):
  eval "$(_SER_COMPLETE=bash_source ser)"
"""


class _Ser(CommandGroup):
    """The commands of `COMMANDS`, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"ser_core.cli.{COMMANDS[cmd_name].module}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), entry.help) for name, entry in group.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415

        listed = [CompletionItem(name, help=entry.help) for name, entry in COMMANDS.items()]
        named = [item for item in listed if item.value.startswith(incomplete)]
        return named + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=_Ser, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120}
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def ser() -> None:
    """Speech emotion recognition over call archives."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code, as the help page lists them. A fault is one message."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] == "help":
        words = [*words[1:], "--help"]
    try:
        return int(ser.main(words, prog_name="ser", standalone_mode=False) or 0)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "ser"
        message = error.format_message().rstrip(".")
        return _report(SettingsError([f"command line: {message} (see {path} --help)"]), words)
    except click.Abort as abort:  # Click's name for an interrupt
        raise (abort.__cause__ or abort) from None
    except (Exception, EndedError) as error:
        return _report(error, words)


def _report(error: Exception | EndedError, words: Sequence[str]) -> int:
    """Says what is wrong, for a person or as `log.json` says, and returns the exit code."""
    text = fault_text(error)
    form = log_form() or _log_form(words)
    if form.as_json:
        log_as(form)
        log_fault(text, error)
    else:
        sys.stderr.write(f"{text}\n")
        if form.level == "debug":
            traceback.print_exception(error)
    if "--json" in words:
        sys.stdout.write(json.dumps({"error": text}) + "\n")
    return error.exit_code if isinstance(error, SerError | EndedError) else 1


def _log_form(words: Sequence[str]) -> LogForm:
    """How to log, where settings were not loaded or are wrong elsewhere."""
    said = [word for word in (*words, *os.environ) if word.startswith(("--log.", "--config", "SER_LOG__"))]
    if not said:
        return LogForm("info", False)
    from ser_core.config.load import log_settings  # noqa: PLC0415 - a slip of the pen needs no pydantic

    log = log_settings(words)
    return LogForm(log.level, log.json_)


if __name__ == "__main__":
    raise SystemExit(main())
