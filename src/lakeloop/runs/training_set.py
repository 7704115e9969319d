"""Training sets: spine x gold, point in time, closed labels only, pinned by a manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.config.plugin_uses import plugins_used, releases
from lakeloop.config.project import Engine
from lakeloop.config.section import Section
from lakeloop.config.table_inputs import sources_below, tables_below
from lakeloop.discovery.text import count_of
from lakeloop.errors import AccountingError, Failure, NotReadyError
from lakeloop.runs.content import read_content
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import MODEL_REMEDY, assert_same_columns
from lakeloop.runs.environment import installed_versions
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.manifests import Manifest, read_manifests
from lakeloop.runs.model_inputs import (
    GoldInput,
    described_columns,
    gold_inputs,
    with_columns,
)
from lakeloop.runs.model_tables import describe_model_table
from lakeloop.runs.training_rows import build_rows
from lakeloop.statuses import Outcome
from lakeloop.tables import TableAddress, WriteIdentity, WriteResult, identity_hash

JOB = "training_set"
_MAKES_ROWS = ("predict", "label", "features", "on_demand", "split")
"""Sections of a model that say which rows a training set has."""

_PACKAGES = ("lakeloop", "pyspark", "delta-spark", "deltalake", "polars", "pyarrow", "numpy", "pandas")


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
        DataContractError: If an expression of the model can't be computed for some row.
        ConflictError: If it was pinned at this instant by another declaration or seed.

    >>> make_training_set(context, "late").summary
    '741 rows already pinned'
    """
    model, lake = context.config.models[name], context.lake
    with lake.writing():
        spec_hash = training_spec_hash(context, model)
        set_id = name_training_set(context, model)
        address = lake.address("training_sets", name)
        fingerprint = identity_hash(spec_hash, context.config.project.seed)
        identity = WriteIdentity(JOB, f"{name} {context.turn}", fingerprint)
        done = lake.find_commit(address, identity)
        if done is None:
            context.progress(f"training set {name}")
            with explaining_model(context.config, model):
                written = _write(context, model, address, identity, set_id)
        else:
            written = WriteResult(Outcome.SKIPPED, done.rows, done.version, done.notes)
        return _record(context, model, address, written, set_id, spec_hash)


def name_training_set(context: Context, model: Model) -> str:
    """Give the id of the training set that is pinned at the logical now: a hash of what it is made by.

    >>> name_training_set(context, context.config.models["late"]) == find_training_set(context, "late").training_set_id
    True
    """
    spec_hash, seed = training_spec_hash(context, model), context.config.project.seed
    return identity_hash(JOB, model.model, instant_text(context.as_of), spec_hash, seed)


def training_spec_hash(context: Context, model: Model) -> str:
    """Hash the declarations a training set is made by: the model's, its gold tables' and all that these stand on.

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
    return identity_hash(context.config.spec_hash("model", model.model), *_hashes_below(context, model))


def rows_spec_hash(context: Context, model: Model) -> str:
    """Hash what makes the rows of a training set: not how the model is fitted, judged, watched and decided on.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        32 hex digits.

    >>> model = context.config.models["late"]
    >>> calmer = model.model_copy(update={"decide": model.decide.model_copy(update={"min_closed_days": 3})})
    >>> rows_spec_hash(context, model) == rows_spec_hash(context, calmer)
    True
    >>> fewer = model.model_copy(update={"features": ("shop_last.*",)})
    >>> rows_spec_hash(context, model) == rows_spec_hash(context, fewer)
    False
    """
    makes = model.model_dump(mode="json", by_alias=True, include={*_MAKES_ROWS})
    makes["split"].pop("sample", None)  # which rows are trained on, of those that are pinned
    return identity_hash(model.model, makes, *_hashes_below(context, model))


def _hashes_below(context: Context, model: Model) -> list[str]:
    return [context.config.spec_hash(kind, each) for kind, each in _declared_below(context, model)]


def plugin_packages(context: Context, model: Model) -> dict[str, str]:
    """Tell the versions of the packages that bring what a training set, or a model, is made with.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        Package -> version, of what the model names and of all that its rows are made from.

    >>> plugin_packages(context, context.config.models["late"])
    {}
    """
    config = context.config
    kinds: dict[str, Mapping[str, Section]] = {"source": config.sources, "feature_table": config.feature_tables}
    declared = [model, *(kinds[kind][name] for kind, name in _declared_below(context, model))]
    return releases(plugin for each in declared for plugin in plugins_used(each))


def _declared_below(context: Context, model: Model) -> list[tuple[str, str]]:
    config = context.config
    tables = sorted(tables_below(config.feature_tables, {pattern.split(".")[0] for pattern in model.features}))
    sources = {*sources_below(config.feature_tables, tables), model.predict.from_, model.label.from_}
    return [*(("feature_table", each) for each in tables), *(("source", each) for each in sorted(sources))]


def name_spec_hashes(context: Context, model: Model) -> dict[str, str]:
    """Hash each declaration that a training set is made by.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        `source orders`, by kind and name -> its hash.

    >>> sorted(name_spec_hashes(context, context.config.models["late"]))[:2]
    ['feature_table shop_delays', 'feature_table shop_last']
    """
    parts = [("model", model.model), *_declared_below(context, model)]
    return {f"{kind} {name}": context.config.spec_hash(kind, name) for kind, name in parts}


def pinned_rows_hash(context: Context, set_id: str) -> str | None:
    """Tell the `rows_spec_hash` a training set was pinned with.

    Args:
        context: Project and lake.
        set_id: The training set.

    Returns:
        The hash; None where the log of the manifests does not tell it, or tells it no more.

    >>> pinned = read_manifests(context, "late")[0]
    >>> pinned_rows_hash(context, pinned.training_set_id) == rows_spec_hash(context, context.config.models["late"])
    True
    >>> print(pinned_rows_hash(context, "no-such-set"))
    None
    """
    done = context.lake.find_commit(context.lake.own(schemas.TRAINING_SETS), _manifest_identity(set_id))
    return None if done is None else done.notes.get("rows_spec_hash")


def _manifest_identity(set_id: str) -> WriteIdentity:
    return WriteIdentity(JOB, f"manifest {set_id}")


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
    for each in read_manifests(context, name):
        if instant_text(each.as_of) == context.turn:
            return pinned_set(each)
    raise NotReadyError(
        f"model {name}",
        [Failure("training set", f"none is pinned as of {context.turn}")],
        f"run `lakeloop training-set --as-of {context.turn}` first",
    )


def pinned_set(manifest: Manifest) -> TrainingSet:
    """Give a training set by its manifest, which stays when the log entries of its making are cleaned up.

    Args:
        manifest: What it was pinned with.

    Returns:
        The training set.

    >>> pinned_set(read_manifests(context, "late")[0]).summary
    '513 rows already pinned'
    """
    return TrainingSet(
        manifest.training_set_id,
        manifest.model,
        manifest.rows,
        manifest.content_hash,
        manifest.data_through,
        manifest.delta_version,
        Outcome.SKIPPED,
    )


def _write(context: Context, model: Model, address: TableAddress, identity: WriteIdentity, set_id: str) -> WriteResult:
    lake = context.lake
    inputs = gold_inputs(context, model)
    sources = dict.fromkeys((model.predict.from_, model.label.from_))
    versions = {each: lake.version(lake.address("bronze", each)) for each in sources}
    built, made = build_rows(context, model, set_id, inputs, versions)
    columns = with_columns(
        schemas.training_columns(model.label.classes), described_columns(context.config, model, made)
    )
    assert_same_columns(lake, address, columns, MODEL_REMEDY)
    described = f"Training sets of {model.model}, told apart by training_set_id."
    describe_model_table(context, model, address, columns, described, "training_set_id, prediction_id")
    notes = {
        "training_set_id": set_id,
        "inputs": _pinned(versions, inputs),
        "windows": _windows(built.split_of),
        "void_rows": built.void,
        "label_conflicts": built.conflicts,
        "purged_days": [day.isoformat() for day in built.purged],
        "engine": Engine.LOCAL if isinstance(built.rows, pa.Table) else Engine.SPARK,
    }
    return lake.append(built.rows, address, identity, notes=notes, expect_rows=built.matured)


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


def training_rows(context: Context, address: TableAddress, set_id: str) -> DataFrame:
    """Read the rows of a pinned training set.

    Args:
        context: Project, lake and logical now.
        address: Table of the model's training sets.
        set_id: The training set. Its rows are never changed, so that the newest version holds them as any other does.

    Returns:
        Its rows, in no order.

    >>> pinned, address = find_training_set(context, "late"), context.lake.address("training_sets", "late")
    >>> training_rows(context, address, pinned.training_set_id).columns[:4]
    ['training_set_id', 'prediction_id', 'prediction_ts', 'label']
    """
    rows = context.lake.read(address, context.as_of, by="as_of")
    return rows.where(F.col("training_set_id") == set_id)


def _record(
    context: Context, model: Model, address: TableAddress, written: WriteResult, set_id: str, spec_hash: str
) -> TrainingSet:
    lake = context.lake
    identity = _manifest_identity(set_id)
    if lake.find_commit(lake.own(schemas.TRAINING_SETS), identity) is not None:
        return find_training_set(context, model.model)
    rows = training_rows(context, address, set_id)
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
        "packages": json.dumps(installed_versions(_PACKAGES) | plugin_packages(context, model)),
        "engine": written.notes["engine"],
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
        "rows_spec_hash": rows_spec_hash(context, model),
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
