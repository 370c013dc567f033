"""Results of hyperparameter searches: one file per corpus, condition and fold, below `conf/search/`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ser_core.config.load import conf_folder
from ser_core.config.training_settings import TrainingSettings
from ser_core.errors import SettingsError

_KEYS = {"test_speakers", "training"}


def searched(
    corpus: str, condition: str, fold: int, test_speakers: Collection[str] | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """The overrides of `TrainingSettings` that a search chose for an outer fold; empty where there is no result.

    Args:
        corpus: name of the corpus.
        condition: of the benchmark, such as `unheard_speaker`.
        fold: number of the outer fold.
        test_speakers: the fold's test speakers. A result of other test speakers counts as none: its search has
            trained on some of these.
        folder: where the files are; the shipped ones where None.

    Raises:
        SettingsError: the file is not one of a search.
    """
    path = search_path(corpus, condition, fold, folder)
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError([f"{path}: cannot be read as YAML: {' '.join(str(error).split())}"]) from None
    if not isinstance(content, dict) or set(content) != _KEYS or not isinstance(content["training"], dict):
        raise SettingsError([f"{path}: expected {' and '.join(sorted(_KEYS))}, as `ser search` writes it"])
    if test_speakers is not None and set(content["test_speakers"]) != set(test_speakers):
        return {}
    return dict(content["training"])


def with_overrides(training: TrainingSettings, overrides: Mapping[str, Any]) -> TrainingSettings:
    """`training` with `overrides`, in which a section need not have all its keys.

    Raises:
        SettingsError: a key or a value is wrong.
    """
    values = training.model_dump()
    for key, value in overrides.items():
        below = values.get(key)
        values[key] = {**below, **value} if isinstance(below, dict) and isinstance(value, Mapping) else value
    try:
        return TrainingSettings(**values)
    except ValidationError as error:
        raise SettingsError(
            [
                f"training.{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
                for fault in error.errors(include_url=False)
            ]
        ) from None


def search_path(corpus: str, condition: str, fold: int, folder: Path | None = None) -> Path:
    """The file of a corpus, condition and outer fold."""
    return (folder or search_folder()) / corpus / condition / f"fold-{fold}.yaml"


def search_folder() -> Path:
    """The folder of the shipped results, beside `base.yaml`."""
    return conf_folder() / "search"


def write_searched(
    path: Path, test_speakers: Sequence[str], overrides: Mapping[str, Any], comments: Sequence[str]
) -> None:
    """Writes a result that `searched` reads, with `comments` above it.

    Raises:
        SettingsError: the folder cannot be written to.
    """
    head = "".join(f"# {line}\n" for line in comments)
    values = {"test_speakers": list(test_speakers), "training": dict(overrides)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(values, sort_keys=True, allow_unicode=True, default_flow_style=None, width=110)
        path.write_text(head + text, encoding="utf-8")
    except OSError as error:
        raise SettingsError([f"{path}: cannot be written ({error.strerror}); name another folder with --out"]) from None
