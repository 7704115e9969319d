"""The daily profiles of a version's predictions: each scored row is profiled once, when it is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from lakeloop import schemas
from lakeloop.batches import gather_batches
from lakeloop.config.model import Model
from lakeloop.config.project import Engine
from lakeloop.drift.daily_profiles import PROFILES_SCHEMA, DailyProfiler, ProfilePlan
from lakeloop.drift.merged_profiles import merge_profiles
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.engine import choose_engine, held_columns, types_of
from lakeloop.runs.windows import MonitorWindow
from lakeloop.statuses import Purpose
from lakeloop.tables import WriteIdentity, read_arrow, read_arrow_batches
from lakeloop.with_columns import with_columns

JOB = "profile"
SKETCHES = ("quantile_sketch", "distinct_sketch")

_ROWS_OF_A_BATCH = 65_536
_COPIES = 2
"""Of the rows that are read. They are read a part at a time; the estimate stands for their size, by which the engine is
chosen."""


@dataclass(frozen=True)
class _Unprofiled:
    """Which predictions have no profile yet.

    Attributes:
        after: Those with a later `as_of`; None for all of them.
        rows: How many there are at most.
        generation: Number of the generation that their profiles belong to.
        head: Newest commit of the predictions.
    """

    after: datetime | None
    rows: int
    generation: int
    head: int


def profile_predictions(context: Context, model: Model, version: str, plan: ProfilePlan) -> int:
    """Profile the predictions of a version that have no profile yet.

    Rows are found by the instant at which they were scored; as of an earlier instant than that of a monitoring that is
    done there are none. Where rows were added to what was profiled already, as by a
    stream whose clock is behind, all are profiled again as a new generation.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The version.
        plan: What is counted; the same for all of a version's predictions.

    Returns:
        Rows of profiles that were written now, or by an earlier run of the same turn.

    Raises:
        BudgetError: If the in-process engine is declared and the rows do not fit the memory budget.

    >>> from lakeloop.drift.bins import ColumnBins
    >>> plan = ProfilePlan((ColumnBins("items", "number", edges=(2.0,)),), "UTC", "prediction_ts")
    >>> model = context.config.models["late"]
    >>> profile_predictions(fresh, model, "9", plan)  # nobody was scored by it
    0
    """
    lake, name = context.lake, model.model
    address = lake.create_own(schemas.DAILY_PROFILES)
    identity = WriteIdentity(JOB, f"{name} {version} {context.turn}", version)
    done = lake.find_commit(address, identity)
    if done is not None:
        return done.rows
    new = _find_unprofiled(context, name, version)
    if not new.rows:
        return 0
    rows = _profile(context, model, version, plan, new)
    notes = {"through": instant_text(context.as_of), "head": new.head, "generation": new.generation}
    return lake.append(rows, address, identity, notes=notes).rows


def _find_unprofiled(context: Context, name: str, version: str) -> _Unprofiled:
    """Find by the tables' histories what is new; no row is read."""
    lake = context.lake
    before = [
        commit
        for commit in lake.commits(lake.own(schemas.DAILY_PROFILES))
        if commit.unit.startswith(f"{name} ") and commit.fingerprint == version
    ]
    if any(datetime.fromisoformat(commit.notes["through"]) > context.as_of for commit in before):
        return _Unprofiled(None, 0, 0, 0)  # a later turn has profiled what there was: rows count once
    scored = [(commit, _scored_at(commit.notes)) for commit in lake.commits(lake.address("predictions", name))]
    known = [(commit, at) for commit, at in scored if at is None or at <= context.as_of]
    head = max((commit.version for commit, _ in scored), default=-1)
    if not before:
        return _Unprofiled(None, sum(commit.rows for commit, _ in known), 0, head)
    last = max(before, key=lambda commit: commit.version).notes
    through = datetime.fromisoformat(last["through"])
    belated = [commit for commit, at in known if commit.version > last["head"] and (at is None or at <= through)]
    if belated:
        return _Unprofiled(None, sum(commit.rows for commit, _ in known), last["generation"] + 1, head)
    rows = sum(commit.rows for commit, at in known if at is not None and at > through)
    return _Unprofiled(through, rows, last["generation"], head)


def _scored_at(notes: Any) -> datetime | None:
    """The logical now of a scoring; None of one by an earlier lakeloop, which did not note it."""
    return datetime.fromisoformat(notes["as_of"]) if notes.get("as_of") else None


def _profile(context: Context, model: Model, version: str, plan: ProfilePlan, new: _Unprofiled) -> DataFrame | pa.Table:
    lake, name = context.lake, model.model
    address = lake.address("predictions", name)
    types = types_of(lake.columns(address))
    columns = [each for each in plan.columns if each in types]
    held = held_columns(f"predictions.{name}", new.rows, types, columns, _COPIES)
    same = {"model": name, "model_version": version, "generation": new.generation, "as_of": context.as_of}
    if choose_engine(context, f"the profiles of {name}", [held]) is Engine.LOCAL:
        return in_process(context, model, version, plan, new.after, same)
    return on_spark(context, model, version, plan, new.after, same)


def in_process(
    context: Context,
    model: Model,
    version: str,
    plan: ProfilePlan,
    after: datetime | None,
    same: dict[str, Any],
) -> pa.Table:
    """Profile predictions in this process, a part at a time; the caller has asked for the size.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The version.
        plan: What is counted.
        after: Only rows with a later `as_of`; None for all of them.
        same: Column -> value that every row of profiles has.

    Returns:
        Rows of `monitoring.daily_profiles`.

    >>> from lakeloop.drift.bins import ColumnBins
    >>> plan = ProfilePlan((ColumnBins("items", "number", edges=(5.0,)),), "UTC", "prediction_ts")
    >>> found = in_process(context, context.config.models["late"], "1", plan, None, {"model": "late"})
    >>> sum(found["count"].to_pylist()) > 200, set(found["model"].to_pylist())
    (True, {'late'})
    """
    lake = context.lake
    address = lake.address("predictions", model.model)
    there = set(lake.columns(address).fieldNames())
    where = None if after is None else pc.field("as_of") > pa.scalar(after, pa.timestamp("us", "UTC"))
    equal = {"model_version": version, "purpose": Purpose.PRODUCTION.value}
    columns = [each for each in plan.columns if each in there]
    profiler = DailyProfiler(plan)
    for part in read_arrow_batches(
        lake, address, context.as_of, columns, rows=_ROWS_OF_A_BATCH, by="as_of", equal=equal, where=where
    ):
        profiler.add(part)
    found = profiler.profiles()
    for name, value in same.items():
        kind = pa.timestamp("us", "UTC") if isinstance(value, datetime) else None
        found = found.append_column(name, pa.repeat(pa.scalar(value, kind), found.num_rows))
    return found


def on_spark(
    context: Context,
    model: Model,
    version: str,
    plan: ProfilePlan,
    after: datetime | None,
    same: dict[str, Any],
) -> DataFrame:
    """Profile predictions by Spark: one pass over the rows, and a merge of what its tasks counted.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The version.
        plan: What is counted.
        after: Only rows with a later `as_of`; None for all of them.
        same: Column -> value that every row of profiles has.

    Returns:
        Rows of `monitoring.daily_profiles`.

    >>> from lakeloop.drift.bins import ColumnBins
    >>> plan = ProfilePlan((ColumnBins("items", "number", edges=(5.0,)),), "UTC", "prediction_ts")
    >>> found = on_spark(context, context.config.models["late"], "1", plan, None, {"model": "late"})
    >>> found.columns[-1], found.where("column_name <> 'items'").count()
    ('model', 0)
    """
    lake = context.lake
    scored = lake.read(lake.address("predictions", model.model), context.as_of, by="as_of", after=after)
    own = scored.where((F.col("model_version") == version) & (F.col("purpose") == Purpose.PRODUCTION.value))
    return with_columns(profile_frame(own, plan), {name: F.lit(value) for name, value in same.items()})


def profile_frame(rows: DataFrame, plan: ProfilePlan) -> DataFrame:
    """Profile rows by Spark.

    Args:
        rows: Rows with the plan's time column, and those of its columns that there are.
        plan: What is counted.

    Returns:
        Rows of `PROFILES_SCHEMA`, one per block, slice and column. They are shuffled once: blocks x slices x columns
        per task, whatever the number of rows.

    >>> from lakeloop.drift.bins import ColumnBins
    >>> plan = ProfilePlan((ColumnBins("items", "number", edges=(2.0,)),), "UTC", "at")
    >>> rows = spark.sql("select timestamp'2024-02-01 09:00' as at, explode(array(1.0D, 2.0D, 3.0D)) as items")
    >>> [(str(row.block), row["count"], row.bins) for row in profile_frame(rows, plan).collect()]
    [('2024-02-01', 3, [2, 1, 0])]
    """
    columns: Sequence[Column | str] = [each for each in plan.columns if each in rows.columns]
    schema = from_arrow_schema(PROFILES_SCHEMA)

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        profiler = DailyProfiler(plan)
        for batch in gather_batches(batches, _ROWS_OF_A_BATCH):
            profiler.add(batch)
        yield from profiler.profiles().to_batches()

    def merge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from merge_profiles(batches).to_batches()

    counted = rows.select(*columns).mapInArrow(count, schema)
    return counted.repartition("block", "column_name").mapInArrow(merge, schema)


def read_profiles(
    context: Context, name: str, version: str, windows: Sequence[MonitorWindow], *, sketches: bool = True
) -> pa.Table:
    """Read the profiles of a version's windows, each block of each evaluation apart.

    Args:
        context: Project, lake and logical now.
        name: The model.
        version: The version.
        windows: The windows; nothing is read of days outside all of them.
        sketches: Whether the sketches are read too.

    Returns:
        Rows of `PROFILES_SCHEMA`; without `sketches` those are null. They are days x slices x columns per evaluation.

    >>> read_profiles(fresh, "late", "1", []).num_rows
    0
    """
    lake = context.lake
    address = lake.own(schemas.DAILY_PROFILES)
    if not windows or not lake.exists(address):
        return PROFILES_SCHEMA.empty_table()
    first, last = min(each.first_day for each in windows), max(each.last_day for each in windows)
    names = [each for each in PROFILES_SCHEMA.names if sketches or each not in SKETCHES]
    found = _read(context, name, version, [*names, "generation"], first, last)
    newest = pc.max(found["generation"])
    found = found.filter(pc.equal(found["generation"], newest)) if found.num_rows else found
    missing = [pa.nulls(found.num_rows, PROFILES_SCHEMA.field(each).type) for each in SKETCHES if each not in names]
    for each, values in zip(SKETCHES, missing, strict=False):
        found = found.append_column(each, values)
    return found.select(PROFILES_SCHEMA.names).cast(PROFILES_SCHEMA)


def _read(context: Context, name: str, version: str, columns: Sequence[str], first: date, last: date) -> pa.Table:
    lake = context.lake
    address = lake.own(schemas.DAILY_PROFILES)
    if not address.in_catalog:
        day = pc.field("block")
        between = (day >= pa.scalar(first, pa.date32())) & (day <= pa.scalar(last, pa.date32()))
        equal = {"model": name, "model_version": version}
        return read_arrow(lake, address, context.as_of, columns, by="as_of", equal=equal, where=between)
    rows = lake.read_own(schemas.DAILY_PROFILES, context.as_of)
    own = rows.where((F.col("model") == name) & (F.col("model_version") == version))
    found: pa.Table = own.where(F.col("block").between(first, last)).select(*columns).toArrow()  # bounded: days
    return found
