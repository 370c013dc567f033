"""Reads the sources of settings, merges them deeply, and reports every fault at once with its place."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_settings import CliSettingsSource, CliUnknownArgs, EnvSettingsSource
from pydantic_settings import SettingsError as SourceError

from ser_core.config.corpus_list import both_set, with_places, without_earlier_list
from ser_core.config.settings import LogSettings, Settings
from ser_core.config.variables import ENV_PREFIX, setting_variables
from ser_core.errors import SettingsError


@dataclass
class _Layer:
    """One source: its values, and how to name the place of a key in it."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def place(self, path: tuple[str, ...]) -> str:
        line = self.lines.get(path)
        return f"{self.name}:{line}" if line else self.name


class _CommandLine(Settings):
    unknown: CliUnknownArgs


def conf_folder() -> Path:
    """The folder of `base.yaml` and its overlays: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def load_settings(
    argv: Sequence[str] = (), *, required: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings of a job.

    Args:
        argv: command line without the program's name: `--config FILE` (repeatable; a bare name is looked for in
            `conf/` too) and `--section.key value`.
        required: dotted keys that must not be null for the job at hand; of `a|b`, one of them.
        environ: environment to read `SER_…` from; the process's own where None.

    Raises:
        SettingsError: everything that is wrong, each with its place.
    """
    faults: list[str] = []
    layers, merged = _layers(argv, os.environ if environ is None else environ, faults)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise SettingsError([*faults, *_validation_faults(error, layers)]) from None
    faults += [
        f"{' or '.join(keys)} is not set, and this job needs it (--{keys[0].replace('_', '-')} … or in a file given by "
        "--config)"
        for keys in (alternatives.split("|") for alternatives in required)
        if all(_lookup(merged, tuple(key.split("."))) in (None, []) for key in keys)
    ]
    if faults:
        raise SettingsError(faults)
    return settings


def log_settings(argv: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> LogSettings:
    """The section `log` of settings that have faults elsewhere; its defaults where it has some itself."""
    try:
        _, merged = _layers(argv, os.environ if environ is None else environ, [])
        return LogSettings(**merged["log"])
    except (SettingsError, ValidationError):
        return LogSettings(**_yaml_layer(conf_folder() / "base.yaml", []).values["log"])


def _layers(
    argv: Sequence[str], environ: Mapping[str, str], faults: list[str]
) -> tuple[list[_Layer], Mapping[str, Any]]:
    """The sources, later ones winning, and their values merged. Faults of reading them are added to `faults`."""
    files, rest = _config_files(argv)
    layers = [_yaml_layer(conf_folder() / "base.yaml", faults)]
    layers += [_yaml_layer(_find(name), faults) for name in files]
    layers.append(_environment_layer(environ, faults, layers[0].lines))
    layers.append(_command_line_layer(rest, faults, layers[0].lines))
    merged: dict[str, Any] = {}
    for layer in layers:
        if fault := both_set(layer.values, layers[0].values):
            faults.append(f"{layer.place(('corpora',))}: {fault}")
        merged = _merge(merged, without_earlier_list(layer.values))
    return layers, merged


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(below, value)
        else:
            merged[key] = value
    return merged


def _config_files(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config", action="append", default=[])
    try:
        known, rest = parser.parse_known_args(list(argv))
    except argparse.ArgumentError as error:
        raise SettingsError([f"command line: {error}"]) from None
    return known.config, rest


def _find(name: str) -> Path:
    path = Path(name).expanduser()
    shipped = conf_folder() / f"{path.stem}.yaml"
    return shipped if not path.exists() and path.parent == Path() and shipped.is_file() else path


def _yaml_layer(path: Path, faults: list[str]) -> _Layer:
    layer = _Layer(str(path) if path.parent != conf_folder() else f"conf/{path.name}")
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except FileNotFoundError:
        shipped = ", ".join(sorted(p.stem for p in conf_folder().glob("*.yaml")))
        faults.append(f"{layer.name}: there is no such file (shipped overlays: {shipped})")
        return layer
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        faults.append(f"{layer.name}: cannot be read as YAML: {' '.join(str(error).split())}")
        return layer
    if values is None:
        return layer
    if not isinstance(values, dict):
        faults.append(f"{layer.name}: holds a {type(values).__name__}, expected sections such as 'archive:'")
        return layer
    layer.values = with_places(values, path.parent)
    layer.lines = _line_numbers(tree)
    return layer


def _line_numbers(node: yaml.Node | None, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    lines: dict[tuple[str, ...], int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            lines[inner] = key.start_mark.line + 1
            lines |= _line_numbers(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            inner = (*path, str(number))
            lines[inner] = value.start_mark.line + 1
            lines |= _line_numbers(value, inner)
    return lines


def _environment_layer(environ: Mapping[str, str], faults: list[str], known: Collection[tuple[str, ...]]) -> _Layer:
    layer = _Layer("environment")
    source = EnvSettingsSource(Settings, env_prefix=ENV_PREFIX, env_nested_delimiter="__", env_parse_none_str="null")
    source.env_vars = setting_variables(environ, known, faults)
    try:
        layer.values = source()
    except SourceError as error:
        faults.append(f"environment: {error}")
    return layer


def _command_line_layer(argv: list[str], faults: list[str], known: Iterable[tuple[str, ...]]) -> _Layer:
    layer = _Layer("command line")
    argv = [_kebab(word) for word in argv]
    try:
        source = CliSettingsSource[Any](
            _CommandLine,
            cli_parse_args=argv,
            cli_parse_none_str="null",
            cli_ignore_unknown_args=True,
            cli_kebab_case=True,
            cli_exit_on_error=False,
        )
        layer.values = source()
    except SourceError as error:
        faults.append(f"command line: {str(error).removeprefix('error parsing CLI: ')}")
        return layer
    unknown = layer.values.pop("unknown", [])
    options = [word for word in unknown if str(word).startswith("--")]
    faults += [f"command line: {word} names no setting{_closest(word, known)}" for word in options]
    faults += [f"command line: {word!r} was not expected" for word in unknown if not str(word).startswith("--")]
    return layer


def _closest(word: str, known: Iterable[tuple[str, ...]]) -> str:
    """A question about the option whose name is nearest; empty where none is near."""
    options = ["--config", "--json", *(_kebab("--" + ".".join(path)) for path in known)]
    close = get_close_matches(word.partition("=")[0], options, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _kebab(word: str) -> str:
    """`--section.a_key=value` as `--section.a-key=value`: the YAML's names are accepted too."""
    name, equals, value = word.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}" if name.startswith("--") and "." in name else word


def _validation_faults(error: ValidationError, layers: Sequence[_Layer]) -> list[str]:
    faults = []
    for detail in error.errors(include_url=False):
        path = tuple(str(part) for part in detail["loc"])
        key = ".".join(path)
        if detail["type"] == "missing":
            faults.append(f"{key} is missing")
            continue
        holders = [layer for layer in layers if _holds(layer.values, path)]
        place = holders[-1].place(path) if holders else "settings"
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = "there is no such setting"
        elif not isinstance(detail["input"], dict | BaseException) and detail["type"] != "value_error":
            message = f"{message}, found {detail['input']!r}"
        faults.append(f"{place}: {key}: {message}")
    return faults


def _holds(values: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(values, Mapping):
            return True  # an element of a list: the list itself is held
        if part not in values:
            return False
        values = values[part]
    return True


def _lookup(values: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values
