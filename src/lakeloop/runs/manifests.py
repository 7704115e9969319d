"""Pinned training sets by their manifests: what there is, what each is made from, what can still be done with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeloop import schemas
from lakeloop.errors import ConflictError, Failure, NotReadyError
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.pinnings import pinned_instants
from lakeloop.runs.promotions import newest_champion
from lakeloop.statuses import Outcome, SetStatus
from lakeloop.tables import TableAddress, WriteIdentity, holds_version, listed_versions

JOB = "retire"
RETIRED = "retired"
_LEAST_PREFIX = 6
"""Characters of an id that are enough to name a set, where no other begins with them."""


@dataclass(frozen=True)
class PinnedInput:
    """A table that a training set was made from.

    Attributes:
        table: `bronze.orders`, `gold.weather`.
        version: Its Delta version.
        built_through: Instant up to which a gold table was complete, ISO, UTC; None for bronze.
        spec_hash: Hash of the declaration a gold table was built by; None for bronze.

    >>> str(PinnedInput("bronze.orders", 3).address(context))
    'bronze.orders'
    """

    table: str
    version: int
    built_through: str | None = None
    spec_hash: str | None = None

    def address(self, context: Context) -> TableAddress:
        """Name the table in a workspace."""
        layer, _, name = self.table.partition(".")
        return context.lake.address(layer, name)


@dataclass(frozen=True)
class Manifest:
    """What a training set was pinned with.

    Attributes:
        training_set_id: Its id.
        model: The model.
        as_of: Logical now of the pinning.
        rows: Rows.
        content_hash: Hash of the rows, whatever their order.
        data_through: Greatest `available_ts` of any label or feature in it.
        inputs: What it was made from.
        windows: Part of the split -> first and last day.
        seed: Seed of everything random.
        spec_hash: Hash of the declarations it was made by.
        packages: Package -> version that made it.
        engine: What joined it: spark or local.
        delta_version: Delta version of the table that holds it.
    """

    training_set_id: str
    model: str
    as_of: datetime
    rows: int
    content_hash: str
    data_through: datetime
    inputs: tuple[PinnedInput, ...]
    windows: dict[str, list[str]]
    seed: int
    spec_hash: str
    packages: dict[str, str]
    engine: str | None
    delta_version: int


def read_manifests(context: Context, model: str | None = None) -> list[Manifest]:
    """Read the manifests of all training sets, oldest first; one per training.

    Args:
        context: Project and lake; not cut at its logical now.
        model: Only those of this model.

    Returns:
        The manifests.

    >>> [(each.rows, each.engine) for each in read_manifests(context, "late")]
    [(513, 'local'), (741, 'local')]
    """
    rows = context.lake.own_rows(schemas.TRAINING_SETS, None)
    found = [_manifest(row) for row in rows if model is None or row["model"] == model]
    return sorted(found, key=lambda each: (each.as_of, each.model))


def _manifest(row: dict[str, Any]) -> Manifest:
    return Manifest(
        training_set_id=row["training_set_id"],
        model=row["model"],
        as_of=row["as_of"],
        rows=row["rows"],
        content_hash=row["content_hash"],
        data_through=row["data_through"],
        inputs=tuple(PinnedInput(**each) for each in json.loads(row["inputs"])),
        windows=json.loads(row["windows"]),
        seed=row["seed"],
        spec_hash=row["spec_hash"],
        packages=json.loads(row["packages"] or "{}"),
        engine=row["engine"],
        delta_version=row["delta_version"],
    )


def find_manifest(context: Context, set_id: str, model: str | None = None) -> Manifest:
    """Find a training set by its id, or by the beginning of it.

    Args:
        context: Project and lake.
        set_id: The id, or its first characters where they are enough.
        model: Only among those of this model.

    Returns:
        The manifest.

    Raises:
        NotReadyError: If there is none, or more than one begins so.

    >>> newest = read_manifests(context, "late")[-1]
    >>> find_manifest(context, newest.training_set_id[:8]) == newest
    True
    >>> try:
    ...     find_manifest(context, "no-such-set")
    ... except NotReadyError as error:
    ...     print(error.failures[0])
    training set: there is none with the id no-such-set
    """
    manifests = read_manifests(context, model)
    exact = [each for each in manifests if each.training_set_id == set_id]
    begin = [each for each in manifests if each.training_set_id.startswith(set_id)]
    found = exact or (begin if len(set_id) >= _LEAST_PREFIX else [])
    if len(found) == 1:
        return found[0]
    of = "training set" if model is None else f"training set of model {model}"
    problem = f"there is none with the id {set_id}"
    if found:
        problem = f"{len(found)} ids begin with {set_id}: write more of it"
    elif begin:
        problem = f"{set_id} is too short to name one: write at least {_LEAST_PREFIX} characters"
    raise NotReadyError(
        "training sets" if model is None else f"model {model}",
        [Failure("training set", problem)],
        f"`lakeloop training-set list` tells the ids of every {of}; `lakeloop training-set build` pins one",
    )


def retired_ids(context: Context) -> set[str]:
    """Tell which training sets were retired.

    >>> retired_ids(context)
    set()
    """
    rows = context.lake.own_rows(schemas.TRAINING_SET_EVENTS, None)
    return {row["training_set_id"] for row in rows if row["event"] == RETIRED}


def find_beyond(context: Context, manifests: Sequence[Manifest], horizon: datetime) -> set[str]:
    """Tell which training sets were pinned so long ago that their inputs are held back no more.

    Args:
        context: Project and lake.
        manifests: The sets.
        horizon: The wall-clock time less the retention.

    Returns:
        Ids of those pinned at the horizon or before. Of which nobody knows when, their inputs are held back.

    >>> from datetime import UTC
    >>> found = read_manifests(context)
    >>> [len(find_beyond(context, found, datetime(year, 1, 1, tzinfo=UTC))) for year in (2000, 9999)]
    [0, 2]
    """
    pinned = pinned_instants(context, {each.training_set_id: (each.model, each.as_of) for each in manifests})
    return {set_id for set_id, instant in pinned.items() if instant <= horizon}


def find_expired(context: Context, inputs: Sequence[PinnedInput]) -> tuple[str, ...]:
    """Tell which pinned versions can no longer be read.

    Args:
        context: Project and lake.
        inputs: What a training set was made from.

    Returns:
        Tables with their versions, as text.

    >>> find_expired(context, [PinnedInput("bronze.orders", 1), PinnedInput("bronze.orders", 99)])
    ('bronze.orders version 99',)
    """
    gone = (each for each in inputs if not holds_version(context.lake, each.address(context), each.version))
    return tuple(f"{each.table} version {each.version}" for each in gone)


@dataclass(frozen=True)
class SetState:
    """A training set and what can still be done with it.

    Attributes:
        training_set_id: Its id.
        model: The model.
        as_of: Logical now of the pinning, ISO, UTC.
        rows: Rows.
        status: LIVE while its inputs are there and held back; RETIRED; INPUTS_EXPIRED when one is gone, or when the set
            is older than the retention, so that any `vacuum` may take them.
        versions: Model versions that were trained on it.
    """

    training_set_id: str
    model: str
    as_of: str
    rows: int
    status: SetStatus
    versions: tuple[str, ...]


def list_sets(context: Context, now: datetime, models: Sequence[str] | None = None) -> tuple[SetState, ...]:
    """List training sets with their states, without reading rows of their inputs; in a catalog the history is believed.

    Args:
        context: Project and lake.
        now: Wall-clock time, by which sets age.
        models: Only those of these models.

    Returns:
        Sets, oldest first.

    >>> from datetime import UTC
    >>> [(each.rows, each.status.value, each.versions) for each in list_sets(context, datetime.now(UTC))]
    [(513, 'LIVE', ('1',)), (741, 'LIVE', ('2',))]
    """
    found = [each for each in read_manifests(context) if models is None or each.model in models]
    pinned: dict[TableAddress, set[int]] = {}
    for each in found:
        for one in each.inputs:
            pinned.setdefault(one.address(context), set()).add(one.version)
    held = {address: listed_versions(context.lake, address, versions) for address, versions in pinned.items()}
    released = _released(context, found, now)
    versions = _versions_by_set(context)
    return tuple(
        SetState(
            each.training_set_id,
            each.model,
            instant_text(each.as_of),
            each.rows,
            _status(each, any(one.version not in held[one.address(context)] for one in each.inputs), released),
            versions.get(each.training_set_id, ()),
        )
        for each in found
    )


def _released(context: Context, manifests: Sequence[Manifest], now: datetime) -> dict[str, SetStatus]:
    """Tell of which sets the inputs are held back no more, and why."""
    beyond = find_beyond(context, manifests, now - context.config.project.retention)
    return dict.fromkeys(retired_ids(context), SetStatus.RETIRED) | dict.fromkeys(beyond, SetStatus.INPUTS_EXPIRED)


def _status(manifest: Manifest, is_gone: bool, released: dict[str, SetStatus]) -> SetStatus:
    return SetStatus.INPUTS_EXPIRED if is_gone else released.get(manifest.training_set_id, SetStatus.LIVE)


def _versions_by_set(context: Context) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in context.lake.own_rows(schemas.PROMOTIONS, None):
        versions = (*found.get(row["training_set_id"], ()), row["model_version"])
        found[row["training_set_id"]] = tuple(dict.fromkeys(versions))
    return found


@dataclass(frozen=True)
class SetDetails:
    """A training set in full.

    Attributes:
        manifest: What it was pinned with.
        status: What can still be done with it.
        expired: Pinned tables whose version is gone; none of a set beyond the retention whose inputs are there still,
            so that it can be made again.
        versions: Model versions that were trained on it.
    """

    manifest: Manifest
    status: SetStatus
    expired: tuple[str, ...]
    versions: tuple[str, ...]


def show_set(context: Context, now: datetime, set_id: str) -> SetDetails:
    """Tell all that is recorded of a training set; in a catalog its inputs are read to the end.

    Args:
        context: Project and lake.
        now: Wall-clock time, by which sets age.
        set_id: Its id, or the beginning of it.

    Returns:
        Manifest, status and the versions trained on it.

    Raises:
        NotReadyError: If there is no such set.

    >>> from datetime import UTC
    >>> details = show_set(context, datetime.now(UTC), read_manifests(context)[0].training_set_id)
    >>> details.status.value, details.versions, [each.table for each in details.manifest.inputs]
    ('LIVE', ('1',), ['bronze.orders', 'bronze.deliveries', 'gold.shop_delays', 'gold.shop_last'])
    """
    manifest = find_manifest(context, set_id)
    expired = find_expired(context, manifest.inputs)
    return SetDetails(
        manifest,
        _status(manifest, bool(expired), _released(context, [manifest], now)),
        expired,
        _versions_by_set(context).get(manifest.training_set_id, ()),
    )


@dataclass(frozen=True)
class RetireResult:
    """How a retirement ended.

    Attributes:
        training_set_id: The set.
        model: Its model.
        outcome: WRITTEN, or SKIPPED when it was retired already.
    """

    training_set_id: str
    model: str
    outcome: Outcome


def retire_set(context: Context, set_id: str, reason: str | None = None) -> RetireResult:
    """Release the inputs of a training set: `lakeloop vacuum` may then remove what only it holds back.

    Args:
        context: Project, lake and logical now.
        set_id: The set, or the beginning of its id.
        reason: Why, for those who read the event.

    Returns:
        The set; the same call changes nothing more.

    Raises:
        NotReadyError: If there is no such set.
        ConflictError: If the champion was trained on it: it could not be made again.

    >>> try:
    ...     retire_set(context, read_manifests(context)[-1].training_set_id)
    ... except ConflictError as error:
    ...     print(error.failures[0])
    champion: version 2 was trained on it
    """
    lake = context.lake
    with lake.writing():
        manifest = find_manifest(context, set_id)
        champion = newest_champion(context, manifest.model)
        if champion is not None and champion.training_set_id == manifest.training_set_id:
            raise ConflictError(
                f"training set {manifest.training_set_id}",
                [Failure("champion", f"version {champion.version} was trained on it")],
                "retire it once another version is champion: until then somebody may have to make it again",
            )
        row = {
            "training_set_id": manifest.training_set_id,
            "model": manifest.model,
            "event": RETIRED,
            "reason": reason,
            "as_of": context.as_of,
        }
        written = lake.append_own(schemas.TRAINING_SET_EVENTS, [row], WriteIdentity(JOB, manifest.training_set_id))
        return RetireResult(manifest.training_set_id, manifest.model, written.outcome)
