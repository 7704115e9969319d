"""What differs between two training sets of one model: inputs, and rows column by column."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.private_columns import private_source_columns
from lakeloop.discovery.private import HIDDEN
from lakeloop.errors import ConflictError, Failure
from lakeloop.runs.context import Context
from lakeloop.runs.manifests import Manifest, find_manifest
from lakeloop.runs.training_set import training_rows

_OF_THE_SET = frozenset({"training_set_id", "as_of"})
_ID = "prediction_id"
_FIRST, _SECOND, _CHANGED = "_first", "_second", "_changed"
_SHOWN = 5
"""Ids that are named of each kind of difference."""


@dataclass(frozen=True)
class InputChange:
    """A table that two sets were not made from alike.

    Attributes:
        table: `gold.weather`.
        first: Version, and how far it was built, in the first set; None when it is no input of it.
        second: The same of the second set.
    """

    table: str
    first: str | None
    second: str | None


@dataclass(frozen=True)
class SetDiff:
    """What differs between two training sets.

    Attributes:
        model: Their model.
        first: Id of the first.
        second: Id of the second.
        is_same_declaration: Whether both were made by one declaration.
        is_same_content: Whether their rows are the same.
        inputs: Tables that differ.
        rows_first: Rows of the first alone, by `prediction_id`.
        rows_second: Rows of the second alone.
        rows_changed: Rows of both whose values differ.
        changes: Column -> number of those rows that differ in it; columns without a change are left out. One that a set
            was made without is null in all of its rows.
        ids_first: The first few `prediction_id` of the first alone; hidden where an id column says something of a
            person, or the model is declared no more, so that nobody can tell.
        ids_second: The same of the second alone.
        ids_changed: The same of rows of both whose values differ.
    """

    model: str
    first: str
    second: str
    is_same_declaration: bool
    is_same_content: bool
    inputs: tuple[InputChange, ...]
    rows_first: int
    rows_second: int
    rows_changed: int
    changes: dict[str, int]
    ids_first: tuple[str, ...] = ()
    ids_second: tuple[str, ...] = ()
    ids_changed: tuple[str, ...] = ()


def diff_sets(context: Context, first: str, second: str) -> SetDiff:
    """Compare two training sets; two queries, whatever their size.

    Args:
        context: Project and lake.
        first: A set, or the beginning of its id.
        second: Another one of the same model.

    Returns:
        What differs.

    Raises:
        NotReadyError: If there is no such set.
        ConflictError: If they are of two models.

    >>> from lakeloop.runs.manifests import read_manifests
    >>> first, second = (each.training_set_id for each in read_manifests(context, "late"))
    >>> found = diff_sets(context, first, second)
    >>> found.rows_first, found.rows_second, found.rows_changed, found.is_same_declaration
    (0, 228, 220, True)
    >>> len(found.ids_first), len(found.ids_second), len(found.ids_changed)
    (0, 5, 5)
    """
    one, other = find_manifest(context, first), find_manifest(context, second)
    if one.model != other.model:
        raise ConflictError(
            "training sets",
            [Failure(each.training_set_id, f"is of model {each.model}") for each in (one, other)],
            "name two sets of one model: `lakeloop training-set list --model NAME`",
        )
    address = context.lake.address("training_sets", one.model)
    now = context.at(max(context.as_of, one.as_of, other.as_of))
    sides = [_side(training_rows(now, address, each.training_set_id)) for each in (one, other)]
    columns = sorted({*sides[0].columns} - {_ID})  # both sides are rows of one table
    pairs = _pair(sides[0], sides[1], columns)
    found = _count(pairs, columns)
    is_same = not any(found[name] for name in (_FIRST, _SECOND, _CHANGED))
    ids = {} if is_same else _first_ids(pairs, is_hidden=_is_private(context, one.model))
    return SetDiff(
        model=one.model,
        first=one.training_set_id,
        second=other.training_set_id,
        is_same_declaration=one.spec_hash == other.spec_hash,
        is_same_content=is_same,
        inputs=_input_changes(one, other),
        rows_first=found[_FIRST],
        rows_second=found[_SECOND],
        rows_changed=found[_CHANGED],
        changes={name: found[name] for name in columns if found[name]},
        ids_first=ids.get(_FIRST, ()),
        ids_second=ids.get(_SECOND, ()),
        ids_changed=ids.get(_CHANGED, ()),
    )


def _side(rows: DataFrame) -> DataFrame:
    return rows.drop(*_OF_THE_SET)


def _pair(first: DataFrame, second: DataFrame, columns: list[str]) -> DataFrame:
    left = first.select(_ID, F.struct(*columns).alias("_left"))
    right = second.select(_ID, F.struct(*columns).alias("_right"))
    return left.join(right, _ID, "full_outer")


def _kinds() -> dict[str, Column]:
    """Tell rows of one side alone, and rows of both that differ."""
    left, right = F.col("_left"), F.col("_right")
    return {_FIRST: right.isNull(), _SECOND: left.isNull(), _CHANGED: _is_in_both() & ~left.eqNullSafe(right)}


def _is_in_both() -> Column:
    return F.col("_left").isNotNull() & F.col("_right").isNotNull()


def _count(pairs: DataFrame, columns: list[str]) -> dict[str, int]:
    """Count rows of one side alone, and rows of both that differ, column by column."""

    def count(condition: Column, name: str) -> Column:
        return F.coalesce(F.count_if(condition), F.lit(0)).alias(name)

    counted = pairs.agg(
        *(count(condition, kind) for kind, condition in _kinds().items()),
        *(count(_is_in_both() & ~F.col(f"_left.{name}").eqNullSafe(F.col(f"_right.{name}")), name) for name in columns),
    ).first()
    return {} if counted is None else {name: int(value) for name, value in counted.asDict().items()}


def _first_ids(pairs: DataFrame, *, is_hidden: bool) -> dict[str, tuple[str, ...]]:
    """Name the least ids of each kind of difference."""
    kind = F.coalesce(*(F.when(condition, F.lit(name)) for name, condition in _kinds().items()))
    place = F.row_number().over(Window.partitionBy("_kind").orderBy(_ID))
    named = pairs.select(_ID, kind.alias("_kind")).where("_kind is not null").withColumn("_place", place)
    found: dict[str, tuple[str, ...]] = {}
    for row in named.where(F.col("_place") <= _SHOWN).orderBy("_kind", _ID).collect():  # bounded: a few of each kind
        found[row["_kind"]] = (*found.get(row["_kind"], ()), row[_ID])
    return dict.fromkeys(found, (HIDDEN,)) if is_hidden else found


def _is_private(context: Context, name: str) -> bool:
    """Tell whether ids may say something of a person: they are hashes that whoever knows a key can compute."""
    model = context.config.models.get(name)
    if model is None:
        return True
    return not private_source_columns(context.config.sources[model.predict.from_]).isdisjoint(model.predict.id)


def _input_changes(first: Manifest, second: Manifest) -> tuple[InputChange, ...]:
    sides = [
        {
            each.table: f"version {each.version}"
            + (f", built through {each.built_through}" if each.built_through else "")
            for each in manifest.inputs
        }
        for manifest in (first, second)
    ]
    names = dict.fromkeys([*sides[0], *sides[1]])
    changes = (InputChange(name, sides[0].get(name), sides[1].get(name)) for name in names)
    return tuple(each for each in changes if each.first != each.second)
