"""The monitor's counts of outcomes, made by Spark in one pass over scored rows and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from lakeloop.batches import gather_batches
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.drift.estimated_performance import SCORES_SCHEMA
from lakeloop.drift.label_counts import DELAY_QUANTILES
from lakeloop.drift.outcome_counts import PARTS_SCHEMA, OutcomeCounter, merge_parts, tell_apart
from lakeloop.drift.performance import OUTCOMES_SCHEMA
from lakeloop.drift.sketches import QuantileSketch
from lakeloop.drift.slicing import Slicing
from lakeloop.labels.closing import attach_labels, local_date
from lakeloop.labels.found import CONFLICT, KNOWN_TS
from lakeloop.runs.context import Context
from lakeloop.runs.truth import read_truth, refuse_conflicts
from lakeloop.runs.windows import MonitorWindow
from lakeloop.schemas import CLASS_SCORES, PREDICTED_CLASS
from lakeloop.statuses import LabelStatus
from lakeloop.with_columns import with_columns

SCORE_BINS = 200
CLASS = "class"
"""Column of cells of several classes: the place of the one that came true."""

_ROWS_OF_A_BATCH = 65_536
"""Spark gives ten thousand at once, and what is done per batch and column costs as much as these."""

_BLOCK = "block"
_CLIP = 1e-15


@dataclass(frozen=True)
class Outcomes:
    """What became of scored rows.

    Attributes:
        cells: Rows of `OUTCOMES_SCHEMA` (local days of `prediction_ts`), of matured labels. Of several classes there is
            one per class that came true, whose place is the column `class`.
        void: Day and number of its closed rows without a label.
        pending: Day and number of its rows that are not closed.
        never: Day and number of those among them that never close: they lack the instant it is counted from.
        scores: All scored rows whatever became of them, as `SCORES_SCHEMA`; empty of a regression.
        slices: Matured rows per day and slice, as `SLICES_SCHEMA`.
        delays: Day -> sketch of the seconds that its matured labels took to be known.
    """

    cells: pa.Table
    void: tuple[tuple[date, int], ...]
    pending: tuple[tuple[date, int], ...]
    never: tuple[tuple[date, int], ...]
    scores: pa.Table
    slices: pa.Table
    delays: dict[date, bytes | None]

    def delays_of(self, window: MonitorWindow) -> tuple[float, ...]:
        """Tell how long the labels of a window took to be known, from the prediction on.

        Args:
            window: The window.

        Returns:
            Seconds at `DELAY_QUANTILES` of its matured rows, each the delay of a row, its rank within 0.35 % where
            there are more than some hundred; empty without such rows.

        >>> from lakeloop.runs.windows import MonitorWindow
        >>> first, last = date(2024, 1, 25), date(2024, 1, 27)
        >>> window = MonitorWindow(first, last, context.as_of, context.as_of)
        >>> predictions = context.lake.read_uncut(context.lake.address("predictions", "late"))
        >>> found = count_outcomes(context, context.config.models["late"], predictions, target_rate=0.6)
        >>> [round(each / 3600, 1) for each in found.delays_of(window)]  # some deliveries are told of 30 hours later
        [2.3, 2.6, 32.3]
        """
        own = [sketch for day, sketch in self.delays.items() if window.holds(day)]
        return QuantileSketch.merged(own).quantiles(DELAY_QUANTILES)


def count_outcomes(
    context: Context,
    model: Model,
    predictions: DataFrame,
    target_rate: float,
    shares: Sequence[float] = (),
    slicings: Sequence[Slicing] = (),
) -> Outcomes:
    """Count scored rows by day, score, slice and what became of them.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        predictions: Rows of a prediction table.
        target_rate: The reference's mean label: the constant prediction to compare with.
        shares: Of several classes the reference's share of each in its place, in the declared order.
        slicings: How matured rows are sliced.

    Returns:
        The counts: days x (score bins x labels and statuses + slices), whatever the number of rows.

    Raises:
        DataContractError: If rows of the label's source disagree, and no policy says what counts.

    >>> predictions = context.lake.read_uncut(context.lake.address("predictions", "late"))
    >>> found = count_outcomes(context, context.config.models["late"], predictions, target_rate=0.6)
    >>> sum(found.cells["rows"].to_pylist()), sum(rows for _, rows in found.void)
    (209, 11)
    >>> sum(found.scores["rows"].to_pylist()) == 209 + 11 + sum(rows for _, rows in found.pending)
    True
    """
    by_label, columns = model.task is not Task.REGRESSION, [name for each in slicings for name in each.columns]
    wanted = list(dict.fromkeys(name for name in columns if name in predictions.columns))
    scored = _as_scored(_labelled(context, model, predictions, wanted), model, target_rate, shares, wanted)

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counter = OutcomeCounter(slicings, by_label=by_label)
        for batch in gather_batches(batches, _ROWS_OF_A_BATCH):
            counter.add(batch)
        yield from counter.parts().to_batches()

    def merge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from merge_parts(batches).to_batches()

    schema = from_arrow_schema(PARTS_SCHEMA)
    counted = scored.mapInArrow(count, schema).repartition(_BLOCK).mapInArrow(merge, schema)
    cells: pa.Table = counted.toArrow()  # bounded: days x (score bins x labels and statuses + slices)
    return outcomes_of(model, cells.cast(PARTS_SCHEMA).to_batches())


def outcomes_of(model: Model, parts: Iterable[pa.RecordBatch]) -> Outcomes:
    """Tell what became of scored rows from what an `OutcomeCounter` counted of them.

    Args:
        model: The model's declaration.
        parts: Rows of `PARTS_SCHEMA`.

    Returns:
        The counts.

    Raises:
        DataContractError: If rows of the label's source disagree, and no policy says what counts.

    >>> outcomes_of(shops.models["late"], []).void
    ()
    """
    counts = tell_apart(merge_parts(parts))
    found, by_label = counts.scores, model.task is not Task.REGRESSION
    refuse_conflicts(model.model, model.label, sum(found["conflicts"].to_pylist()))

    def of(status: LabelStatus) -> pa.Table:
        return found.filter(pc.equal(found["label_status"], status.value))

    def by_day(status: LabelStatus, counted: str = "rows") -> tuple[tuple[date, int], ...]:
        days = of(status).group_by(_BLOCK).aggregate([(counted, "sum")]).sort_by(_BLOCK)
        return tuple(zip(days[_BLOCK].to_pylist(), days[f"{counted}_sum"].to_pylist(), strict=True))

    matured = of(LabelStatus.MATURED)
    if not by_label:
        mean = pc.divide(matured["sum_label"], matured["rows"])
        matured = matured.set_column(matured.column_names.index("label"), "label", mean)
    kept = [*OUTCOMES_SCHEMA.names, *([CLASS] if model.task is Task.MULTICLASS else [])]
    scores = found.select(SCORES_SCHEMA.names) if by_label else SCORES_SCHEMA.empty_table()
    return Outcomes(
        matured.select(kept),
        by_day(LabelStatus.VOID),
        by_day(LabelStatus.PENDING),
        by_day(LabelStatus.PENDING, "never"),
        scores.filter(pc.is_valid(scores["score_bin"])).cast(SCORES_SCHEMA),
        counts.slices,
        counts.delays,
    )


def _as_scored(
    labelled: DataFrame, model: Model, target_rate: float, shares: Sequence[float], wanted: Sequence[str]
) -> DataFrame:
    """Give rows the columns of `SCORED_SCHEMA`, and those that are wanted beside them."""
    score, y = F.col("score"), F.col("label")
    score_bin = F.least(F.floor(score * SCORE_BINS), F.lit(SCORE_BINS - 1)).cast("int")
    squared, place = (score - y) * (score - y), F.lit(None).cast("int")
    if model.task is Task.MULTICLASS:
        labelled, loss, baseline, squared = _of_classes(labelled, model.label.classes, shares)
        place = F.col(CLASS)
    elif model.task is Task.CLASSIFICATION:
        loss, baseline = _log_loss(score, y), _log_loss(F.lit(target_rate), y)
    else:
        score_bin = F.when(F.col("label_status") == LabelStatus.MATURED.value, F.lit(0))
        loss, baseline = F.abs(score - y), F.abs(F.lit(target_rate) - y)
    known = F.when(F.col("label_status") == LabelStatus.MATURED.value, F.col(KNOWN_TS))
    made = {
        "_block": F.col(_BLOCK),
        "_label_status": F.col("label_status"),
        "_score_bin": score_bin,
        "_score": score.cast("double"),
        "_label": y.cast("double"),
        "_class": place,
        "_loss": loss,
        "_baseline_loss": baseline,
        "_squared_error": squared,
        "_conflict": F.coalesce(F.col(CONFLICT).cast("long"), F.lit(0)),
        "_never": F.isnull(model.label.closes.of).cast("long"),
        "_delay_seconds": (F.unix_micros(known) - F.unix_micros("prediction_ts")) / F.lit(1_000_000),
    }
    return labelled.select(*(column.alias(name) for name, column in made.items()), *wanted)


def _labelled(context: Context, model: Model, predictions: DataFrame, wanted: Sequence[str]) -> DataFrame:
    label = model.label
    of_classes = (PREDICTED_CLASS, CLASS_SCORES) if label.classes else ()
    names = dict.fromkeys(
        ("prediction_id", "prediction_ts", "score", *of_classes, *model.predict.id, *label.on, label.closes.of, *wanted)
    )
    truth = read_truth(context, model)
    labelled = attach_labels(predictions.select(*names), truth, model.predict, label, context.as_of)
    return labelled.withColumn(_BLOCK, local_date(F.col("prediction_ts"), label.closes.timezone))


def _log_loss(score: Column, y: Column) -> Column:
    clipped = F.greatest(F.least(score, F.lit(1 - _CLIP)), F.lit(_CLIP))
    return -(y * F.log(clipped) + (1 - y) * F.log(1 - clipped))


def _of_classes(
    labelled: DataFrame, classes: Sequence[str], shares: Sequence[float]
) -> tuple[DataFrame, Column, Column, Column]:
    """Turn the place of the class that came true into whether it was predicted; give losses over whole rows."""
    place = F.col(CLASS)
    predicted = F.array_position(F.array(*(F.lit(name) for name in classes)), F.col(PREDICTED_CLASS)) - 1
    of_truth = F.element_at(CLASS_SCORES, place + 1)
    constant = F.element_at(F.array(*(F.lit(float(share)) for share in shares)), place + 1)
    squares = F.aggregate(CLASS_SCORES, F.lit(0.0), lambda total, each: total + each * each)
    made = {CLASS: F.col("label").cast("int"), "label": (predicted == F.col("label")).cast("double")}
    brier = (squares - of_truth * of_truth + (1 - of_truth) * (1 - of_truth)) / 2
    return with_columns(labelled, made), _surprise(of_truth), _surprise(constant), brier


def _surprise(probability: Column) -> Column:
    # Of no class there is none: greatest passes over null, and Spark takes an element of an array for one in any case.
    return F.when(F.col(CLASS).isNotNull(), -F.log(F.greatest(probability, F.lit(_CLIP))))
