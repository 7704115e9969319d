"""A published model: its files and all that an answer needs to know, in one folder that a server opens.

`<workspace>/serving/<model>/<bundle id>/` holds `bundle.json` and, under `model/`, the model's files as they were
registered; `<workspace>/serving/<model>/current.json` names the bundle that is served, and is replaced whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lakeloop.errors import ConflictError, Failure, NotReadyError
from lakeloop.model_versions import hash_model_files

CURRENT, DOCUMENT, FILES = "current.json", "bundle.json", "model"
_ID_DIGITS = 32
_PUBLISH = "run `lakeloop publish`, which writes it again"


@dataclass(frozen=True)
class BundleTable:
    """A gold table that the model looks up in.

    Attributes:
        table: Its name; feature f is the model's column `<table>__f`.
        entity: Key columns, named alike in a request.
        features: Features that the model uses.
        every: Tick of a windowed table; None for attributes.
        ttl: Age, from `event_ts`, after which a state is EXPIRED.
        spec_hash: Hash of the declaration by which the model learned from it; a store that serves another is refused.
    """

    table: str
    entity: tuple[str, ...]
    features: tuple[str, ...]
    every: timedelta | None
    ttl: timedelta | None
    spec_hash: str


@dataclass(frozen=True)
class Bundle:
    """What a server knows of the model that it serves.

    Attributes:
        bundle_id: Hash of everything below but the instant.
        model: Registered name.
        version: Number of the champion.
        run_key: Hash of what the version is made from.
        content_hash: Checksum of the model's files, as they were registered.
        task: Kind of label: classification, multiclass or regression.
        classes: Classes of a multiclass label, in the declared order.
        timezone: Zone of the on-demand calls' wall clock.
        id_columns: Columns of the spine that identify a row; `prediction_id` is the hash of them.
        columns: Column of a request -> its type, as Spark names it: entity keys, known columns, arguments of
            on-demand calls and id columns.
        required: Those that a request has to give; the other ones only make up the id.
        on_demand: On-demand column -> call; computed by the model's own first step.
        inputs: Columns that the model is given, in order: `columns` of the request and `<table>__<feature>`.
        tables: Gold tables that are looked up in.
        trained_through: Greatest `available_ts` that touched the version.
        published_as_of: Logical now of the publish.
    """

    bundle_id: str
    model: str
    version: str
    run_key: str
    content_hash: str
    task: str
    classes: tuple[str, ...]
    timezone: str
    id_columns: tuple[str, ...]
    columns: Mapping[str, str]
    required: tuple[str, ...]
    on_demand: Mapping[str, str]
    inputs: tuple[str, ...]
    tables: tuple[BundleTable, ...]
    trained_through: datetime
    published_as_of: datetime


_BUNDLE: TypeAdapter[Bundle] = TypeAdapter(Bundle)


def bundle_id_of(bundle: Bundle) -> str:
    """Hash what a bundle says, but for its id and the instant at which it was published.

    Args:
        bundle: The bundle; its `bundle_id` counts for nothing.

    Returns:
        32 hex digits.

    >>> from dataclasses import replace
    >>> from datetime import UTC
    >>> now = datetime(2013, 5, 1, tzinfo=UTC)
    >>> bundle = Bundle("", "late", "1", "k", "c", "classification", (), "UTC", ("order",), {"order": "bigint"}, (), {},
    ...                 (), (), now, now)
    >>> later = replace(bundle, published_as_of=now + timedelta(days=1))
    >>> bundle_id_of(bundle) == bundle_id_of(later) != bundle_id_of(replace(bundle, version="2"))
    True
    """
    said = _plain(bundle)
    del said["bundle_id"], said["published_as_of"]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:_ID_DIGITS]


def _plain(bundle: Bundle) -> dict[str, Any]:
    found: dict[str, Any] = _BUNDLE.dump_python(bundle, mode="json")
    return found


def write_bundle(folder: Path, bundle: Bundle, files: Path) -> bool:
    """Publish a bundle: it is served from here on.

    Whatever is read in between is the bundle before, or this one, whole. A call that was stopped anywhere is repeated.
    The bundle before stays for servers that are about to open it; those before it are removed.

    Args:
        folder: `<workspace>/serving/<model>`.
        bundle: What a server has to know; its id is that of `bundle_id_of`.
        files: The model's files, as they were registered.

    Returns:
        Whether anything was written; False when it is served already.

    Raises:
        ConflictError: If the id is another one, or the files are not those whose checksum the bundle tells.

    >>> import tempfile
    >>> from dataclasses import replace
    >>> from datetime import UTC
    >>> now = datetime(2013, 5, 1, tzinfo=UTC)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = Path(folder) / "registered"
    ...     files.mkdir()
    ...     _ = (files / "model.skops").write_bytes(b"fitted")
    ...     bundle = Bundle("", "late", "1", "k", hash_model_files(files), "classification", (), "UTC", ("order",),
    ...                     {"order": "bigint"}, (), {}, (), (), now, now)
    ...     bundle = replace(bundle, bundle_id=bundle_id_of(bundle))
    ...     [write_bundle(Path(folder) / "late", bundle, files) for _ in range(2)]
    ...     read_current(Path(folder) / "late")[0] == bundle
    [True, False]
    True
    """
    expected = bundle_id_of(bundle)
    if bundle.bundle_id != expected:
        detail = f"it is called {bundle.bundle_id or 'nothing'}, its content is {expected}"
        raise ConflictError(_name(bundle), [Failure("bundle_id", detail)], "give it the id of `bundle_id_of`")
    place = folder / bundle.bundle_id
    is_whole = (place / DOCUMENT).is_file() and hash_model_files(place / FILES) == bundle.content_hash
    if is_whole and _current_id(folder) == bundle.bundle_id:
        return False
    if not is_whole:
        part = folder / f"{bundle.bundle_id}.part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(files, part / FILES)
        if hash_model_files(part / FILES) != bundle.content_hash:
            shutil.rmtree(part)
            detail = "the model's files are not those that were registered"
            raise ConflictError(_name(bundle), [Failure("checksum", detail)], "restore them, or train a new version")
        _write_whole(part / DOCUMENT, _plain(bundle))
        shutil.rmtree(place, ignore_errors=True)  # half of one, or one whose files were changed since
        part.rename(place)
    kept = {bundle.bundle_id, _current_id(folder)}
    _write_whole(folder / CURRENT, {"bundle_id": bundle.bundle_id})
    for each in folder.iterdir():
        if each.is_dir() and each.name not in kept:
            shutil.rmtree(each, ignore_errors=True)
    return True


def _name(bundle: Bundle) -> str:
    return f"the bundle of model {bundle.model} version {bundle.version}"


def _write_whole(path: Path, said: Mapping[str, Any]) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(said, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _current_id(folder: Path) -> str | None:
    try:
        said = json.loads((folder / CURRENT).read_bytes())
    except (OSError, ValueError):
        return None
    found = said.get("bundle_id") if isinstance(said, dict) else None
    return found if isinstance(found, str) and found == Path(found).name and found not in ("", ".", "..") else None


def read_current(folder: Path) -> tuple[Bundle, Path]:
    """Read the bundle that is served.

    Args:
        folder: Folder of a model's bundles, or one bundle's own folder, as an image of a container holds it.

    Returns:
        The bundle, and the folder of its model's files; the files are not read yet.

    Raises:
        NotReadyError: If nothing was published there.
        ConflictError: If what is there is broken.

    >>> try:
    ...     read_current(Path("/nowhere/serving/late"))
    ... except NotReadyError as error:
    ...     print(error)
    /nowhere/serving/late: not ready
      - current.json: no bundle was published there
      remedy: run `lakeloop publish`, which writes it, or name another folder with --bundle
    """
    if (folder / DOCUMENT).is_file():
        return _read(folder)
    if not (folder / CURRENT).is_file():
        remedy = "run `lakeloop publish`, which writes it, or name another folder with --bundle"
        raise NotReadyError(str(folder), [Failure(CURRENT, "no bundle was published there")], remedy)
    named = _current_id(folder)
    if named is None:
        raise ConflictError(str(folder), [Failure(CURRENT, "it does not name a bundle")], _PUBLISH)
    return _read(folder / named)


def _read(place: Path) -> tuple[Bundle, Path]:
    try:
        bundle = _BUNDLE.validate_json((place / DOCUMENT).read_bytes())
    except OSError as failure:
        detail = f"it cannot be read: {failure.strerror}"
        raise ConflictError(str(place), [Failure(DOCUMENT, detail)], _PUBLISH) from None
    except ValidationError as failure:
        places = sorted({".".join(map(str, each["loc"])) or "the document" for each in failure.errors()})
        failures = [Failure(f"{DOCUMENT}: {each}", "it is not as it was written") for each in places]
        raise ConflictError(str(place), failures, _PUBLISH) from None
    if bundle_id_of(bundle) != bundle.bundle_id:
        raise ConflictError(str(place), [Failure(DOCUMENT, "its content is not what its id is the hash of")], _PUBLISH)
    if not (place / FILES).is_dir():
        raise ConflictError(str(place), [Failure(FILES, "the model's files are not there")], _PUBLISH)
    return bundle, place / FILES
