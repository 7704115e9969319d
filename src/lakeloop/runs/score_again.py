"""Predictions of the past that are asked for again: by a new version, or because the past was built anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import functions as F

from lakeloop.discovery.text import count_of
from lakeloop.errors import UsageError
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.explanations import explain_scored
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.model_inputs import gold_inputs
from lakeloop.runs.scored_rows import append_scores, open_scorer
from lakeloop.runs.spine import spine_as_of
from lakeloop.statuses import Outcome
from lakeloop.tables import WriteIdentity

JOB = "score_again"
_REVISION = "_revision"


@dataclass(frozen=True)
class Range:
    """Which predictions of the past are asked for.

    Attributes:
        after: Instant of prediction before the first, aware, UTC.
        through: Last instant of prediction.
        version: Version that scores; None for the champion of the logical now.
        again: Whether rows that this version has scored are scored once more, as a further revision.
    """

    after: datetime
    through: datetime
    version: str | None = None
    again: bool = False


@dataclass(frozen=True)
class AgainResult:
    """What a scoring of the past did.

    Attributes:
        model: The model.
        model_version: The version that scored.
        rows: Rows scored, all of them as backtests.
        outcome: WRITTEN, or SKIPPED when the same was asked for already.
        explained: Rows of which it is recorded what did most to their scores, as `score.explain` asks.
    """

    model: str
    model_version: str
    rows: int
    outcome: Outcome
    explained: int = 0

    @property
    def summary(self) -> str:
        """Rows scored, by which version.

        >>> AgainResult("late", "2", 12, Outcome.SKIPPED).summary
        '12 rows already scored as backtests by version 2'
        """
        already = "already " if self.outcome is Outcome.SKIPPED else ""
        many = "" if self.rows == 1 else "s"
        explained = f"; {self.explained} explained" if self.explained else ""
        scored = f"{count_of(self.rows, 'row')} {already}scored as backtest{many}"
        return f"{scored} by version {self.model_version}{explained}"


def score_range(context: Context, name: str, asked: Range) -> AgainResult:
    """Score a stretch of the past by a version; what was predicted stays, and monitoring sees none of it.

    Args:
        context: Project, lake, registry and logical now.
        name: The model.
        asked: The stretch, and by whom.

    Returns:
        The rows scored: those that the version has not scored yet, or all of the stretch.

    Raises:
        UsageError: If the stretch is empty or ends after the logical now, or the ledger does not know the version.
        NotReadyError: If nobody is champion, or a gold table is not built far enough.
        ConflictError: If the registry lacks the version, or the model's declaration is not what it was trained by.
        AccountingError: If a spine row was lost or doubled on its way.
        DataContractError: If an expression of the model can't be computed for some row.

    >>> from datetime import timedelta
    >>> try:
    ...     score_range(context, "late", Range(context.as_of, context.as_of - timedelta(days=1)))
    ... except UsageError as error:
    ...     print(error.where, error.allowed)
    --backfill FROM before TO
    """
    if asked.after >= asked.through:
        got = f"{instant_text(asked.after)} to {instant_text(asked.through)}"
        raise UsageError("--backfill", got, "FROM before TO", "exchange them")
    if asked.through > context.as_of:
        got = f"TO {instant_text(asked.through)}, after --as-of {context.turn}"
        raise UsageError("--backfill", got, "an instant up to --as-of", "what is due later is scored when it is due")
    model, lake = context.config.models[name], context.lake
    with lake.writing(), explaining_model(context.config, model):
        scorer = open_scorer(context, model, asked.version)
        version, address = scorer.version.version, lake.address("predictions", name)
        stretch = f"{instant_text(asked.after)}..{instant_text(asked.through)}{' again' if asked.again else ''}"
        identity = WriteIdentity(JOB, f"{name} {version} {stretch} {context.turn}")
        done = lake.find_commit(address, identity)
        if done is not None:
            explained = explain_scored(context, model, identity, done)
            return AgainResult(name, version, done.rows, Outcome.SKIPPED, explained)
        context.progress(f"score {name} again")
        inputs = gold_inputs(context.at(asked.through), model)
        at = F.col("prediction_ts")
        spine = spine_as_of(context, model, after=asked.after).where(at <= F.lit(asked.through))
        if lake.exists(address):
            own = lake.read_uncut(address).where(F.col("model_version") == version)
            newest = own.groupBy("prediction_id").agg(F.max("revision").alias(_REVISION))
            spine = spine.join(newest, "prediction_id", "left" if asked.again else "left_anti")
        if _REVISION not in spine.columns:
            spine = spine.withColumn(_REVISION, F.lit(None).cast("int"))
        rows = spine.count()
        revision = F.coalesce(F.col(_REVISION), F.lit(0)) + 1
        written = append_scores(
            context, model, [scorer], spine, inputs, identity, spine_rows=rows, notes={}, asked_again=revision
        )
        explained = explain_scored(context, model, identity, written)
        return AgainResult(name, version, written.rows, written.outcome, explained)
