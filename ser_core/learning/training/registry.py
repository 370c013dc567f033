"""Model versions in storage: each number is assigned once, each version is written whole, and one is current."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import re
import uuid
from collections.abc import Mapping, Sequence

from ser_core.data.storage import Storage
from ser_core.errors import BundleError, ObjectMissingError
from ser_core.learning.training.bundle_content import (
    CARD,
    CLASSIFIER,
    MANIFEST,
    MEASURES,
    NORMALISER,
    BundleContent,
    bundle_files,
)

CURRENT = "current"
_ALIAS = "current.json"
_MARK = "_allotted.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MODEL_VERSION = re.compile(rf"({_NAME.pattern})/([1-9]\d*)")
_MAX_TRIES = 1000

_log = logging.getLogger(__name__)


def write_bundle(storage: Storage, name: str, content: BundleContent) -> str:
    """Writes a model as the next version of `name` and returns its model version, `<name>/<version>`.

    Two concurrent trainings get two versions. The manifest is written last; a version without it is unfinished and not
    listed.

    Raises:
        BundleError: `name` or the name of a further file is not valid, or no version is free.
    """
    if not _NAME.fullmatch(name):
        raise BundleError(f"{name!r} cannot name a model; expected letters, digits, '.', '_', '-'")
    for file in content.extra:
        if not _NAME.fullmatch(file) or file in {CLASSIFIER, NORMALISER, MEASURES, CARD, MANIFEST}:
            raise BundleError(
                f"{file!r} cannot name a further file of a bundle; expected a plain name that is not taken"
            )
    created_at = dt.datetime.now(dt.UTC)
    model_version = f"{name}/{_assign_number(storage, name, created_at)}"
    for file, data in bundle_files(content, model_version, created_at).items():
        storage.put(f"{model_version}/{file}", data)
    _log.info("wrote the model %s", storage.uri_of(model_version))
    return model_version


def write_copy(storage: Storage, model_version: str, files: Mapping[str, bytes]) -> bool:
    """Writes a version as another place has it, its manifest last. False where this place has it already.

    Raises:
        BundleError: this place has another model of that name and version.
    """
    split_version(model_version)
    kept = storage.read_or_none(f"{model_version}/{MANIFEST}")
    if kept == files[MANIFEST]:
        return False
    mark = json.dumps({"copy": hashlib.sha256(files[MANIFEST]).hexdigest()}).encode()
    reserved = f"{model_version}/{_MARK}"
    ours = kept is None and (storage.put_if_absent(reserved, mark) or storage.read(reserved) == mark)
    if not ours:
        raise BundleError(
            f"{storage.uri} has another model {model_version}, finished or in training: copy to a place of its own, or "
            "train under another models.name"
        )
    for file in (*sorted(set(files) - {MANIFEST}), MANIFEST):
        storage.put(f"{model_version}/{file}", files[file])
    return True


def resolve(storage: Storage, name: str, model: str) -> str:
    """The model version of `model`, which is `current` (the promoted version of `name`) or `<name>/<version>`.

    Raises:
        BundleError: no version is promoted, or the version does not exist.
    """
    if model == CURRENT:
        model_version = promoted(storage, name)
        if model_version is None:
            known = ", ".join(list_bundles(storage, name))
            todo = f"there are {known}: promote one with `ser model promote`" if known else "train one with `ser train`"
            raise BundleError(f"No version of the model {name} is promoted below {storage.uri}; {todo}")
    else:
        model_version = model
    _require(storage, model_version)
    return model_version


def promoted(storage: Storage, name: str) -> str | None:
    """The promoted model version of `name`, from its alias file; None without an alias.

    Raises:
        BundleError: the alias cannot be read.
    """
    key = f"{name}/{_ALIAS}"
    try:
        text = storage.read(key)
    except ObjectMissingError:
        return None
    try:
        model_version = f"{name}/{json.loads(text)['version']}"
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f'{storage.uri_of(key)} is no alias; expected {{"version": "3"}}, write it with `ser model promote`'
        ) from error
    return model_version


def promote(storage: Storage, model_version: str) -> None:
    """Makes a version the current version of its name.

    Raises:
        BundleError: the version does not exist.
    """
    name, version = _require(storage, model_version)
    storage.put(f"{name}/{_ALIAS}", _alias(version))


def promote_first(storage: Storage, model_version: str) -> bool:
    """Makes a version the current version where its name has none yet.

    Raises:
        BundleError: the version does not exist.
    """
    name, version = _require(storage, model_version)
    return storage.put_if_absent(f"{name}/{_ALIAS}", _alias(version))


def list_bundles(storage: Storage, name: str) -> Sequence[str]:
    """The finished model versions of `name`, oldest first."""
    versions = (f"{name}/{number}" for number in _versions(storage, name))
    return [model_version for model_version in versions if storage.exists(f"{model_version}/{MANIFEST}")]


def split_version(model_version: str) -> tuple[str, str]:
    """Name and version.

    Raises:
        BundleError: `model_version` is not `<name>/<version>`.
    """
    match = _MODEL_VERSION.fullmatch(model_version)
    if match is None:
        raise BundleError(f"{model_version!r} is no model version; expected <name>/<number>, such as emotions/3")
    return match[1], match[2]


def _require(storage: Storage, model_version: str) -> tuple[str, str]:
    parts = split_version(model_version)
    if not storage.exists(f"{model_version}/{MANIFEST}"):
        known = ", ".join(list_bundles(storage, parts[0])) or "no other; train one with `ser train`"
        raise BundleError(
            f"There is no model {model_version} below {storage.uri}, or it is unfinished; there is {known}"
        )
    return parts


def _alias(version: str) -> bytes:
    return json.dumps({"version": version}).encode() + b"\n"


def _versions(storage: Storage, name: str) -> Sequence[int]:
    last = (child.rstrip("/").rpartition("/")[2] for child in storage.children(f"{name}/"))
    return sorted(int(part) for part in last if re.fullmatch(r"[1-9]\d*", part))


def _assign_number(storage: Storage, name: str, now: dt.datetime) -> int:
    """The next free number, reserved by writing a mark that must not exist yet."""
    first = max(_versions(storage, name), default=0) + 1
    mark = json.dumps({"by": uuid.uuid4().hex, "at": now.isoformat()}).encode()
    for number in range(first, first + _MAX_TRIES):
        key = f"{name}/{number}/{_MARK}"
        # On S3, False may mean our own mark, where the answer to the first attempt was lost.
        if storage.put_if_absent(key, mark) or storage.read(key) == mark:
            return number
    raise BundleError(f"No version of {name} from {first} to {first + _MAX_TRIES - 1} is free below {storage.uri}")
