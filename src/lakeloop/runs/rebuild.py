"""A training set made again from the versions its manifest pins, held against what was pinned (law 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.config.model import Model
from lakeloop.errors import ConflictError, Failure, NotReadyError
from lakeloop.runs.content import read_content
from lakeloop.runs.context import Context
from lakeloop.runs.environment import changed_packages
from lakeloop.runs.manifests import Manifest, PinnedInput, find_expired, find_manifest, read_manifests
from lakeloop.runs.model_inputs import GoldInput, features_by_table
from lakeloop.runs.pinned_model import pinned_model
from lakeloop.runs.training_rows import build_on_spark
from lakeloop.runs.training_set import training_rows
from lakeloop.statuses import RebuildStatus
from lakeloop.tables import holds_version

_BRONZE = "bronze"


@dataclass(frozen=True)
class RebuildResult:
    """How a rebuild ended.

    Attributes:
        model: The model.
        training_set_id: The training set.
        status: REPRODUCED when the content hash is the manifest's; DIFFERENT; INPUTS_EXPIRED when a pinned version can
            no longer be read.
        rows: Rows of the manifest.
        rows_rebuilt: Rows that were made; None when nothing could be made.
        content_hash: Hash of the manifest.
        content_hash_rebuilt: Hash of the rows that were made; None when nothing could be made.
        different: What differs: counts, columns, the stored rows, and packages that are not those of then; empty
            unless the status is DIFFERENT.
        expired: Pinned tables with the version that is gone; empty unless the status is INPUTS_EXPIRED.

    >>> lost = ("bronze.orders version 3",)
    >>> result = RebuildResult("late", "set-1", RebuildStatus.INPUTS_EXPIRED, 333, None, "a1", None, expired=lost)
    >>> print(result.failure())
    training set set-1 of model late: conflicts with what is recorded
      - INPUTS_EXPIRED: bronze.orders version 3 can no longer be read
      remedy: its own rows can still be trained on; a longer retention in project.yml keeps later sets' inputs
    """

    model: str
    training_set_id: str
    status: RebuildStatus
    rows: int
    rows_rebuilt: int | None
    content_hash: str
    content_hash_rebuilt: str | None
    different: tuple[str, ...] = field(default=())
    expired: tuple[str, ...] = field(default=())

    def failure(self) -> ConflictError | None:
        """Give the error this result stands for.

        Returns:
            The error, with what differs or is gone; None when the set was reproduced.
        """
        found = [
            *(Failure(RebuildStatus.DIFFERENT.value, each) for each in self.different),
            *(Failure(RebuildStatus.INPUTS_EXPIRED.value, f"{each} can no longer be read") for each in self.expired),
        ]
        if self.status is RebuildStatus.REPRODUCED:
            return None
        if self.status is RebuildStatus.INPUTS_EXPIRED:
            remedy = "its own rows can still be trained on; a longer retention in project.yml keeps later sets' inputs"
        else:
            remedy = "an input or the set was changed below its pinned version: pin a new set, and train on that"
        return ConflictError(f"training set {self.training_set_id} of model {self.model}", found, remedy)


def rebuild_training_set(context: Context, name: str, set_id: str | None = None) -> RebuildResult:
    """Make a training set again from its pinned inputs and compare; nothing is written.

    Args:
        context: Project, lake and logical now.
        name: The model.
        set_id: The training set; the one pinned at the logical now without it.

    Returns:
        Whether it has the content it was pinned with, and what differs.

    Raises:
        NotReadyError: If there is no such training set.
        ConflictError: If the declarations are not those it was made by, or the model is declared no more.

    >>> try:
    ...     rebuild_training_set(context, "late", "no-such-set")
    ... except NotReadyError as error:
    ...     print(error.failures[0])
    training set: there is none with the id no-such-set
    """
    manifest = _find_manifest(context, name, set_id)
    pinned = context.at(manifest.as_of)
    model = pinned_model(pinned, manifest)
    context.progress(f"rebuild {name}")
    expired = find_expired(context, manifest.inputs)
    if expired:
        return _result(manifest, RebuildStatus.INPUTS_EXPIRED, expired=expired)
    gold, bronze = _gold(pinned, model, manifest.inputs), _bronze(manifest.inputs)
    rows = build_on_spark(pinned, model, manifest.training_set_id, gold, bronze).rows  # whichever engine pinned it
    content = read_content(rows)
    different = _compare(pinned, model, manifest, rows, content.digest, content.rows)
    status = RebuildStatus.DIFFERENT if different else RebuildStatus.REPRODUCED
    return _result(manifest, status, rows=content.rows, digest=content.digest, different=different)


def _find_manifest(context: Context, name: str, set_id: str | None) -> Manifest:
    if set_id is not None:
        return find_manifest(context, set_id, name)
    for each in read_manifests(context, name):
        if each.as_of == context.as_of:
            return each
    raise NotReadyError(
        f"model {name}",
        [Failure("training set", f"none is pinned as of {context.turn}")],
        "`lakeloop training-set list` tells ids and instants; `lakeloop training-set build` pins one",
    )


def _bronze(inputs: Sequence[PinnedInput]) -> dict[str, int]:
    found = [(*each.table.partition("."), each.version) for each in inputs]
    return {name: version for layer, _, name, version in found if layer == _BRONZE}


def _gold(context: Context, model: Model, inputs: Sequence[PinnedInput]) -> tuple[GoldInput, ...]:
    features = features_by_table(context.config, model)
    return tuple(
        GoldInput(
            name, tuple(features[name]), datetime.fromisoformat(each.built_through), each.version, each.spec_hash or ""
        )
        for each in inputs
        if each.built_through is not None
        for name in [each.table.partition(".")[2]]
    )


def _compare(
    context: Context, model: Model, manifest: Manifest, rows: DataFrame, digest: str, count: int
) -> tuple[str, ...]:
    """Say what differs between the manifest, the rows that are stored and the rows that were made."""
    address = context.lake.address("training_sets", model.model)
    is_stored = holds_version(context.lake, address, context.lake.version(address))
    stored = training_rows(context, address, manifest.training_set_id)
    found = []
    if count != manifest.rows:
        found.append(f"{manifest.rows} rows were pinned, {count} were made")
    if not is_stored:
        found.append("the stored rows can no longer be read")
    elif read_content(stored).digest != manifest.content_hash:
        found.append("the stored rows are not those that were pinned")
    if digest != manifest.content_hash:
        columns = _different_columns(stored, rows) if is_stored else ()
        among = f" in {', '.join(columns)}" if columns else ""
        found.append(f"the content hash{among}")
    return (*found, *changed_packages(manifest.packages)) if found else ()


def _different_columns(stored: DataFrame, rows: DataFrame) -> tuple[str, ...]:
    """Name the columns whose values by row are not the same, from one pass over each side."""
    columns = sorted({*stored.columns} | {*rows.columns})
    sums = []
    for side in (stored, rows):
        hashes = [
            F.sum(F.xxhash64("prediction_id", name).cast("decimal(38,0)")).alias(name)
            for name in columns
            if name in side.columns
        ]
        found = side.agg(*hashes).first()
        sums.append({} if found is None else found.asDict())
    return tuple(name for name in columns if sums[0].get(name) != sums[1].get(name))


def _result(
    manifest: Manifest,
    status: RebuildStatus,
    *,
    rows: int | None = None,
    digest: str | None = None,
    different: tuple[str, ...] = (),
    expired: tuple[str, ...] = (),
) -> RebuildResult:
    return RebuildResult(
        model=manifest.model,
        training_set_id=manifest.training_set_id,
        status=status,
        rows=manifest.rows,
        rows_rebuilt=rows,
        content_hash=manifest.content_hash,
        content_hash_rebuilt=digest,
        different=different,
        expired=expired,
    )
