"""Which environment variables are settings: `SER_<SECTION>__<KEY>` of a section that exists, and a few by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from ser_core.config.privacy_settings import SECRET_VARIABLE

ENV_PREFIX = "SER_"
_NOT_SETTINGS = frozenset({"SER_CORPORA", SECRET_VARIABLE})  # the corpora of tests; the secret, which is never shown
_CLOSE = 0.75  # of 1, as difflib counts


def setting_variables(
    environ: Mapping[str, str], paths: Collection[tuple[str, ...]], faults: list[str]
) -> dict[str, str | None]:
    """The variables that name a section or a setting without one, by their names in small letters.

    Others that begin like them are left alone: Kubernetes puts `SER_SERVICE_PORT` and the like into the environment
    where a service is called `ser`.

    Args:
        environ: the environment.
        paths: of every section and setting.
        faults: gets the variables that are settings but for a slip: a misspelt section, or one `_` in place of two.
    """
    sections = {path[0].upper() for path in paths if len(path) > 1}
    alone = {path[0].upper() for path in paths} - sections
    slips = {"_".join(path).upper(): "__".join(path).upper() for path in paths if len(path) > 1}
    own: dict[str, str | None] = {}
    for variable, value in sorted(environ.items()):
        name = variable.upper().removeprefix(ENV_PREFIX)
        if not variable.upper().startswith(ENV_PREFIX) or variable.upper() in _NOT_SETTINGS:
            continue
        section, nested, key = name.partition("__")
        close = get_close_matches(section, sections, n=1, cutoff=_CLOSE) if nested else []
        meant = f"{close[0]}__{key}" if close else slips.get(name)
        if section in (sections if nested else alone):
            own[variable.lower()] = value
        elif meant is not None:
            faults.append(f"environment: {variable} names no setting; did you mean {ENV_PREFIX}{meant}?")
    return own
