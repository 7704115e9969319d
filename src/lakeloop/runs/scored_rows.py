"""What every scoring does with its rows, be it a turn's, a stream's or asked for again: look up, answer, append."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.columns import input_columns, model_columns, resolve_features
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.plugin_uses import function_plugins, releases
from lakeloop.errors import Failure, NotReadyError, UsageError
from lakeloop.model_versions import ModelVersion
from lakeloop.point_in_time.lookup import STATUS_SUFFIX
from lakeloop.runs.class_scores import add_class_scores, read_classes
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import MODEL_REMEDY, PACKAGES_TAG, SERVING_TAG, assert_same_columns, assert_same_model
from lakeloop.runs.model_inputs import GoldInput, add_model_inputs, described_columns, with_columns
from lakeloop.runs.model_tables import describe_model_table
from lakeloop.runs.outdated import tables_learned_otherwise
from lakeloop.runs.promotions import (
    PROMOTED,
    Promotion,
    champion_before,
    find_challenger,
    find_champion,
    read_promotions,
)
from lakeloop.runs.scoring_engines import ANSWER, add_answers
from lakeloop.statuses import Purpose
from lakeloop.tables import TableAddress, WriteIdentity, WriteResult

OTHERWISE, BUILT, ENGINE, WARNING = "learned_otherwise", "built_through", "engine", "engine_warning"
"""Notes of a commit of predictions."""

_ROWS_A_TASK = 100_000


@dataclass(frozen=True)
class Scorer:
    """A version that scores.

    Attributes:
        promotion: The ledger's row of it.
        version: What the registry has of it.
        is_challenger: Whether it only answers beside the champion.
    """

    promotion: Promotion
    version: ModelVersion
    is_challenger: bool = False


@dataclass(frozen=True)
class Scorers:
    """Who scores at an instant.

    Attributes:
        champion: The champion in force before it.
        challenger: Who answers beside it; None where nobody does.
        nobody_before: `trained_through` of the first champion: up to then nothing could have answered.
    """

    champion: Scorer
    challenger: Scorer | None
    nobody_before: datetime

    @property
    def all(self) -> tuple[Scorer, ...]:
        """Champion first."""
        return (self.champion,) if self.challenger is None else (self.champion, self.challenger)


def find_scorers(context: Context, model: Model) -> Scorers:
    """Find who scores at the logical now.

    Args:
        context: Ledger, registry and logical now.
        model: The model's declaration.

    Returns:
        The champion in force before the logical now; with `score.shadow` the challenger of that time, too.

    Raises:
        NotReadyError: If there is no champion before it.
        ConflictError: If the registry lacks a version, or the model's declaration is not what it was trained by.

    >>> found = find_scorers(context, context.config.models["late"])
    >>> found.champion.version.version, found.challenger
    ('1', None)
    """
    promotions = [each for each in read_promotions(context, model.model) if each.as_of < context.as_of]
    champion = champion_before(promotions, context.as_of)
    if champion is None:
        raise _nobody(model, f"nobody was promoted before {instant_text(context.as_of)}")
    challenger = find_challenger(promotions) if model.score.shadow else None
    first = next(each for each in promotions if each.outcome == PROMOTED)
    beside = None if challenger is None else _open(context, model, challenger, is_challenger=True)
    return Scorers(_open(context, model, champion), beside, first.trained_through)


def open_scorer(context: Context, model: Model, version: str | None) -> Scorer:
    """Open a version of the ledger to score by.

    Args:
        context: Ledger, registry and logical now.
        model: The model's declaration.
        version: Its number; None for the champion at the logical now.

    Returns:
        The version.

    Raises:
        UsageError: If the ledger does not know it at the logical now.
        NotReadyError: If nobody is champion.
        ConflictError: If the registry lacks it, or the model's declaration is not what it was trained by.

    >>> open_scorer(context, context.config.models["late"], None).version.version
    '2'
    """
    promotions = read_promotions(context, model.model)
    if version is None:
        found = find_champion(promotions)
        if found is None:
            raise _nobody(model, f"nobody was promoted up to {instant_text(context.as_of)}")
    else:
        found = next((each for each in promotions if each.version == version), None)
        if found is None:
            known = ", ".join(dict.fromkeys(each.version for each in promotions)) or "none"
            remedy = "`lakeloop models history` lists what was judged when"
            raise UsageError("--version", repr(version), f"{known} (as of {context.turn})", remedy)
    return _open(context, model, found)


def _nobody(model: Model, found: str) -> NotReadyError:
    remedy = "train one at an earlier as_of: `lakeloop train`, or a first `lakeloop run`"
    return NotReadyError(f"model {model.model}", [Failure("champion", found)], remedy)


def _open(context: Context, model: Model, promotion: Promotion, *, is_challenger: bool = False) -> Scorer:
    version = context.registry.get_version(model.model, promotion.version, promotion.run_key)
    assert_same_model(context.config, model, version.tags.get(SERVING_TAG))
    for each in changed_functions(model, version):
        context.progress(f"score {model.model}: {each}")
    return Scorer(promotion, version, is_challenger)


def changed_functions(model: Model, version: ModelVersion) -> tuple[str, ...]:
    """Tell which packages of on-demand functions are not those a version was trained with.

    Args:
        model: The model's declaration.
        version: The version.

    Returns:
        A sentence per package; none of a version that was trained before packages were noted.

    >>> changed_functions(context.config.models["late"], context.registry.list_versions("late")[0])
    ()
    """
    then = json.loads(version.tags.get(PACKAGES_TAG, "{}"))
    return tuple(
        f"{package} {now} is installed, version {version.version} was trained with {then[package]}: its functions may"
        " answer otherwise"
        for package, now in releases(function_plugins(model)).items()
        if then.get(package, now) != now
    )


def purpose_of(trained_through: datetime, usual: Purpose = Purpose.PRODUCTION) -> Column:
    """Tell a prediction from a backtest: what a version may have learned from, it can only be tested on in hindsight.

    Args:
        trained_through: Greatest `available_ts` that touched the version.
        usual: What a prediction is made for.

    Returns:
        `usual` where `prediction_ts` is after it, else `backtest`.

    >>> from datetime import UTC
    >>> days = [(datetime(2024, 1, day, tzinfo=UTC),) for day in (24, 25, 26)]
    >>> predictions = spark.createDataFrame(days, "prediction_ts timestamp")
    >>> [row[0] for row in predictions.select(purpose_of(datetime(2024, 1, 25, tzinfo=UTC))).collect()]
    ['backtest', 'backtest', 'production']
    """
    is_after = F.col("prediction_ts") > F.lit(trained_through)
    return F.when(is_after, usual.value).otherwise(Purpose.BACKTEST.value)


def leave_answered(context: Context, model: Model, spine: DataFrame) -> DataFrame:
    """Leave out the spine rows that have a prediction; what was asked for again, or of a challenger, is none.

    Args:
        context: Tables.
        model: The model's declaration.
        spine: Spine rows.

    Returns:
        The rows without one.

    >>> from lakeloop.runs.spine import spine_as_of
    >>> model = context.config.models["late"]
    >>> spine = spine_as_of(context, model)
    >>> spine.count() - leave_answered(context, model, spine).count()
    246
    """
    address = context.lake.address("predictions", model.model)
    if not context.lake.exists(address):
        return spine
    answered = context.lake.read_uncut(address).where(
        (F.col("revision") == 0) & (F.col("purpose") != Purpose.SHADOW.value)
    )
    return spine.join(answered.select("prediction_id"), "prediction_id", "left_anti")


def append_scores(
    context: Context,
    model: Model,
    scorers: Sequence[Scorer],
    spine: DataFrame,
    inputs: Sequence[GoldInput],
    identity: WriteIdentity,
    *,
    spine_rows: int,
    notes: Mapping[str, Any],
    asked_again: Column | None = None,
) -> WriteResult:
    """Look features up once, let every scorer answer, and append the answers in one commit.

    Args:
        context: Project, lake, registry and logical now.
        model: The model's declaration.
        scorers: Who answers.
        spine: Spine rows to score.
        inputs: The model's gold tables.
        identity: What makes this write the same write.
        spine_rows: How many spine rows there are.
        notes: Recorded with the commit, beside how far the gold tables were built.
        asked_again: Revision of the rows, of a scoring that was asked for in hindsight: all are backtests.

    Returns:
        WRITTEN or SKIPPED, with the rows of the commit.

    Raises:
        AccountingError: If a spine row was lost or doubled on its way.

    >>> import inspect
    >>> [each.name for each in inspect.signature(append_scores).parameters.values() if each.kind is each.KEYWORD_ONLY]
    ['spine_rows', 'notes', 'asked_again']
    """
    lake, address = context.lake, context.lake.address("predictions", model.model)
    # Every task loads the model: a small batch gets few tasks.
    tasks = max(1, math.ceil(spine_rows / _ROWS_A_TASK))
    joined = add_model_inputs(context, model, spine, inputs, spine_rows).repartition(tasks, "prediction_id")

    def sample(most: int) -> DataFrame:
        return add_model_inputs(context, model, spine.orderBy("prediction_id").limit(most), inputs, most)

    rows, engines = joined, []
    for place, each in enumerate(scorers):
        answered = add_answers(context, model, each.version, rows, rows=spine_rows, sample=sample)
        engines.append(answered)
        rows = _put_together(context, model, each, answered.rows, place, in_hindsight=asked_again is not None)
    answers = [_name(place) for place in range(len(scorers))]
    if len(answers) > 1:  # features were looked up once, and each row answered by all
        rows = rows.withColumn(answers[0], F.explode(F.array(*answers)))
    scored = rows.select(*joined.columns, f"{answers[0]}.*").withColumns(
        {
            "model_name": F.lit(model.model),
            "revision": F.lit(0) if asked_again is None else asked_again,
            "as_of": F.lit(context.as_of),
        }
    )
    ordered = _in_order(context, model, scored)
    prepare_predictions(context, model, address, ordered)
    champion = scorers[0].promotion
    said = {
        "model_version": champion.version,
        "as_of": instant_text(context.as_of),
        BUILT: {each.table: instant_text(each.built_through) for each in inputs},
        OTHERWISE: tables_learned_otherwise(context, champion, {each.table: each.spec_hash for each in inputs}),
        ENGINE: engines[0].engine.value,
        WARNING: next((each.warning for each in engines if each.warning), ""),
        **notes,
    }
    in_time = ordered.sortWithinPartitions("prediction_ts")  # readers cut by it
    return lake.append(in_time, address, identity, notes=said, expect_rows=spine_rows * len(scorers))


def prepare_predictions(context: Context, model: Model, address: TableAddress, rows: DataFrame) -> None:
    """Create the prediction table where it is missing, and hold one that stands to the declaration.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        address: The table.
        rows: Rows with its columns.

    Raises:
        ConflictError: If its columns are not those that are declared.

    >>> model, address = context.config.models["late"], context.lake.address("predictions", "late")
    >>> version = context.lake.version(address)
    >>> prepare_predictions(context, model, address, context.lake.read_uncut(address))  # it stands as it is declared
    >>> context.lake.version(address) == version
    True
    """
    columns = with_columns(
        schemas.prediction_columns(model.label.classes), described_columns(context.config, model, rows.schema)
    )
    assert_same_columns(context.lake, address, columns, MODEL_REMEDY)
    described = f"Predictions of {model.model}: {model.description}"
    describe_model_table(context, model, address, columns, described, "prediction_id, model_version, revision")


def _put_together(
    context: Context, model: Model, scorer: Scorer, rows: DataFrame, place: int, *, in_hindsight: bool
) -> DataFrame:
    """Put what a version answers into one column: version, purpose, score, and of several classes their scores."""
    fields = ["score", *((schemas.PREDICTED_CLASS, schemas.CLASS_SCORES) if model.label.classes else ())]
    if model.label.classes:
        scored = add_class_scores(rows, ANSWER, read_classes(context, scorer.version), model.label.classes)
    else:
        is_number = model.task is Task.REGRESSION
        scored = rows.withColumn("score", F.col(ANSWER) if is_number else F.col(ANSWER)[1])
    usual = Purpose.SHADOW if scorer.is_challenger else Purpose.PRODUCTION
    purpose = F.lit(Purpose.BACKTEST.value) if in_hindsight else purpose_of(scorer.promotion.trained_through, usual)
    version = F.lit(scorer.version.version).alias("model_version")
    answer = F.struct(version, purpose.alias("purpose"), *fields)
    return scored.withColumn(_name(place), answer).drop(ANSWER, *fields)


def _name(place: int) -> str:
    return f"_answer_{place}"


def _in_order(context: Context, model: Model, scored: DataFrame) -> DataFrame:
    config = context.config
    fixed = [field.name for field in schemas.prediction_columns(model.label.classes)]
    columns = dict.fromkeys(
        (
            *fixed,
            *model.predict.id,
            *(key for each in resolve_features(config, model) for key in config.feature_tables[each.table].entity),
            *model_columns(context.config, model),
            *input_columns(context.config, model),
            *(name for name in scored.columns if name.endswith(STATUS_SUFFIX)),
            model.label.closes.of,
        )
    )
    return scored.select(*columns)
