"""One policy over the turns of history: score, monitor, decide and answer, by the functions of a turn."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeloop import schemas
from lakeloop.drift.daily_profiles import PROFILES_SCHEMA, DailyProfiler
from lakeloop.drift.estimated_performance import VersionCalibration
from lakeloop.drift.merged_profiles import EACH_DAY, merge_profiles
from lakeloop.drift.reference import SCORE_COLUMN
from lakeloop.errors import NotReadyError
from lakeloop.runs.context import Context
from lakeloop.runs.decide import decide_action
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.flag_life import release_flags
from lakeloop.runs.flags import close_gate_flags
from lakeloop.runs.history.outcome_counts import count_known_outcomes
from lakeloop.runs.history.policies import Policy
from lakeloop.runs.history.recalibrated import correct_version
from lakeloop.runs.history.shared import Shared
from lakeloop.runs.history.versions import ReplayedVersion, ReplayRegistry
from lakeloop.runs.monitor import MonitorResult, nothing_beside, record_windows
from lakeloop.runs.promote import GateResult, Origin, judge_and_record
from lakeloop.runs.promotions import (
    PROMOTED,
    RECALIBRATION_ACTOR,
    Promotion,
    champion_before,
    read_promotions,
)
from lakeloop.runs.window_evaluation import References, WindowCounts, judge_windows
from lakeloop.runs.windows import MonitorWindow
from lakeloop.statuses import Action
from lakeloop.tables import RememberedLake
from lakeloop.training.gate import GateReport

if TYPE_CHECKING:
    from lakeloop.registry import Registry

_REMEMBERED = (
    schemas.FLAGS,
    schemas.DECISIONS,
    schemas.PROMOTIONS,
    schemas.PROFILE_METRICS,
    schemas.DRIFT_METRICS,
    schemas.PERFORMANCE,
    schemas.ESTIMATED_PERFORMANCE,
    schemas.NOTIFICATIONS,
)


@dataclass(frozen=True)
class Answer:
    """What a training or a recalibration of a turn came to.

    Attributes:
        version: The version that was judged; None where rows did not suffice.
        run_key: Its key; None without one.
        outcome: promoted, rejected, held, or `not ready`.
        reasons: Why.
        metrics: Metrics of challenger, baseline and champion on the rows of the gate.
        seconds: Wall-clock seconds that the fit took when it was made.
        was_kept: Whether an earlier replay had made it.
    """

    version: str | None
    run_key: str | None
    outcome: str
    reasons: tuple[str, ...]
    metrics: dict[str, dict[str, float | None]] = field(default_factory=dict)
    seconds: float = 0.0
    was_kept: bool = False


@dataclass(frozen=True)
class TurnDone:
    """What a policy did in a turn.

    Attributes:
        as_of: The turn.
        champion: Version that served before it; None without one.
        scored: Rows that it scored.
        windows: Windows that were evaluated.
        raised: Flags that were raised.
        drifted: Columns with verdict DRIFT in the newest window.
        action: What was decided.
        reasons: Every rule and what it said.
        answer: What the action came to; None without one.
    """

    as_of: datetime
    champion: str | None
    scored: int
    windows: int
    raised: int
    drifted: tuple[str, ...]
    action: Action
    reasons: tuple[str, ...]
    answer: Answer | None = None


@dataclass(frozen=True)
class PolicyRun:
    """What a policy did over the turns, and what was served by it.

    Attributes:
        policy: The policy.
        turns: What it did, turn by turn.
        scores: Scores of all rows of the history, in its order, shape [n_rows].
        is_production: Whether a score is a prediction; a backtest otherwise, shape [n_rows].
        first_answer: Place of the turn that made the first champion.

    >>> never = Policy("never", shops.models["late"].decide, "nothing")
    >>> PolicyRun(never, (), np.empty(0), np.empty(0, dtype=bool), 0).answered(Action.RETRAIN)
    []
    """

    policy: Policy
    turns: tuple[TurnDone, ...]
    scores: NDArray[np.float64]
    is_production: NDArray[np.bool_]
    first_answer: int

    @property
    def later_turns(self) -> tuple[TurnDone, ...]:
        """The turns after the one that made the first champion."""
        return self.turns[self.first_answer + 1 :]

    def answered(self, action: Action) -> list[TurnDone]:
        """Turns after the first champion's in which an action was taken, whatever it came to."""
        return [each for each in self.later_turns if each.action is action and each.answer is not None]


def simulate(
    shared: Shared, policy: Policy, turns: Sequence[datetime], forced: Collection[datetime] | None = None
) -> PolicyRun:
    """Run a policy over turns.

    Args:
        shared: What policies share.
        policy: The policy.
        turns: The turns, in order; nobody serves before the first.
        forced: Turns at which a training is done, in place of all that the policy decides once somebody serves; nothing
            is monitored then. None to let the policy decide.

    Returns:
        What it did.

    Raises:
        NotReadyError: If rows do not suffice for a training that was decided on.

    >>> from tempfile import mkdtemp
    >>> from pathlib import Path
    >>> from lakeloop.runs.history.kept import Kept
    >>> from lakeloop.runs.history.policies import find_policies
    >>> model, turns = context.config.models["late"], [each.as_of for each in read_promotions(context, "late")]
    >>> declared = find_policies(model, ["declared"])[1]
    >>> run = simulate(Shared(context, model, turns, Kept(Path(mkdtemp()))), declared, turns)
    >>> [(each.action.value, each.answer.outcome) for each in run.turns]  # as the turns of the project did
    [('retrain', 'promoted'), ('retrain', 'promoted')]
    """
    state = _State(shared, policy)
    done = [state.turn(as_of, forced) for as_of in turns]
    promoted = [
        place for place, each in enumerate(done) if each.answer is not None and each.answer.outcome == PROMOTED.value
    ]
    first = promoted[0] if promoted else len(done) - 1
    return PolicyRun(policy, tuple(done), state.scores, state.is_production, first)


class _State:
    """A policy in the midst of history: its own ledger, flags, windows and decisions, over the tables as they are."""

    def __init__(self, shared: Shared, policy: Policy) -> None:
        self._shared, declared = shared, shared.model
        # Nobody is there to approve: what the gate lets through serves.
        gate = declared.gate.model_copy(update={"approval": "none"})
        self._model = declared.model_copy(update={"decide": policy.decide, "gate": gate})
        self._registry = ReplayRegistry(declared.model)
        config = replace(shared.context.config, models={**shared.context.config.models, declared.model: self._model})
        lake = RememberedLake(shared.context.lake, _REMEMBERED)
        # The registry's part that steps of a replay ask for.
        self._context = shared.context.over(config, lake, cast("Registry", self._registry))
        self.scores = np.empty(0)
        self.is_production = np.empty(0, dtype=np.bool_)
        self._version_of_row = np.empty(0, dtype=np.int64)

    def turn(self, as_of: datetime, forced: Collection[datetime] | None) -> TurnDone:
        """Do one turn."""
        context, name = self._context.at(as_of), self._model.model
        close_gate_flags(context, name)
        champion = champion_before(read_promotions(context, name), as_of)
        scored = windows = raised = 0
        drifted: tuple[str, ...] = ()
        reasons: tuple[str, ...] = ("drawn at random",)
        if champion is not None:
            scored = self._score(context, champion)
            if forced is None:
                monitored = self._monitor(context, champion)
                windows, raised, drifted = monitored.windows, monitored.flags, monitored.drifted
        if forced is not None and champion is not None:
            action = Action.RETRAIN if as_of in forced else Action.NONE
        else:
            decided = decide_action(context, name, self._shared.asked(as_of))
            action, reasons = decided.action, decided.reasons
        answer = None
        if action is Action.RETRAIN:
            answer = self._retrain(context)
        elif action is Action.RECALIBRATE and champion is not None:
            answer = self._recalibrate(context, champion)
        served = champion.version if champion is not None else None
        return TurnDone(as_of, served, scored, windows, raised, drifted, action, reasons, answer)

    def _score(self, context: Context, champion: Promotion) -> int:
        version = self._registry.replayed(champion.version)
        history = self._shared.history(self._first_champion(context))
        rows = history.rows(context.as_of)
        scores = self._shared.score(version, history, context.as_of)
        self.scores = np.concatenate([self.scores, scores])
        production = rows.seconds > version.trained_through.timestamp()
        self.is_production = np.concatenate([self.is_production, production])
        own = np.full(len(scores), int(version.number))
        self._version_of_row = np.concatenate([self._version_of_row, own])
        return len(scores)

    def _first_champion(self, context: Context) -> Promotion:
        return next(each for each in read_promotions(context, self._model.model) if each.outcome == PROMOTED)

    def _monitor(self, context: Context, champion: Promotion) -> MonitorResult:
        version = self._registry.replayed(champion.version)
        references = References(version.features, version.predictions, VersionCalibration(None, False))
        evaluate = partial(self._evaluate, context, version, references)
        return record_windows(context, self._model, champion, version.features, evaluate, nothing_beside)

    def _evaluate(
        self,
        context: Context,
        version: ReplayedVersion,
        references: References,
        windows: Sequence[MonitorWindow],
        late: Sequence[MonitorWindow],
    ) -> list[WindowFinding]:
        history = self._shared.history(self._first_champion(context))
        labels = history.labels(context.as_of)
        chosen = (self._version_of_row == int(version.number)) & self.is_production
        rate = references.features.target_rate
        counted = WindowCounts(
            self._profiles(context, version, references, windows),
            count_known_outcomes(self._model, self.scores, labels, chosen, rate if rate is not None else 0.0),
            (),  # no flag looks at slices
        )
        return judge_windows(context.config, self._model, references, windows, late, counted)

    def _profiles(
        self,
        context: Context,
        version: ReplayedVersion,
        references: References,
        windows: Sequence[MonitorWindow],
    ) -> pa.Table:
        if not windows:
            return PROFILES_SCHEMA.empty_table()
        history = self._shared.history(self._first_champion(context))
        plan = replace(references.plan(context.config, self._model), sketches=False, is_hourly=False)
        parts = []
        for as_of in history.turns_up_to(context.as_of):
            rows = history.rows(as_of)
            places = slice(rows.first, rows.first + len(rows.seconds))
            if not (self._version_of_row[places] == int(version.number)).all() or not len(rows.seconds):
                continue
            key = (version.run_key, as_of)
            if key not in self._shared.profiles:
                wanted = [each for each in plan.columns if each in rows.table.column_names]
                table = rows.table.select(wanted).append_column(SCORE_COLUMN, pa.array(self.scores[places]))
                profiler = DailyProfiler(plan)
                profiler.add(table.filter(pa.array(self.is_production[places])))
                self._shared.profiles[key] = profiler.profiles()
            parts.append(self._shared.profiles[key])
        if not parts:
            return PROFILES_SCHEMA.empty_table()
        found = pa.concat_tables(parts)
        first, last = min(each.first_day for each in windows), max(each.last_day for each in windows)
        day = pc.field("block")
        between = (day >= pa.scalar(first, pa.date32())) & (day <= pa.scalar(last, pa.date32()))
        return merge_profiles(found.filter(between), EACH_DAY)

    def _retrain(self, context: Context) -> Answer:
        candidate = self._shared.candidates.at(context.as_of)
        pinned = candidate.training_set
        version = ReplayedVersion(
            self._registry.next_number,
            candidate.run_key,
            pinned.training_set_id,
            candidate.fit.serves,
            candidate.features,
            candidate.predictions,
            pinned.data_through,
        )

        def measure(serving: Promotion | None) -> GateReport:
            champion = None if serving is None else self._registry.replayed(serving.version)
            return self._shared.judge(self._model, candidate, champion)

        made = self._registry.add(version)
        judged = judge_and_record(
            context, self._model, made, Origin(pinned.training_set_id, pinned.data_through), measure
        )
        return _answer(version, judged, candidate.fit.seconds, was_kept=candidate.fit.was_kept)

    def _recalibrate(self, context: Context, champion: Promotion) -> Answer:
        started = time.monotonic()
        parent = self._registry.replayed(champion.version)
        history = self._shared.history(self._first_champion(context))
        chosen = (self._version_of_row == int(champion.version)) & self.is_production
        try:
            version, judge = correct_version(
                context, self._model, champion, parent, self._registry.next_number, history, self.scores, chosen
            )
        except NotReadyError as error:
            reasons = tuple(str(each) for each in error.failures)
            release_flags(context, self._model.model, reasons)
            return Answer(None, None, "not ready", reasons)
        made = self._registry.add(version)
        origin = Origin(champion.training_set_id, version.trained_through, RECALIBRATION_ACTOR)
        judged = judge_and_record(context, self._model, made, origin, lambda _: judge())
        return _answer(version, judged, time.monotonic() - started, was_kept=False)


def _answer(version: ReplayedVersion, judged: GateResult | None, seconds: float, *, was_kept: bool) -> Answer:
    if judged is None:
        raise AssertionError("what was measured was judged")
    metrics = {side: dict(found) for side, found in judged.metrics.items()}
    return Answer(version.number, version.run_key, judged.outcome, judged.reasons, metrics, seconds, was_kept)
