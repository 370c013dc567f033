"""The jobs of `jobs/` as commands: `ser ingest`, `extract`, `train`, `score`, `nightly`."""

from __future__ import annotations

import importlib

import click

from ser_core.cli.common import SettingsCommand

_RUN = ("tables", "storage", "lease", "spark", "log")
_DATES = ("call_date", "call_dates")
_INGEST = ("archive", "roles", "retention", "quarantine", "privacy")
_RECORDINGS = ("features", "segments", "audio", "limits", "quarantine", "fetch", "isolation")
_EXTRACT = ("archive", "roles", "scoring", *_RECORDINGS)
_SCORE = (
    *("archive", "features", "segments", "models", "scoring", "talk"),
    *("domain", "engagement", "transcripts", "retention", "drift"),
)


class _Job(SettingsCommand):
    """A job, which reads its command line itself, as it does under spark-submit."""

    def __init__(self, name: str, module: str, sections: tuple[str, ...], help_text: str) -> None:
        super().__init__(name, sections={*sections, *_RUN}, help=help_text)
        self.module = module

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses nothing but a call for help."""
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        if {*args} & {*ctx.help_option_names}:
            return super().parse_args(ctx, ["--help"])
        ctx.args = list(args)
        return ctx.args

    def invoke(self, ctx: click.Context) -> int:
        """Runs the job and returns its exit code."""
        return int(importlib.import_module(self.module).main(ctx.args))


ingest = _Job(
    "ingest",
    "jobs.ingest_archive",
    (*_DATES, *_INGEST),
    "Lists the archive and brings the table recordings up to date. Needs archive.uri.",
)
extract = _Job(
    "extract",
    "jobs.extract_features",
    (*_DATES, *_EXTRACT),
    "Extracts the features of every recording that lacks them, and quarantines those that cannot be used.",
)
score = _Job(
    "score",
    "jobs.score_archive",
    (*_DATES, *_SCORE),
    "Scores every date whose inputs have changed since this model scored it. A date is scored whole.",
)
nightly = _Job(
    "nightly",
    "jobs.nightly",
    (*_DATES, "nightly", *_INGEST, *_EXTRACT, *_SCORE),
    "Ingests, extracts and scores every date that is due: the last day that is over and the days before it, days that "
    "were missed, and dates with work left. With call_date or call_dates, those. Needs archive.uri.",
)
train = _Job(
    "train",
    "jobs.train_model",
    ("corpus", "corpora", "augmentation", "training", "models", "retention", "privacy", *_RECORDINGS),
    "Trains a model on a labelled corpus or several, evaluates it by speaker-independent folds and by a random split, "
    "and writes a model bundle. Needs corpus.uri or corpora. Each corpus is ingested and extracted first; what is done "
    "is not done again.",
)
