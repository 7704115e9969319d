"""Predictions of the champion in force before the turn, for every spine row that has none yet."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import functions as F

from lakeloop.config.score import LateRows, ScoringEngine
from lakeloop.discovery.text import count_of
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.explanations import explain_scored
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.model_inputs import gold_inputs
from lakeloop.runs.outdated import say_otherwise
from lakeloop.runs.scored_rows import BUILT, ENGINE, OTHERWISE, WARNING, append_scores, find_scorers, leave_answered
from lakeloop.runs.settled import JOB, LATE, LEFT_OUT, SETTLED, read_settled
from lakeloop.runs.spine import spine_as_of
from lakeloop.statuses import Outcome
from lakeloop.tables import Commit, WriteIdentity, WriteResult, identity_hash


@dataclass(frozen=True)
class ScoreResult:
    """What a scoring did.

    Attributes:
        model: The model.
        model_version: The champion that scored.
        rows: Rows that the champion scored.
        outcome: WRITTEN, or SKIPPED when the turn was scored already.
        built_through: Gold table -> instant up to which it was complete, ISO, UTC.
        learned_otherwise: Gold tables that the champion is not known to have learned from as they are declared now.
        late: How many of the rows came after their stretch of time was scored.
        left_out: Rows that came late and were left out, as `score.late` asks.
        shadow_version: The challenger that answered beside the champion.
        engine: What answered: `spark_udf` or `arrow`.
        engine_warning: Why `arrow` did not, where its answers differed; empty otherwise.
        explained: Rows of which it is recorded what did most to their scores, as `score.explain` asks.
    """

    model: str
    model_version: str
    rows: int
    outcome: Outcome
    built_through: dict[str, str]
    learned_otherwise: tuple[str, ...] = ()
    late: int = 0
    left_out: int = 0
    shadow_version: str | None = None
    engine: str = ScoringEngine.SPARK_UDF.value
    engine_warning: str = ""
    explained: int = 0

    @property
    def summary(self) -> str:
        """Rows scored, by which version, and whether it learned from tables that were made otherwise."""
        already = "already " if self.outcome is Outcome.SKIPPED else ""
        parts = [f"{count_of(self.rows, 'row')} {already}scored by version {self.model_version}"]
        if self.shadow_version is not None:
            parts[0] += f", and by challenger {self.shadow_version} beside it"
        parts += [f"{self.late} of them came late"] if self.late else []
        parts += [f"{count_of(self.left_out, 'late row')} left out"] if self.left_out else []
        parts += [self.engine_warning] if self.engine_warning else []
        parts += [f"{self.explained} explained"] if self.explained else []
        parts += [say_otherwise(self.model_version, self.learned_otherwise)] if self.learned_otherwise else []
        return "; ".join(parts)


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
        scorers = find_scorers(context, model)
        champion = scorers.champion.version.version
        address = lake.address("predictions", name)
        identity = WriteIdentity(JOB, f"{name} {context.turn}", identity_hash(champion))
        done = lake.find_commit(address, identity)
        if done is not None:
            return _result(name, done, Outcome.SKIPPED, explain_scored(context, model, identity, done))
        context.progress(f"score {name}")
        inputs = gold_inputs(context, model)
        settled = read_settled(lake, address).through or scorers.nobody_before
        spine = leave_answered(context, model, spine_as_of(context, model, after=scorers.nobody_before))
        is_late = F.col("prediction_ts") <= F.lit(settled)
        counted = spine.agg(F.count(F.lit(1)), F.count_if(is_late)).first()
        rows, late = (int(counted[0]), int(counted[1])) if counted is not None else (0, 0)
        left_out = late if model.score.late is LateRows.LEAVE_OUT else 0
        if left_out:
            spine, rows, late = spine.where(~is_late), rows - late, 0
        notes = {SETTLED: instant_text(context.as_of), LATE: late, LEFT_OUT: left_out}
        shadow = scorers.challenger
        notes |= {"shadow_version": shadow.version.version} if shadow is not None else {}
        written = append_scores(context, model, scorers.all, spine, inputs, identity, spine_rows=rows, notes=notes)
        return _result(name, written, written.outcome, explain_scored(context, model, identity, written))


def _result(name: str, done: Commit | WriteResult, outcome: Outcome, explained: int) -> ScoreResult:
    notes = done.notes
    shadow = notes.get("shadow_version")
    return ScoreResult(
        name,
        str(notes["model_version"]),
        done.rows if shadow is None else done.rows // 2,
        outcome,
        dict(notes[BUILT]),
        tuple(notes.get(OTHERWISE, ())),
        int(notes.get(LATE, 0)),
        int(notes.get(LEFT_OUT, 0)),
        shadow,
        str(notes.get(ENGINE, ScoringEngine.SPARK_UDF.value)),
        str(notes.get(WARNING, "")),
        explained,
    )
