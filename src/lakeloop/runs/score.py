"""Predictions of the champion in force before the turn, for every spine row that has none yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.columns import input_columns, model_columns
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.score import ScoringEngine
from lakeloop.discovery.text import count_of
from lakeloop.errors import Failure, NotReadyError
from lakeloop.point_in_time.lookup import STATUS_SUFFIX
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.class_scores import add_class_scores, read_classes
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import MODEL_REMEDY, SERVING_TAG, assert_same_columns, assert_same_model
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.model_inputs import add_model_inputs, described_columns, gold_inputs, with_columns
from lakeloop.runs.model_tables import describe_model_table
from lakeloop.runs.outdated import say_otherwise, tables_learned_otherwise
from lakeloop.runs.promotions import PROMOTED, champion_before, read_promotions
from lakeloop.runs.scoring_engines import ANSWER, add_answers
from lakeloop.runs.spine import spine_as_of
from lakeloop.statuses import Outcome, Purpose
from lakeloop.tables import WriteIdentity, identity_hash

JOB = "score"
_ROWS_A_TASK = 50_000
_OTHERWISE = "learned_otherwise"
_ENGINE, _WARNING = "engine", "engine_warning"


@dataclass(frozen=True)
class ScoreResult:
    """What a scoring did.

    Attributes:
        model: The model.
        model_version: The champion that scored.
        rows: Rows scored.
        outcome: WRITTEN, or SKIPPED when the turn was scored already.
        built_through: Gold table -> instant up to which it was complete, ISO, UTC.
        learned_otherwise: Gold tables that the champion is not known to have learned from as they are declared now.
        engine: What answered: `spark_udf` or `arrow`.
        engine_warning: Why `arrow` did not, where its answers differed; empty otherwise.
    """

    model: str
    model_version: str
    rows: int
    outcome: Outcome
    built_through: dict[str, str]
    learned_otherwise: tuple[str, ...] = ()
    engine: str = ScoringEngine.SPARK_UDF.value
    engine_warning: str = ""

    @property
    def summary(self) -> str:
        """Rows scored, by which version, and whether it learned from tables that were made otherwise."""
        already = "already " if self.outcome is Outcome.SKIPPED else ""
        text = f"{count_of(self.rows, 'row')} {already}scored by version {self.model_version}"
        warning = say_otherwise(self.model_version, self.learned_otherwise) if self.learned_otherwise else ""
        return "; ".join(each for each in (text, self.engine_warning, warning) if each)


def score(context: Context, name: str) -> ScoreResult:
    """Score the spine rows that have no prediction yet.

    Rows whose `prediction_ts` is not after the first champion's `trained_through` are left alone: nothing could have
    answered then. A row that comes late, when the champion has learned from its time, is scored as a backtest.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        Counts, and how far the gold tables were built.

    Raises:
        NotReadyError: If there is no champion before this turn, or a gold table is not built far enough.
        ConflictError: If the registry lacks the champion, or the model's declaration is not what it was trained by.
        AccountingError: If a spine row was lost or doubled on its way.
        DataContractError: If an expression of the model can't be computed for some row.

    >>> score(context, "late").summary
    '246 rows already scored by version 1'
    """
    model, lake = context.config.models[name], context.lake
    with lake.writing(), explaining_model(context.config, model):
        reconcile_aliases(context, name)
        promotions = read_promotions(context, name)
        champion = champion_before(promotions, context.as_of)
        if champion is None:
            raise NotReadyError(
                f"model {name}",
                [Failure("champion", f"nobody was promoted before {instant_text(context.as_of)}")],
                "train one at an earlier as_of: `lakeloop train`, or a first `lakeloop run`",
            )
        address = lake.address("predictions", name)
        identity = WriteIdentity(JOB, f"{name} {context.turn}", identity_hash(champion.version))
        done = lake.find_commit(address, identity)
        if done is not None:
            built, otherwise = dict(done.notes["built_through"]), tuple(done.notes.get(_OTHERWISE, ()))
            by = {each: done.notes[each] for each in (_ENGINE, _WARNING) if each in done.notes}
            return ScoreResult(name, champion.version, done.rows, Outcome.SKIPPED, built, otherwise, **by)
        version = context.registry.get_version(name, champion.version, champion.run_key)
        assert_same_model(context.config, model, version.tags.get(SERVING_TAG))
        context.progress(f"score {name}")
        inputs = gold_inputs(context, model)
        first = next(each for each in promotions if each.outcome == PROMOTED)
        spine = spine_as_of(context, model, after=first.trained_through)
        if lake.exists(address):
            spine = spine.join(lake.read_uncut(address).select("prediction_id"), "prediction_id", "left_anti")
        rows_to_score = spine.count()
        # Every task loads the model: a small batch gets few tasks.
        tasks = max(1, math.ceil(rows_to_score / _ROWS_A_TASK))
        joined = add_model_inputs(context, model, spine, inputs, rows_to_score).repartition(tasks, "prediction_id")
        answered = add_answers(
            context,
            model,
            version,
            joined,
            rows=rows_to_score,
            sample=lambda most: add_model_inputs(
                context, model, spine.orderBy("prediction_id").limit(most), inputs, most
            ),
        )
        scored = answered.rows.withColumns(
            {
                "model_name": F.lit(name),
                "model_version": F.lit(champion.version),
                "purpose": purpose_of(champion.trained_through),
                "revision": F.lit(0),
                "as_of": F.lit(context.as_of),
            }
        )
        if model.label.classes:
            scored = add_class_scores(scored, ANSWER, read_classes(context, version), model.label.classes)
        else:
            is_number = model.task is Task.REGRESSION
            scored = scored.withColumn("score", F.col(ANSWER) if is_number else F.col(ANSWER)[1])
        rows = _in_order(context, model, scored)
        columns = with_columns(
            schemas.prediction_columns(model.label.classes), described_columns(context.config, model, rows.schema)
        )
        assert_same_columns(lake, address, columns, MODEL_REMEDY)
        described = f"Predictions of {name}: {model.description}"
        describe_model_table(context, model, address, columns, described, "prediction_id, model_version, revision")
        built = {each.table: instant_text(each.built_through) for each in inputs}
        otherwise = tables_learned_otherwise(context, champion, {each.table: each.spec_hash for each in inputs})
        by = {_ENGINE: answered.engine.value, _WARNING: answered.warning}
        notes = {"model_version": champion.version, "built_through": built, _OTHERWISE: otherwise, **by}
        written = lake.append(rows, address, identity, notes=notes, expect_rows=rows_to_score)
        return ScoreResult(name, champion.version, written.rows, written.outcome, built, otherwise, **by)


def purpose_of(trained_through: datetime) -> Column:
    """Tell a prediction from a backtest: what a version may have learned from, it can only be tested on in hindsight.

    Args:
        trained_through: Greatest `available_ts` that touched the version.

    Returns:
        `production` where `prediction_ts` is after it, else `backtest`.

    >>> from datetime import UTC
    >>> days = [(datetime(2024, 1, day, tzinfo=UTC),) for day in (24, 25, 26)]
    >>> predictions = spark.createDataFrame(days, "prediction_ts timestamp")
    >>> [row[0] for row in predictions.select(purpose_of(datetime(2024, 1, 25, tzinfo=UTC))).collect()]
    ['backtest', 'backtest', 'production']
    """
    is_after = F.col("prediction_ts") > F.lit(trained_through)
    return F.when(is_after, Purpose.PRODUCTION.value).otherwise(Purpose.BACKTEST.value)


def _in_order(context: Context, model: Model, scored: DataFrame) -> DataFrame:
    fixed = [field.name for field in schemas.prediction_columns(model.label.classes)]
    columns = dict.fromkeys(
        (
            *fixed,
            *model.predict.id,
            *model_columns(context.config, model),
            *input_columns(context.config, model),
            *(name for name in scored.columns if name.endswith(STATUS_SUFFIX)),
            model.label.closes.of,
        )
    )
    return scored.select(*columns)
