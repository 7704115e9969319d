"""Predictions as rows come: Structured Streaming follows the spine's source, each micro-batch answers what is due.

A micro-batch tells that there are new rows and since when; what is due is asked of the tables, as a turn asks. So
a row that is not due yet, or waits for its features, is kept nowhere but in bronze, a checkpoint that is lost costs one
long look and no row, and stream and turn give the same predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.config.model import Model
from lakeloop.config.score import LateRows
from lakeloop.discovery.text import count_of
from lakeloop.errors import NotReadyError
from lakeloop.labels.spine import prediction_instant
from lakeloop.micro_batches import run_batches
from lakeloop.reading import identify_checkpoint
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.explanations import explain_scored
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.model_inputs import built_inputs, ready_through
from lakeloop.runs.order import STREAM
from lakeloop.runs.scored_rows import append_scores, find_scorers, leave_answered
from lakeloop.runs.settled import HELD, LATE, LEFT_OUT, SETTLED, Settled, read_settled
from lakeloop.runs.spine import spine_as_of
from lakeloop.statuses import Outcome
from lakeloop.tables import WriteIdentity

_WAIT_SECONDS = 3600.0
"""How long a micro-batch waits for another job that writes."""


@dataclass(frozen=True)
class StreamResult:
    """What a stream did.

    Attributes:
        model: The model.
        batches: Micro-batches that wrote.
        rows: Rows that the champions scored.
        versions: The champions that scored, in order.
        late: How many of the rows came after their stretch of time was scored.
        left_out: Rows that came late and were left out, as `score.late` asks; each is counted when it is new, and again
            with new rows that became available no later.
        stale: Rows that waited as long as `score.wait` allows, and were scored by tables that are not built far enough.
        waiting: Rows that are due and wait for tables to be built further.
        as_of: Logical now of the last micro-batch, ISO, UTC.
    """

    model: str
    batches: int = 0
    rows: int = 0
    versions: tuple[str, ...] = ()
    late: int = 0
    left_out: int = 0
    stale: int = 0
    waiting: int = 0
    as_of: str = ""

    @property
    def summary(self) -> str:
        """Rows scored, by whom, and what waits.

        >>> StreamResult("late", 2, 20, ("1", "2"), late=1, waiting=3).summary
        '20 rows scored in 2 batches by versions 1, 2; 1 of them came late; 3 rows wait for gold tables'
        """
        by = f" by version{'s' if len(self.versions) > 1 else ''} {', '.join(self.versions)}" if self.versions else ""
        batches = f"{self.batches} batch{'' if self.batches == 1 else 'es'}"
        parts = [f"{count_of(self.rows, 'row')} scored in {batches}{by}"]
        parts += [f"{self.late} of them came late"] if self.late else []
        parts += [f"{self.stale} of them with stale features"] if self.stale else []
        parts += [f"{count_of(self.left_out, 'late row')} left out"] if self.left_out else []
        verb = "waits" if self.waiting == 1 else "wait"
        parts += [f"{count_of(self.waiting, 'row')} {verb} for gold tables"] if self.waiting else []
        return "; ".join(parts)

    def and_then(self, batch: StreamResult) -> StreamResult:
        """Add what a further micro-batch did.

        >>> StreamResult("late", 1, 5, ("1",), waiting=9).and_then(StreamResult("late", 1, 2, ("1",), late=1))
        StreamResult(model='late', batches=2, rows=7, versions=('1',), late=1, left_out=0, stale=0, waiting=0, as_of='')
        """
        return StreamResult(
            self.model,
            self.batches + batch.batches,
            self.rows + batch.rows,
            tuple(dict.fromkeys((*self.versions, *batch.versions))),
            self.late + batch.late,
            self.left_out + batch.left_out,
            self.stale + batch.stale,
            batch.waiting,
            batch.as_of,
        )


def score_available(context: Context, name: str) -> StreamResult:
    """Score what has come and is due at the logical now, then end.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        What was done.

    Raises:
        NotReadyError: If there is no champion before the logical now, or a gold table was never built.
        ConflictError: If the registry lacks the champion, or the model's declaration is not what it was trained by.
        AccountingError: If a spine row was lost or doubled on its way.
        DataContractError: If an expression of the model can't be computed for some row.

    >>> score_available(fresh, "late")
    Traceback (most recent call last):
    lakeloop.errors.NotReadyError: model late: ...
    """
    with context.lake.writing():
        stream = _Stream(context, name, lambda: context.as_of)
        find_scorers(context, context.config.models[name])  # refused before a stream is begun
        stream.follow(None)
        # Features that were built, or time that has passed, are no rows: what waited is looked at once more.
        stream.settle(f"as of {context.turn}", since=None, has_new=False)
        return stream.result


def score_continuously(
    context: Context,
    name: str,
    every: timedelta,
    clock: Callable[[], datetime],
    is_over: Callable[[StreamResult], bool] = lambda _: False,
) -> StreamResult:
    """Score rows as they come, until the process ends.

    Each micro-batch looks anew who is champion and how far the gold tables are built. While there is no champion, rows
    wait. Other jobs may run meanwhile: the workspace is held for a micro-batch only.

    Args:
        context: Project and lake; its logical now is left alone.
        name: The model.
        every: How often it is looked what is due.
        clock: Gives the logical now of a micro-batch, aware, UTC.
        is_over: Asked after each micro-batch whether to end.

    Returns:
        What was done.

    Raises:
        ConflictError: If the registry lacks a champion, or the model's declaration is not what it was trained by.
        AccountingError: If a spine row was lost or doubled on its way.
        DataContractError: If an expression of the model can't be computed for some row.

    >>> score_continuously(fresh, "late", timedelta(minutes=1), lambda: datetime.now(UTC))
    Traceback (most recent call last):
    lakeloop.errors.NotReadyError: ...
    """
    stream = _Stream(context, name, clock, waits_for_champion=True, is_over=is_over)
    stream.follow(every)
    return stream.result


class _Stream:
    """A stream of one model while it runs."""

    def __init__(
        self,
        context: Context,
        name: str,
        clock: Callable[[], datetime],
        *,
        waits_for_champion: bool = False,
        is_over: Callable[[StreamResult], bool] = lambda _: False,
    ) -> None:
        self._context, self._clock = context, clock
        self._model: Model = context.config.models[name]
        self._waits_for_champion, self._is_over = waits_for_champion, is_over
        self._checkpoint = Path(context.lake.workspace) / "checkpoints" / "score" / name
        self._ended = False
        self.result = StreamResult(name)

    def follow(self, every: timedelta | None) -> None:
        """Follow the spine's source: what is there, or with a trigger until it ends."""
        context, lake = self._context, self._context.lake
        bronze = lake.stream(lake.address("bronze", self._model.predict.from_)).select("available_ts")
        beats = context.spark.readStream.format("rate").option("rowsPerSecond", 1).load()
        # A beat has no row of the source: it lets time pass where nothing comes in.
        followed = bronze.union(beats.select(F.lit(None).cast("timestamp").alias("available_ts")))
        query = f"score {self._model.model}"
        run_batches(followed, self._checkpoint, self._take, name=query, every=every, is_over=lambda: self._ended)

    def _take(self, batch: DataFrame, number: int) -> None:
        if self._ended:
            return
        counted = batch.agg(F.count("available_ts"), F.min("available_ts")).first()
        new, since = (int(counted[0]), _aware(counted[1])) if counted is not None else (0, None)
        if self._waits_for_champion:  # others write between the micro-batches
            with self._context.lake.writing(wait_seconds=_WAIT_SECONDS):
                self.settle(str(number), since, has_new=new > 0)
        else:
            self.settle(str(number), since, has_new=new > 0)
        self._ended = self._is_over(self.result)

    def settle(self, unit: str, since: datetime | None, *, has_new: bool) -> None:
        """Score what is due, and note what is held.

        Args:
            unit: Name of the micro-batch.
            since: Smallest `available_ts` of its new rows.
            has_new: Whether it has any.
        """
        context = self._context.at(self._clock())
        model, lake = self._model, context.lake
        address = lake.address("predictions", model.model)
        identity = WriteIdentity(STREAM, f"{model.model} {identify_checkpoint(self._checkpoint)} {unit}")
        written = lake.find_commit(address, identity)
        if written is not None:
            explain_scored(context, model, identity, written)
            return
        before = read_settled(lake, address)
        is_grid = model.predict.every is not None
        if before.is_followed and not has_new and before.held_since is None and not is_grid:
            return
        with explaining_model(context.config, model):
            done = self._settle(context, before, identity, since)
        if done is None:
            return
        self.result = self.result.and_then(done)
        if done.batches:
            context.progress(f"score {model.model}: {done.summary}")

    def _settle(
        self, context: Context, before: Settled, identity: WriteIdentity, since: datetime | None
    ) -> StreamResult | None:
        model = self._model
        try:
            reconcile_aliases(context, model.model)
            scorers = find_scorers(context, model)
            inputs = built_inputs(context, model)
        except NotReadyError:
            if self._waits_for_champion:
                return None  # nothing is noted: what came in is looked at again, with what comes next
            raise
        through = before.through or scorers.nobody_before
        ready = ready_through(context, inputs)
        due = max(through, min(context.as_of, ready), context.as_of - model.score.wait)
        # Nothing is known of what is held before a stream has looked at everything once.
        known = [each for each in (before.held_since, since) if each is not None] if before.is_followed else []
        reach = min(known) if known else None
        spine = spine_as_of(context, model, after=scorers.nobody_before, since=reach)
        unanswered = leave_answered(context, model, spine)
        at = F.col("prediction_ts")
        is_due, is_late, is_stale = at <= F.lit(due), at <= F.lit(through), (at > F.lit(ready)) & (at <= F.lit(due))
        late_rows = F.count_if(is_due & is_late)
        counted = unanswered.agg(F.count_if(is_due), late_rows, F.count_if(is_stale), F.count_if(~is_due)).first()
        rows, late, stale, waiting = (int(each) for each in counted) if counted is not None else (0, 0, 0, 0)
        spine, left_out = unanswered.where(is_due), 0
        if model.score.late is LateRows.LEAVE_OUT and late:
            spine, rows, left_out = spine.where(~is_late), rows - late, late
            late = 0
            # Those met before are met again as long as older rows are held; they are no news.
            if before.is_followed and since is None:
                left_out = 0
            elif before.is_followed and since != reach:
                new = spine_as_of(context, model, after=scorers.nobody_before, since=since)
                left_out = leave_answered(context, model, new).where(is_due & is_late).count()
        held = _held_since(context, model, reach, due)
        if not rows and not left_out and before.is_followed and held == before.held_since:
            return StreamResult(model.model, waiting=waiting, as_of=context.turn)  # there is nothing to note
        notes = {
            SETTLED: instant_text(due),
            HELD: None if held is None else instant_text(held),
            LATE: late,
            LEFT_OUT: left_out,
            "stale": stale,
            "waiting": waiting,
            "as_of": context.turn,
        }
        written = append_scores(context, model, scorers.all, spine, inputs, identity, spine_rows=rows, notes=notes)
        explain_scored(context, model, identity, written)
        found = StreamResult(
            model.model, 1, rows, (scorers.champion.version.version,), late, left_out, stale, waiting, context.turn
        )
        return found if written.outcome is Outcome.WRITTEN else None


def _held_since(context: Context, model: Model, since: datetime | None, due: datetime) -> datetime | None:
    """Tell since when the rows are known that are still to be scored, those of the future included."""
    if model.predict.every is not None:
        return None
    rows = context.lake.read_uncut(context.lake.address("bronze", model.predict.from_))
    if since is not None:
        rows = rows.where(F.col("available_ts") >= F.lit(since))
    found = rows.where(prediction_instant(model.predict) > F.lit(due)).agg(F.min("available_ts")).first()
    return _aware(found[0]) if found is not None else None


def _aware(instant: datetime | None) -> datetime | None:
    """Give an instant of Spark as aware, UTC; it comes in the zone of this process."""
    return None if instant is None else instant.astimezone(UTC)
