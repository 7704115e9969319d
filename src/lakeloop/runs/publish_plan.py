"""What a publish has to do for each gold table: nothing, the rows since the last one, or a new generation of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lakeloop import schemas
from lakeloop.errors import ConflictError, Failure
from lakeloop.features.windows import floor_tick_of
from lakeloop.online_store.store import PublishedTable
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.model_inputs import GoldInput
from lakeloop.runs.order import BACKFILL
from lakeloop.tables import Commit, identity_hash

_DIGITS = 16


@dataclass(frozen=True)
class PlannedTable:
    """What is to be done for a gold table.

    Attributes:
        table: What the store's manifest says afterwards.
        after: Only rows that became available later are read; None reads all.
        is_served: Whether the store serves this already, so that nothing is to be done.
    """

    table: PublishedTable
    after: datetime | None = None
    is_served: bool = False


def plan_tables(
    context: Context, inputs: Sequence[GoldInput], served: Mapping[str, PublishedTable], *, full: bool
) -> tuple[PlannedTable, ...]:
    """Plan a publish.

    Args:
        context: Project, lake and logical now.
        inputs: The model's gold tables.
        served: What the store serves.
        full: Whether to begin a new generation of every table.

    Returns:
        A plan per table, in their order.

    Raises:
        ConflictError: If the store serves what became known later than the logical now.

    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> inputs = gold_inputs(context, context.config.models["late"])
    >>> [(each.table.table, each.after, each.is_served) for each in plan_tables(context, inputs, {}, full=False)]
    [('shop_delays', None, False), ('shop_last', None, False)]
    """
    recorded = context.lake.own_rows(schemas.PUBLISHES, None)
    wanted = [describe_table(context, each) for each in inputs]
    refuse_earlier_publish(context, wanted, served)
    return tuple(
        plan_table(
            each,
            served.get(each.table),
            [row for row in recorded if row["table"] == each.table],
            context.lake.commits(context.lake.address("gold", each.table)),
            full=full,
        )
        for each in wanted
    )


def describe_table(context: Context, wanted: GoldInput) -> PublishedTable:
    """Say what a manifest is to say of a gold table, but for its generation.

    All features are published, whichever the model uses, so that models share a table.

    Args:
        context: Project, lake and logical now.
        wanted: The table, built far enough.

    Returns:
        Its part of a manifest, complete up to the last tick of the logical now.

    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> described = describe_table(context, gold_inputs(context, context.config.models["late"])[0])
    >>> described.key_types, described.features["count_is_late_6h"], described.built_through.isoformat()
    ({'shop': 'string'}, 'bigint', '2024-02-04T00:00:00+00:00')
    """
    table = context.config.feature_tables[wanted.table]
    address = context.lake.address("gold", wanted.table)
    types = {field.name: field.dataType.simpleString() for field in context.lake.columns(address).fields}
    return PublishedTable(
        table=wanted.table,
        generation="",
        entity=table.entity,
        features={name: types[name] for name in table.feature_names},
        key_types={name: types[name] for name in table.entity},
        every=table.every,
        ttl=table.ttl,
        built_through=context.as_of if table.every is None else floor_tick_of(context.as_of, table.every),
        delta_version=wanted.version,
        spec_hash=wanted.spec_hash,
        published_as_of=context.as_of,
    )


def plan_table(
    wanted: PublishedTable,
    served: PublishedTable | None,
    recorded: Sequence[Mapping[str, Any]],
    commits: Sequence[Commit],
    *,
    full: bool,
) -> PlannedTable:
    """Plan the publish of one table.

    Args:
        wanted: What is to be served; its generation counts for nothing.
        served: What is served; None without it.
        recorded: Rows of `ops.publishes` of this table, in any order.
        commits: Commits that lakeloop made to the table, oldest first.
        full: Whether to begin a new generation.

    Returns:
        The plan. What is served and was never recorded was swapped by a call that was stopped right then: it is done
        again in its generation, so that the record is what it would have been.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2024, 1, 25, 12, tzinfo=UTC)
    >>> served = PublishedTable("shops", "g1", ("shop",), {"mean": "double"}, {"shop": "string"}, None, None, noon, 3,
    ...                         "a1", noon)
    >>> done = {"generation": "g1", "built_through": noon, "delta_version": 3}
    >>> wanted = replace(served, built_through=noon + timedelta(hours=1), delta_version=4)
    >>> commits = [Commit(version, "", "features", "", "", 3) for version in (3, 4)]
    >>> plan = plan_table(wanted, served, [done], commits, full=False)
    >>> plan.table.generation, plan.after == noon, plan_table(served, served, [done], commits, full=False).is_served
    ('g1', True, True)
    """
    if served is not None and _goes_on(wanted, served, commits):
        known = [row for row in recorded if row["generation"] == served.generation]
        is_recorded = any(_says(row) == (served.built_through, served.delta_version) for row in known)
        same = replace(wanted, generation=served.generation)
        is_there = _state_of(wanted) == _state_of(served)
        if not is_recorded and is_there and served.published_as_of == wanted.published_as_of:
            before = [row["built_through"] for row in known if row["built_through"] < wanted.built_through]
            return PlannedTable(same, max(before, default=None))
        if is_recorded and not full:
            return PlannedTable(served, is_served=True) if is_there else PlannedTable(same, served.built_through)
    parts = (wanted.table, wanted.spec_hash, list(wanted.features.items()), wanted.built_through.isoformat())
    generation = identity_hash("generation", *parts, served.generation if served is not None else "")[:_DIGITS]
    return PlannedTable(replace(wanted, generation=generation))


def _says(row: Mapping[str, Any]) -> tuple[datetime, int]:
    return row["built_through"], row["delta_version"]


def _state_of(table: PublishedTable) -> tuple[datetime, int]:
    return table.built_through, table.delta_version


def _goes_on(wanted: PublishedTable, served: PublishedTable, commits: Sequence[Commit]) -> bool:
    """Tell whether what is served only lacks rows: declared alike, and no published row was changed since.

    The log has to reach back to the version that is served, else a backfill might have left no trace.
    """
    alike = all(
        getattr(wanted, name) == getattr(served, name) for name in ("spec_hash", "entity", "key_types", "every", "ttl")
    )
    same_order = list(wanted.features.items()) == list(served.features.items())
    is_known = any(each.version == served.delta_version for each in commits)
    is_changed = any(each.job == BACKFILL for each in commits if each.version > served.delta_version)
    return alike and same_order and is_known and not is_changed


def refuse_earlier_publish(
    context: Context, wanted: Sequence[PublishedTable], served: Mapping[str, PublishedTable]
) -> None:
    """Refuse to serve less than is served.

    Args:
        context: The logical now.
        wanted: What is to be served.
        served: What is served.

    Raises:
        ConflictError: With each table that is served as of a later instant.

    >>> from datetime import timedelta
    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> wanted = [describe_table(context, each) for each in gold_inputs(context, context.config.models["late"])]
    >>> served = {each.table: replace(each, published_as_of=context.as_of + timedelta(days=1)) for each in wanted[:1]}
    >>> try:
    ...     refuse_earlier_publish(context, wanted, served)
    ... except ConflictError as error:
    ...     print(error)
    publish as of 2024-02-04T00:00:00Z: conflicts with what is recorded
      - gold.shop_delays: is served as of 2024-02-05T00:00:00Z, built through 2024-02-04T00:00:00Z
      remedy: go forward: name 2024-02-05T00:00:00Z or a later --as-of; the store serves the newest state only
    """
    later = [
        served[each.table]
        for each in wanted
        if each.table in served
        and (
            served[each.table].published_as_of > each.published_as_of
            or served[each.table].built_through > each.built_through
        )
    ]
    if later:
        newest = max(each.published_as_of for each in later)
        raise ConflictError(
            f"publish as of {context.turn}",
            [
                Failure(
                    f"gold.{each.table}",
                    f"is served as of {instant_text(each.published_as_of)},"
                    f" built through {instant_text(each.built_through)}",
                )
                for each in later
            ],
            f"go forward: name {instant_text(newest)} or a later --as-of; the store serves the newest state only",
        )
