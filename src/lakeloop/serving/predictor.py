"""From checked rows and what a store found to features, statuses and what a model is given. It touches nothing.

A look-up means here what it means in `point_in_time`, with one word more: a store holds the newest state of an entity
alone, so an instant before that state gets AHEAD, and no value, where the point-in-time join would find an older one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lakeloop.errors import ConflictError, Failure, NotReadyError
from lakeloop.online_store.store import Found, Key, PublishedTable, State
from lakeloop.serving.bundle import Bundle, BundleTable
from lakeloop.serving.columns import Kind, kind_of, micros_of
from lakeloop.statuses import LookupStatus

PREDICTION_TS = "prediction_ts"
_MICROSECOND = timedelta(microseconds=1)
_ALIKE = {**dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "whole"), "float": "number", "double": "number"}

Row = Mapping[str, Any]
"""Column -> value of a row of a request, as a store holds it; a column that may be left out may be absent."""


@dataclass(frozen=True)
class Input:
    """Where a column of the model comes from.

    Attributes:
        name: The column.
        kind: Its type, of a column of the request; None of a feature, whose type the store tells.
        table: Place of its table in the bundle.
        feature: Place of the feature in the table.
    """

    name: str
    kind: Kind | None
    table: int = 0
    feature: int = 0


@dataclass(frozen=True)
class Plan:
    """What is known of a bundle's rows before any of them came.

    Attributes:
        bundle: The bundle.
        kinds: Column of a request -> its type.
        inputs: What the model is given, in order.
    """

    bundle: Bundle
    kinds: Mapping[str, Kind]
    inputs: tuple[Input, ...]


def plan_of(bundle: Bundle) -> Plan:
    """Find where every column of the model comes from.

    Args:
        bundle: The bundle.

    Returns:
        The plan.

    Raises:
        ConflictError: If a column has a type that no request can give, or comes from nowhere.

    >>> from tests.serving.factories import make_bundle
    >>> [each.name for each in plan_of(make_bundle()).inputs][:2]
    ['items', 'order_ts']
    """
    kinds, failures = {}, []
    for name, kind in bundle.columns.items():
        try:
            kinds[name] = kind_of(kind)
        except ValueError:
            failures.append(Failure(name, f"a request cannot give the type {kind}"))
    features = {
        f"{of.table}__{name}": (table, feature)
        for table, of in enumerate(bundle.tables)
        for feature, name in enumerate(of.features)
    }
    inputs = []
    for name in bundle.inputs:
        if name in features:
            inputs.append(Input(name, None, *features[name]))
        elif name not in bundle.columns:
            failures.append(Failure(name, "neither the request nor a table gives it"))
        elif name in kinds and kinds[name].to_input is None:
            failures.append(Failure(name, f"no model takes the type {bundle.columns[name]}"))
        elif name in kinds:
            inputs.append(Input(name, kinds[name]))
    failures += [
        Failure(name, f"the key of {of.table} is no column of a request")
        for of in bundle.tables
        for name in of.entity
        if name not in bundle.columns
    ]
    if failures:
        subject = f"the bundle of model {bundle.model} version {bundle.version}"
        raise ConflictError(subject, failures, "change the declaration, train a version and publish it")
    return Plan(bundle, kinds, tuple(inputs))


@dataclass(frozen=True)
class TableLayout:
    """A table as a store serves it now.

    Attributes:
        declared: What the bundle says of it.
        published: What the manifest says of it.
        places: Per feature of the bundle its place among the stored values.
        kinds: Per feature its type.
        built_micros: `built_through`.
        every_micros: Tick; None for attributes.
        ttl_micros: Age after which a state is EXPIRED; None for none.
    """

    declared: BundleTable
    published: PublishedTable
    places: tuple[int, ...]
    kinds: tuple[Kind, ...]
    built_micros: int
    every_micros: int | None
    ttl_micros: int | None


Layout = tuple[TableLayout, ...]


def lay_out(plan: Plan, published: Mapping[str, PublishedTable]) -> Layout:
    """Hold what a store serves to what the model learned from.

    Args:
        plan: The bundle.
        published: Table -> what its manifest says.

    Returns:
        The tables, in the bundle's order.

    Raises:
        NotReadyError: If a table was never published, or is not the one that the model learned from.

    >>> from tests.serving.factories import make_bundle
    >>> try:
    ...     lay_out(plan_of(make_bundle()), {})
    ... except NotReadyError as error:
    ...     print(error.failures[0])
    shop_delays: it was never published to the online store
    """
    layout, failures = [], []
    for declared in plan.bundle.tables:
        table = published.get(declared.table)
        problems = ["it was never published to the online store"] if table is None else _drift(plan, declared, table)
        failures += [Failure(declared.table, each) for each in problems]
        if table is None or problems:
            continue
        order = {name: place for place, name in enumerate(table.features)}
        layout.append(
            TableLayout(
                declared,
                table,
                tuple(order[name] for name in declared.features),
                tuple(kind_of(table.features[name]) for name in declared.features),
                micros_of(table.built_through),
                None if declared.every is None else declared.every // _MICROSECOND,
                None if declared.ttl is None else declared.ttl // _MICROSECOND,
            )
        )
    if failures:
        remedy = "run `lakeloop publish`, which brings the store and the served version together"
        raise NotReadyError(f"the online store of model {plan.bundle.model}", failures, remedy)
    return tuple(layout)


def _drift(plan: Plan, declared: BundleTable, table: PublishedTable) -> list[str]:
    if table.spec_hash != declared.spec_hash:
        return [f"it is built by another declaration ({table.spec_hash[:12]}) than the model learned from"]
    if table.entity != declared.entity:
        return [f"its key is {', '.join(table.entity)}, not {', '.join(declared.entity)}"]
    problems = [f"the feature {name} is not published" for name in declared.features if name not in table.features]
    for name in declared.entity:
        mine, theirs = plan.kinds[name].name, table.key_types.get(name, "absent")
        if _ALIKE.get(mine, mine) != _ALIKE.get(theirs, theirs):
            problems.append(f"its key {name} is {theirs}, the model's {mine}")
    for name in declared.features:
        try:
            is_taken = name not in table.features or kind_of(table.features[name]).to_input is not None
        except ValueError:
            is_taken = False
        if not is_taken:
            problems.append(f"no model takes the type {table.features[name]} of {name}")
    return problems


def keys_of(plan: Plan, rows: Sequence[Row]) -> tuple[tuple[Key | None, ...], ...]:
    """Give the keys of rows.

    Args:
        plan: The bundle.
        rows: Rows.

    Returns:
        Per table and row its key; None where a part of it is null.

    >>> from tests.serving.factories import make_bundle
    >>> keys_of(plan_of(make_bundle()), [{"shop": "A"}, {"shop": None}])[0]
    (('A',), None)
    """
    found: dict[tuple[str, ...], tuple[Key | None, ...]] = {}
    for table in plan.bundle.tables:
        if table.entity not in found:
            keys = (tuple(_stored(row[name]) for name in table.entity) for row in rows)
            found[table.entity] = tuple(None if None in key else key for key in keys)
    return tuple(found[table.entity] for table in plan.bundle.tables)


def _stored(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value  # as a store holds it


def asked_of(plan: Plan, keys: Sequence[Sequence[Key | None]]) -> dict[str, list[Key]]:
    """Give what a store is to be asked for: every key once.

    >>> from tests.serving.factories import make_bundle
    >>> plan = plan_of(make_bundle())
    >>> asked_of(plan, keys_of(plan, [{"shop": "A"}, {"shop": None}, {"shop": "A"}]))["shop_delays"]
    [('A',)]
    """
    return {
        table.table: list(dict.fromkeys(key for key in of_table if key is not None))
        for table, of_table in zip(plan.bundle.tables, keys, strict=True)
    }


@dataclass(frozen=True)
class TableFeatures:
    """What the look-ups in one table gave.

    Attributes:
        layout: The table.
        statuses: Per row how the look-up ended.
        values: Per row its features, in the bundle's order; None where it has none.
    """

    layout: TableLayout
    statuses: tuple[LookupStatus, ...]
    values: tuple[tuple[Any, ...] | None, ...]


def resolve(
    layout: Layout, keys: Sequence[Sequence[Key | None]], instants: Sequence[int], found: Found
) -> tuple[TableFeatures, ...]:
    """Give every row the state each table had for its keys at its instant.

    Args:
        layout: The tables, by the manifest that was found.
        keys: Per table and row its key, of `keys_of`.
        instants: Per row its `prediction_ts`, microseconds since the epoch.
        found: What the store found for `asked_of`.

    Returns:
        Per table the features and statuses of all rows.

    >>> from tests.serving.factories import BUILT, make_bundle, make_store
    >>> plan, store = plan_of(make_bundle()), make_store()
    >>> keys = keys_of(plan, [{"shop": "A"}, {"shop": "Z"}])
    >>> found = store.look_up(asked_of(plan, keys))
    >>> delays = resolve(lay_out(plan, found.tables), keys, [micros_of(BUILT)] * 2, found)[0]
    >>> [str(each) for each in delays.statuses], delays.values
    (['OK', 'NO_ROW'], ((3.0, 12), None))
    """
    resolved = []
    for table, of_table in zip(layout, keys, strict=True):
        distinct = dict.fromkeys(key for key in of_table if key is not None)
        states = dict(zip(distinct, found.states[table.declared.table], strict=True)) if distinct else {}
        statuses, values = [], []
        for key, instant in zip(of_table, instants, strict=True):
            status, has_value = _look_up(table, key, None if key is None else states[key], instant)
            statuses.append(status)
            stored = states[key].values if key is not None and has_value else None  # type: ignore[union-attr]  # known
            values.append(None if stored is None else tuple([stored[place] for place in table.places]))
        resolved.append(TableFeatures(table, tuple(statuses), tuple(values)))
    return tuple(resolved)


def _look_up(table: TableLayout, key: Key | None, state: State | None, instant: int) -> tuple[LookupStatus, bool]:
    """Tell how a look-up ended, and whether it gives a value."""
    if key is None:
        return LookupStatus.NO_KEY, False
    needed = instant if table.every_micros is None else instant - instant % table.every_micros
    is_stale = needed > table.built_micros
    if state is None:
        return (LookupStatus.STALE if is_stale else LookupStatus.NO_ROW), False
    if state.available_micros > instant:
        return LookupStatus.AHEAD, False
    is_expired = table.ttl_micros is not None and instant - state.event_micros > table.ttl_micros
    if is_stale:
        return LookupStatus.STALE, not is_expired
    return (LookupStatus.EXPIRED, False) if is_expired else (LookupStatus.OK, True)


def model_columns(
    plan: Plan, rows: Sequence[Row], instants: Sequence[int], features: Sequence[TableFeatures]
) -> dict[str, NDArray[Any]]:
    """Give the model's columns as `on_demand.arrow.as_model_input` gives them to a turn of the loop.

    Args:
        plan: The bundle.
        rows: Rows.
        instants: Per row its `prediction_ts`, which is a column like any other where the model reads it.
        features: Per table the features of the rows.

    Returns:
        Column -> doubles, or objects for texts, shape (n_rows,); missing is NaN.

    >>> from tests.serving.factories import make_bundle
    >>> plan = plan_of(make_bundle(tables=(), inputs=("items", "order_ts")))
    >>> model_columns(plan, [{"items": 3, "order_ts": 1_500_000}, {"items": None, "order_ts": None}], [0, 0], ())
    {'items': array([ 3., nan]), 'order_ts': array([1.5, nan])}
    """
    made: dict[str, NDArray[Any]] = {}
    for each in plan.inputs:
        values: Sequence[Any]
        if each.kind is None:
            table = features[each.table]
            kind, place = table.layout.kinds[each.feature], each.feature
            values = [None if of_row is None else of_row[place] for of_row in table.values]
        elif each.name == PREDICTION_TS:
            kind, values = each.kind, instants
        else:
            kind, values = each.kind, [row[each.name] for row in rows]
        to_input = kind.to_input
        if to_input is None:
            raise AssertionError(f"{each.name}: refused when the table was laid out")
        plain = [math.nan if value is None else to_input(value) for value in values]
        made[each.name] = np.array(plain, dtype=object if kind.is_text else np.float64)
    return made
