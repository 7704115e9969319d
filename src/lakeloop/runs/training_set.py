"""Training sets: spine x gold, point in time, closed labels only, pinned by a manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.columns import input_columns, model_columns
from lakeloop.config.model import Model
from lakeloop.errors import AccountingError, Failure, NotReadyError
from lakeloop.labels.calendar import last_closed_day
from lakeloop.labels.closing import attach_labels
from lakeloop.point_in_time.spark import STATUS_SUFFIX
from lakeloop.quality.versions import newest_versions
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import MODEL_REMEDY, assert_same_columns
from lakeloop.runs.model_inputs import (
    GoldInput,
    add_model_inputs,
    described_columns,
    gold_inputs,
    spine_as_of,
    with_columns,
)
from lakeloop.runs.progress import count_of
from lakeloop.statuses import LabelStatus, Outcome
from lakeloop.tables import TableAddress, WriteIdentity, WriteResult, identity_hash
from lakeloop.training.split import assign_split

JOB = "training_set"


@dataclass(frozen=True)
class TrainingSet:
    """A pinned training set.

    Attributes:
        training_set_id: Its id.
        model: The model.
        rows: Rows.
        content_hash: Hash of the rows, whatever their order.
        data_through: Greatest `available_ts` of any label or feature in it.
        delta_version: Delta version of the table that holds it.
        outcome: WRITTEN, or SKIPPED when it was there already.
    """

    training_set_id: str
    model: str
    rows: int
    content_hash: str
    data_through: datetime
    delta_version: int
    outcome: Outcome

    @property
    def summary(self) -> str:
        """Rows pinned."""
        already = " already" if self.outcome is Outcome.SKIPPED else ""
        return f"{count_of(self.rows, 'row')}{already} pinned"


def make_training_set(context: Context, name: str) -> TrainingSet:
    """Pin a training set from all closed days known at the logical now.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        The training set; the same call gives the same one.

    Raises:
        NotReadyError: If a gold table is not built far enough, or too few days are closed.
        ConflictError: If it was pinned at this instant by another declaration or seed.

    >>> make_training_set(context, "late").summary
    '741 rows already pinned'
    """
    model, lake = context.config.models[name], context.lake
    with lake.writing():
        spec_hash = training_spec_hash(context, model)
        set_id = identity_hash(JOB, name, instant_text(context.as_of), spec_hash, context.config.project.seed)
        address = lake.address("training_sets", name)
        fingerprint = identity_hash(spec_hash, context.config.project.seed)
        identity = WriteIdentity(JOB, f"{name} {context.turn}", fingerprint)
        done = lake.find_commit(address, identity)
        if done is None:
            context.progress(f"training set {name}")
            written = _write(context, model, address, identity, set_id)
        else:
            written = WriteResult(Outcome.SKIPPED, done.rows, done.version, done.notes)
        return _record(context, model, address, written, set_id, spec_hash)


def training_spec_hash(context: Context, model: Model) -> str:
    """Hash the declarations a training set is made by: the model's, its gold tables' and their sources'.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        32 hex digits.

    >>> model = context.config.models["late"]
    >>> fewer = model.model_copy(update={"features": ["shop_last.*"]})
    >>> training_spec_hash(context, model) == training_spec_hash(context, fewer)  # its tables and sources count too
    False
    """
    config = context.config
    tables = sorted({pattern.split(".")[0] for pattern in model.features})
    sources = {config.feature_tables[each].from_ for each in tables} | {model.predict.from_, model.label.from_}
    parts = [("model", model.model), *(("feature_table", t) for t in tables), *(("source", s) for s in sorted(sources))]
    return identity_hash(*(config.spec_hash(kind, each) for kind, each in parts))


def find_training_set(context: Context, name: str) -> TrainingSet:
    """Find the training set pinned at the logical now.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        What its manifest says of it.

    Raises:
        NotReadyError: If there is none.

    >>> pinned = find_training_set(context, "late")
    >>> pinned.rows, pinned.delta_version
    (741, 2)
    """
    for commit in reversed(context.lake.commits(context.lake.own(schemas.TRAINING_SETS))):
        notes = commit.notes
        if notes["model"] == name and notes["as_of"] == context.turn:
            return TrainingSet(
                notes["training_set_id"],
                name,
                notes["rows"],
                notes["content_hash"],
                datetime.fromisoformat(notes["data_through"]),
                notes["delta_version"],
                Outcome.SKIPPED,
            )
    raise NotReadyError(
        f"model {name}",
        [Failure("training set", f"none is pinned as of {context.turn}")],
        f"run `lakeloop training-set --as-of {context.turn}` first",
    )


@dataclass(frozen=True)
class BuiltRows:
    """The rows of a training set, before they are written or after they were made again.

    Attributes:
        rows: One row per matured spine row.
        split_of: Closed day -> part of the split.
        matured: Rows there are to be.
        void: Closed spine rows without a label.
    """

    rows: DataFrame
    split_of: dict[date, str]
    matured: int
    void: int


def build_rows(
    context: Context, model: Model, set_id: str, inputs: tuple[GoldInput, ...], versions: Mapping[str, int]
) -> BuiltRows:
    """Make the rows of a training set from given versions of its inputs.

    Args:
        context: Project, lake and the logical now of the set.
        model: The model's declaration.
        set_id: The training set.
        inputs: The model's gold tables, each with the version to read.
        versions: Bronze table of the spine and of the label -> Delta version to read.

    Returns:
        Its rows; nothing is written.

    Raises:
        NotReadyError: If too few days are closed.

    >>> model, lake = context.config.models["late"], context.lake
    >>> versions = {each: lake.version(lake.address("bronze", each)) for each in ("orders", "deliveries")}
    >>> built = build_rows(context, model, "set-1", gold_inputs(context, model), versions)
    >>> built.matured, built.void, sorted(set(built.split_of.values()))
    (741, 51, ['gap', 'holdout', 'train', 'validation'])
    """
    lake, label = context.lake, model.label
    spine = spine_as_of(context, model, version=versions[model.predict.from_])
    truth = lake.read(lake.address("bronze", label.from_), context.as_of, version=versions[label.from_])
    truth = newest_versions(truth, context.config.sources[label.from_])
    labelled = attach_labels(spine, truth, model.predict, label, context.as_of)
    closed = labelled.where(F.col("label_status") != LabelStatus.PENDING.value)
    counts = closed.groupBy("block_date", "label_status").count().collect()  # bounded: two rows per day
    days = sorted({row["block_date"] for row in counts if row["label_status"] == LabelStatus.MATURED.value})
    last_day = last_closed_day(context.as_of, label.closes)
    parts = assign_split(np.array(days, dtype="datetime64[D]"), model.split, last_day)
    split_of = dict(zip(days, parts.tolist(), strict=True))
    matured = closed.where(F.col("label_status") == LabelStatus.MATURED.value).drop("void_reason")
    rows = add_model_inputs(context, model, matured, inputs)
    calendar = context.spark.createDataFrame(list(split_of.items()), "block_date date, _split string")
    rows = rows.join(F.broadcast(calendar), "block_date").withColumns(
        {"training_set_id": F.lit(set_id), "as_of": F.lit(context.as_of)}
    )
    expected = sum(row["count"] for row in counts if row["label_status"] == LabelStatus.MATURED.value)
    void = sum(row["count"] for row in counts if row["label_status"] == LabelStatus.VOID.value)
    return BuiltRows(_in_order(context, model, rows), split_of, expected, void)


def _write(context: Context, model: Model, address: TableAddress, identity: WriteIdentity, set_id: str) -> WriteResult:
    lake = context.lake
    inputs = gold_inputs(context, model)
    sources = dict.fromkeys((model.predict.from_, model.label.from_))
    versions = {each: lake.version(lake.address("bronze", each)) for each in sources}
    built = build_rows(context, model, set_id, inputs, versions)
    columns = with_columns(schemas.TRAINING_COLUMNS, described_columns(context.config, model, built.rows))
    assert_same_columns(lake, address, columns, MODEL_REMEDY)
    lake.create(
        address,
        columns,
        f"Training sets of {model.model}, told apart by training_set_id.",
        {"time_column": "prediction_ts", "key": "training_set_id, prediction_id", "owner": model.owner},
    )
    notes = {
        "training_set_id": set_id,
        "inputs": _pinned(versions, inputs),
        "windows": _windows(built.split_of),
        "void_rows": built.void,
    }
    return lake.append(built.rows, address, identity, notes=notes, expect_rows=built.matured)


def _in_order(context: Context, model: Model, rows: DataFrame) -> DataFrame:
    columns = dict.fromkeys(
        (
            *(field.name for field in schemas.TRAINING_COLUMNS),
            *model.predict.id,
            *model_columns(context.config, model),
            *input_columns(context.config, model),
            *(name for name in rows.columns if name.endswith(STATUS_SUFFIX)),
        )
    )
    return rows.select(*columns)


def _pinned(versions: Mapping[str, int], inputs: tuple[GoldInput, ...]) -> list[dict[str, Any]]:
    bronze: list[dict[str, Any]] = [{"table": f"bronze.{name}", "version": each} for name, each in versions.items()]
    return bronze + [
        {
            "table": f"gold.{each.table}",
            "version": each.version,
            "built_through": instant_text(each.built_through),
            "spec_hash": each.spec_hash,
        }
        for each in inputs
    ]


def _windows(split_of: dict[date, str]) -> dict[str, list[str]]:
    parts: dict[str, list[date]] = {}
    for day, part in split_of.items():
        parts.setdefault(part, []).append(day)
    return {part: [min(days).isoformat(), max(days).isoformat()] for part, days in parts.items()}


def training_rows(context: Context, address: TableAddress, set_id: str, version: int) -> DataFrame:
    """Read the rows of a pinned training set.

    Args:
        context: Project, lake and logical now.
        address: Table of the model's training sets.
        set_id: The training set.
        version: Delta version that holds it.

    Returns:
        Its rows, in no order.

    >>> pinned, address = find_training_set(context, "late"), context.lake.address("training_sets", "late")
    >>> training_rows(context, address, pinned.training_set_id, pinned.delta_version).columns[:4]
    ['training_set_id', 'prediction_id', 'prediction_ts', 'label']
    """
    rows = context.lake.read(address, context.as_of, by="as_of", version=version)
    return rows.where(F.col("training_set_id") == set_id)


@dataclass(frozen=True)
class Content:
    """What a training set holds, from one pass over its rows.

    Attributes:
        digest: 32 hex digits, whatever the order of the rows: two sums of 64-bit hashes of whole rows, with
            different salts.
        rows: Rows.
        data_through: Greatest `label_available_ts`; 1970 when there is none.
    """

    digest: str
    rows: int
    data_through: datetime


def read_content(rows: DataFrame) -> Content:
    """Hash and count the rows of a training set without moving them.

    Args:
        rows: Rows of a training set.

    Returns:
        What it holds.

    >>> pinned, address = find_training_set(context, "late"), context.lake.address("training_sets", "late")
    >>> rows = training_rows(context, address, pinned.training_set_id, pinned.delta_version)
    >>> content = read_content(rows.orderBy("label"))  # in whatever order
    >>> content.rows, content.digest == pinned.content_hash
    (741, True)
    """
    columns = sorted(rows.columns)
    sums = [F.sum(F.xxhash64(F.lit(salt), *columns).cast("decimal(38,0)")).alias(f"sum_{salt}") for salt in (1, 2)]
    newest = F.unix_micros(F.max("label_available_ts")).alias("newest")
    found = rows.agg(F.count(F.lit(1)).alias("rows"), newest, *sums).first()
    if found is None:  # an aggregation without keys always has a row
        raise AccountingError("training set", [Failure("hash", "no answer")], "run the step again")
    digest = "".join(f"{int(found[f'sum_{salt}'] or 0) % 2**64:016x}" for salt in (1, 2))
    data_through = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(found["newest"] or 0))
    return Content(digest, int(found["rows"]), data_through)


def _record(
    context: Context, model: Model, address: TableAddress, written: WriteResult, set_id: str, spec_hash: str
) -> TrainingSet:
    lake = context.lake
    identity = WriteIdentity(JOB, f"manifest {set_id}")
    if lake.find_commit(lake.own(schemas.TRAINING_SETS), identity) is not None:
        return find_training_set(context, model.model)
    rows = training_rows(context, address, set_id, written.version)
    content = read_content(rows)
    if content.rows != written.rows:
        raise AccountingError(
            str(address),
            [Failure("rows", f"{written.rows} committed, {content.rows} read back")],
            "report this: the table and its commit disagree",
        )
    row = {
        "training_set_id": set_id,
        "model": model.model,
        "spec_hash": spec_hash,
        "inputs": json.dumps(written.notes["inputs"], sort_keys=True),
        "windows": json.dumps(written.notes["windows"], sort_keys=True),
        "seed": context.config.project.seed,
        "rows": content.rows,
        "content_hash": content.digest,
        "data_through": content.data_through,
        "delta_version": written.version,
        "as_of": context.as_of,
    }
    notes = {
        "training_set_id": set_id,
        "model": model.model,
        "as_of": context.turn,
        "rows": content.rows,
        "content_hash": content.digest,
        "data_through": content.data_through.isoformat(),
        "delta_version": written.version,
    }
    lake.append_own(schemas.TRAINING_SETS, [row], identity, notes=notes)
    return TrainingSet(
        set_id,
        model.model,
        content.rows,
        content.digest,
        content.data_through,
        written.version,
        written.outcome,
    )
