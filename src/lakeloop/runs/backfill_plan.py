"""What a backfill changes: rows of the table, and whose look-ups would meet other rows. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.config.feature_table import Kind
from lakeloop.config.model import Model
from lakeloop.config.table_inputs import tables_above
from lakeloop.errors import UsageError
from lakeloop.features.differences import compare_rows, count_differences, find_spans, touched_after, touched_by
from lakeloop.features.windows import entry_keys, reach_back
from lakeloop.runs.backfill_base import Base, backfill_unit, base_of, told_backfills
from lakeloop.runs.backfill_rows import compute_rows
from lakeloop.runs.backfill_scope import Asked, Scope, find_table, read_scope
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.failed_tables import explaining
from lakeloop.runs.manifests import Manifest, read_manifests
from lakeloop.runs.model_inputs import features_by_table
from lakeloop.runs.order import BACKFILL, refuse_earlier
from lakeloop.runs.outdated import OutdatedChampion, find_outdated
from lakeloop.runs.spine import spine_as_of
from lakeloop.tables import Lake


@dataclass(frozen=True)
class TouchedSet:
    """A training set that would differ if it were made again after the backfill; it is never rewritten.

    Attributes:
        training_set_id: Its id.
        model: The model.
        as_of: Logical now of the pinning, ISO, UTC.
        rows: Its rows.
        rows_touched: Of these, rows whose look-up meets a row that differs.
    """

    training_set_id: str
    model: str
    as_of: str
    rows: int
    rows_touched: int


@dataclass(frozen=True)
class TouchedPredictions:
    """Predictions of a model that would differ if they were made after the backfill; they are never rewritten.

    Attributes:
        model: The model.
        rows: Predictions whose look-up meets a row that differs.
    """

    model: str
    rows: int


@dataclass(frozen=True)
class ReaderAbove:
    """A training set, or a model's predictions, that read a table which reads the one that is made again.

    Attributes:
        feature_table: The table that is read.
        model: The model.
        training_set_id: Id of the training set; None for the model's predictions.
    """

    feature_table: str
    model: str
    training_set_id: str | None


@dataclass(frozen=True)
class BackfillPlan:
    """What a backfill would change.

    Attributes:
        feature_table: The table.
        after: Instant before the range, on a tick, ISO, UTC.
        through: Last instant of the range, on a tick, ISO, UTC.
        ticks: Ticks in the range; None for attributes, which have none.
        chunks: Chunks it is done in, each a commit.
        makes_anew: Whether the declaration was changed, or the table was lost or changed by something else.
        is_estimate: Whether rows were not computed: then `rows_after` of attributes is the most there may be, what
            changes is unknown, and everything after the range's beginning counts as touched.
        rows_now: Rows in the range.
        rows_after: Rows in the range afterwards.
        rows_added: Rows that come where none stood; None in an estimate.
        rows_changed: Rows that get other values; None in an estimate.
        rows_removed: Rows that go without another in their place; None in an estimate.
        instants_differ: Instants (of a windowed table: ticks) at which a row is added, changed or removed; None in an
            estimate.
        first_difference: The first of them, ISO, UTC; None without one.
        last_difference: The last of them, ISO, UTC; None without one.
        training_sets: Pinned training sets that would differ if made again.
        predictions: Recorded predictions that would differ, by model.
        tables_above: Feature tables that read this one: their rows stay as they were computed; each needs a backfill
            of its own.
        readers_above: Training sets and predictions that read those: they differ only if those are made again too,
            and by which rows the plan of that backfill tells.
        champions: Champions that are not known to have learned from the table as it is declared now; they go on
            serving until a training promotes another.
    """

    feature_table: str
    after: str
    through: str
    ticks: int | None
    chunks: int
    makes_anew: bool
    is_estimate: bool
    rows_now: int
    rows_after: int
    rows_added: int | None
    rows_changed: int | None
    rows_removed: int | None
    instants_differ: int | None
    first_difference: str | None
    last_difference: str | None
    training_sets: tuple[TouchedSet, ...]
    predictions: tuple[TouchedPredictions, ...]
    champions: tuple[OutdatedChampion, ...]
    tables_above: tuple[str, ...] = ()
    readers_above: tuple[ReaderAbove, ...] = ()


def plan_backfill(context: Context, asked: Asked, *, estimate: bool = False) -> BackfillPlan:
    """Tell what a backfill would change; nothing is written.

    Args:
        context: Project, lake and logical now.
        asked: What is asked for.
        estimate: Whether to leave the computing out, and tell what the keys alone say.

    Returns:
        Rows, training sets and predictions that would differ.

    Raises:
        UsageError: If the range is not named, or is none that the table has.
        ConflictError: If the backfill may not be done.
        NotReadyError: If the table was never built.

    >>> after = datetime(2024, 2, 1, tzinfo=UTC)
    >>> plan = plan_backfill(context, Asked("shop_last", after, context.as_of))
    >>> plan.rows_now == plan.rows_after, plan.rows_changed, plan.instants_differ, plan.training_sets
    (True, 0, 0, ())
    """
    table = find_table(context.config, asked.feature_table)  # before Spark starts
    if estimate and table.kind in (Kind.SQL, Kind.PYTHON):
        raise UsageError(
            "--estimate",
            f"{table.feature_table}, a table of the kind {table.kind}",
            "tables of the kinds windowed and attributes: where rows of others stand is for the statement or the"
            " function to say",
            "leave --estimate out: the plan computes the rows",
        )
    with context.lake.writing():
        refuse_earlier(context, BACKFILL)
        scope = read_scope(context, asked)
        base = base_of(context, scope) if scope.is_there else None
        if base is not None and backfill_unit(scope.name, scope.range, base.begun) in told_backfills(context):
            version = context.lake.version(scope.address)  # it was done, and told: what would another one change
            base = Base(version, version)
        return compare_scope(context, scope, base, estimate=estimate)


def compare_scope(context: Context, scope: Scope, base: Base | None, *, estimate: bool = False) -> BackfillPlan:
    """Compare the rows of a range with those that are computed now, in one query, and find who met them.

    Args:
        context: Project, lake and logical now.
        scope: What is made again.
        base: What the backfill began on; None without the table.
        estimate: Whether to compare keys alone.

    Returns:
        What differs.

    >>> from lakeloop.runs.backfill_scope import Asked, read_scope
    >>> scope = read_scope(context, Asked("shop_delays", datetime(2024, 2, 1, tzinfo=UTC), context.as_of))
    >>> with context.lake.writing():
    ...     compare_scope(context, scope, None).predictions  # as if the rows had not been there
    (TouchedPredictions(model='late', rows=71),)
    """
    table, lake, entity = scope.table, context.lake, scope.table.entity
    context.progress(f"compare {scope.address}")
    with explaining(context.config, table):
        computed = _keys(context, scope) if estimate else compute_rows(context, table, scope.stretch, scope.versions)
    published = computed.where(F.lit(False))
    later = published
    if base is not None:
        known = _published(lake, scope, base).where(F.col("available_ts") > F.lit(scope.stretch.after))
        is_later = F.col("available_ts") > F.lit(scope.stretch.through)
        published, later = (known, later) if scope.is_whole else (known.where(~is_later), known.where(is_later))
    with explaining(context.config, table):  # what it reads of others is for them to explain
        compared = lake.stage(compare_rows(published, computed, entity))
    found = count_differences(compared).collect()[0]  # bounded: one row
    differs = estimate or bool(found["ticks"])
    spans = find_spans(compared, later, entity)

    def touched(spine: DataFrame) -> DataFrame:
        return touched_after(spine, scope.stretch.after) if estimate else touched_by(spine, spans, entity)

    sets, predictions = _touched(context, scope.name, touched) if differs else ((), ())
    above = tables_above(context.config.feature_tables, scope.name)
    return BackfillPlan(
        feature_table=scope.name,
        after=instant_text(scope.stretch.after),
        through=instant_text(scope.stretch.through),
        ticks=None if table.every is None else (scope.stretch.through - scope.stretch.after) // table.every,
        chunks=len(scope.pieces),
        makes_anew=scope.makes_anew,
        is_estimate=estimate,
        rows_now=found["rows_now"],
        rows_after=found["rows_after"],
        rows_added=None if estimate else found["added"],
        rows_changed=None if estimate else found["changed"],
        rows_removed=None if estimate else found["removed"],
        instants_differ=None if estimate else found["ticks"],
        first_difference=None if estimate else _text(found["first"]),
        last_difference=None if estimate else _text(found["last"]),
        training_sets=sets,
        predictions=predictions,
        tables_above=above,
        readers_above=find_readers(context, above) if differs else (),
        champions=find_outdated(context, scope.name, scope.spec_hash),
    )


def _published(lake: Lake, scope: Scope, base: Base) -> DataFrame:
    """Give the rows that stood before a backfill, with those that turns have published after them since."""
    rows = lake.read_uncut(scope.address, version=base.compared)
    if base.built_through is None or base.built_through >= scope.built_through:
        return rows
    is_since = F.col("available_ts") > F.lit(base.built_through)
    return rows.where(~is_since).unionByName(lake.read_uncut(scope.address).where(is_since))


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant.astimezone(UTC))


def _keys(context: Context, scope: Scope) -> DataFrame:
    """Give the keys of the rows that a range may have: of attributes every one that an event could write."""
    table, stretch, lake = scope.table, scope.stretch, context.lake
    name = str(table.from_)
    bronze = lake.address("bronze", name)
    after = stretch.after - reach_back(table) if table.kind is Kind.WINDOWED else stretch.after
    events = lake.read(bronze, stretch.through, after=after, version=scope.versions[name])
    if table.kind is Kind.WINDOWED:
        return entry_keys(events, table, stretch)
    return events.select(*table.entity, "available_ts").dropna().distinct()


def find_readers(context: Context, names: Sequence[str]) -> tuple[ReaderAbove, ...]:
    """Find the training sets and predictions that looked up in tables, whichever rows they met.

    Args:
        context: Project, lake and logical now.
        names: Names of the gold tables.

    Returns:
        By table and model the sets, and then the predictions.

    >>> [(each.model, each.training_set_id is None) for each in find_readers(context, ["shop_last"])]
    [('late', False), ('late', False), ('late', True)]
    """
    found = []
    for name in names:
        for model in context.config.models.values():
            ids: list[str | None] = [each.training_set_id for each in _pinned(context, name, model.model)]
            if _uses(context, name, model):
                ids.append(None)
            found += [ReaderAbove(name, model.model, each) for each in ids]
    return tuple(found)


def _pinned(context: Context, name: str, model: str) -> list[Manifest]:
    """Give the training sets of a model that looked up in a table."""
    manifests = read_manifests(context, model)
    return [each for each in manifests if f"gold.{name}" in {pinned.table for pinned in each.inputs}]


def _uses(context: Context, name: str, model: Model) -> bool:
    """Tell whether a model has predictions, and looks up in a table."""
    scored = context.lake.address("predictions", model.model)
    return name in features_by_table(context.config, model) and context.lake.exists(scored)


def _touched(
    context: Context, name: str, touched: Callable[[DataFrame], DataFrame]
) -> tuple[tuple[TouchedSet, ...], tuple[TouchedPredictions, ...]]:
    """Find the training sets and predictions of all models that looked up in a table."""
    sets: list[TouchedSet] = []
    predictions: list[TouchedPredictions] = []
    lake = context.lake
    for model in context.config.models.values():
        pinned, uses = _pinned(context, name, model.model), _uses(context, name, model)
        if not pinned and not uses:
            continue
        spine = touched(spine_as_of(context, model)).select("prediction_id")
        if pinned:
            sets += _touched_sets(context, model.model, pinned, spine)
        if uses:
            scored = lake.read_uncut(lake.address("predictions", model.model))
            rows = scored.join(spine, "prediction_id", "left_semi").count()
            predictions += [TouchedPredictions(model.model, rows)] if rows else []
    return tuple(sets), tuple(predictions)


def _touched_sets(context: Context, model: str, pinned: Sequence[Manifest], spine: DataFrame) -> list[TouchedSet]:
    rows = context.lake.read_uncut(context.lake.address("training_sets", model))
    counted = rows.join(spine, "prediction_id", "left_semi").groupBy("training_set_id").count()
    touched = {row["training_set_id"]: row["count"] for row in counted.collect()}  # bounded: one row per training set
    return [
        TouchedSet(each.training_set_id, model, instant_text(each.as_of), each.rows, touched[each.training_set_id])
        for each in pinned
        if each.training_set_id in touched
    ]
