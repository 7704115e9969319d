"""Replay: policies run over the history of a finished workspace, beside trainings at random times."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.discovery.text import count_of
from lakeloop.errors import Failure, NotReadyError, UsageError
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.history.draws import draw_turns
from lakeloop.runs.history.kept import FOLDER, Kept
from lakeloop.runs.history.measures import Outcomes, beside_random, differ, lose, measure_policy
from lakeloop.runs.history.policies import NEVER, RANDOM, Policy, find_policies
from lakeloop.runs.history.result import PolicyResult, ReplayResult, Stretch
from lakeloop.runs.history.said import say
from lakeloop.runs.history.scored import KnownLabels, ScoredHistory
from lakeloop.runs.history.shared import Shared
from lakeloop.runs.history.simulation import PolicyRun, TurnDone, simulate
from lakeloop.runs.order import RUN
from lakeloop.runs.promotions import PROMOTED
from lakeloop.statuses import Action

DRAWS = 20
"""Draws of random turns: with none of them as good as a policy, chance does as well in less than one case in twenty."""


@dataclass(frozen=True)
class Asked:
    """What is replayed.

    Attributes:
        policies: Names of policies; `random` adds draws of as many trainings at random turns.
        turns: The turns, in order; aware, UTC.
        draws: Draws per number of trainings.
    """

    policies: tuple[str, ...]
    turns: tuple[datetime, ...]
    draws: int = DRAWS


def turns_between(since: datetime, until: datetime, every: timedelta, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Lay turns over a stretch of time, at the same local time of day.

    Args:
        since: The first turn; aware, UTC.
        until: End of the stretch; a turn at it is the last.
        every: Time between turns, whole days.
        zone: Zone of the days.

    Returns:
        The turns; aware, UTC.

    Raises:
        UsageError: If they are not whole days apart, or there are fewer than two.

    >>> from datetime import UTC
    >>> march = datetime(2013, 3, 4, 5, tzinfo=UTC)  # midnight in New York; the clock changes on the 10th
    >>> found = turns_between(march, march + timedelta(days=15), timedelta(days=7), ZoneInfo("America/New_York"))
    >>> [each.isoformat() for each in found]
    ['2013-03-04T05:00:00+00:00', '2013-03-11T04:00:00+00:00', '2013-03-18T04:00:00+00:00']
    """
    if every < timedelta(days=1) or every % timedelta(days=1):
        raise UsageError("--every", str(every), "whole days", "write '7 days'")
    local, turns = since.astimezone(zone), [since]
    while True:
        local += every
        following = local.astimezone(since.tzinfo)
        if following > until:
            break
        turns.append(following)
    if len(turns) < 2:
        got = f"{len(turns)} turn from {instant_text(since)} to {instant_text(until)}"
        raise UsageError("--from, --to", got, "two turns and more", "replay a longer stretch, or write --every")
    return tuple(turns)


def recorded_turns(context: Context, since: datetime, until: datetime) -> tuple[datetime, ...]:
    """List the turns that the workspace did itself.

    Args:
        context: Project and lake.
        since: Those before it are left out.
        until: Those after it are left out.

    Returns:
        The instants, in order; aware, UTC.

    Raises:
        UsageError: If there are fewer than two.

    >>> found = recorded_turns(context, context.as_of - timedelta(days=10), context.as_of)
    >>> [instant_text(each) for each in found]
    ['2024-01-25T00:00:00Z', '2024-02-04T00:00:00Z']
    """
    rows = context.lake.own_rows(schemas.RUNS, None)
    found = sorted({row["as_of"] for row in rows if row["job"] == RUN and since <= row["as_of"] <= until})
    if len(found) < 2:
        got = f"recorded, and the workspace did {count_of(len(found), 'turn')} in that stretch"
        raise UsageError("--every", got, "two turns and more", "write a length, as '7 days'")
    return tuple(found)


def replay_history(context: Context, name: str, asked: Asked) -> ReplayResult:
    """Run policies over history and compare them on the same rows.

    Nobody serves before the first turn; the first model is the same for all. Tables and registry are read, never
    written; what is fitted is kept below `replay/` of the workspace.

    Args:
        context: Project, lake and logical now.
        name: The model.
        asked: What is replayed.

    Returns:
        What policies did, and how well.

    Raises:
        UsageError: If a policy is not known, or the model is none that can be replayed.
        NotReadyError: If no model was promoted, or no row that was scored since has a final label.
        BudgetError: If rows do not fit the declared memory budget.

    >>> turns = recorded_turns(context, context.as_of - timedelta(days=10), context.as_of)
    >>> found = replay_history(context, "late", Asked(("weekly",), turns))
    >>> [(each.policy, each.retrainings, each.promotions) for each in found.policies], found.rows
    ([('never', 0, 0), ('weekly', 1, 1)], 209)
    """
    started = time.monotonic()
    model = context.config.models[name]
    policies = find_policies(model, asked.policies)
    shared = Shared(context, model, asked.turns, Kept(context.config.workspace / FOLDER / name))
    with explaining_model(context.config, model):
        runs = []
        for policy in policies:
            context.progress(f"replay {name}: policy {policy.name}")
            runs.append(simulate(shared, policy, asked.turns))
        history, labels = _shared_history(shared, model, runs, asked.turns)
        common = _common(runs, labels)
        rows = Outcomes(labels.label[common], labels.closed_day[common])
        losses = [lose(model, each.scores[common], rows) for each in runs]
        drawn: dict[int, list[NDArray[np.float64]]] = {}
        if RANDOM in asked.policies:
            later = asked.turns[runs[0].first_answer + 1 :]
            for count in sorted({len(each.answered(Action.RETRAIN)) for each in runs} - {0}):
                context.progress(f"replay {name}: {count_of(count, 'training')} at random turns")
                drawn[count] = _draw(shared, policies[0], asked, later, count, common, rows)
    seed = context.config.project.seed
    best = min(losses, key=lambda each: float(each.mean()))
    found = []
    for run, own in zip(runs, losses, strict=True):
        count = len(run.answered(Action.RETRAIN))
        of_chance = drawn.get(count)
        found.append(
            PolicyResult(
                run.policy.name,
                run.policy.meaning,
                *_counts(run),
                measure_policy(model, run.scores[common], rows, seed),
                float(own.mean()),
                differ(model, own, best, rows, seed),
                None if run.policy.name == NEVER else differ(model, own, losses[0], rows, seed),
                beside_random(model, own, of_chance, count, rows, seed) if of_chance else None,
                _stretches(model, run, history, labels, asked.turns),
                tuple(_decision(each) for each in run.turns),
            )
        )
    first = runs[0].turns[runs[0].first_answer].as_of
    kept = sum(each.fit.was_kept for each in shared.candidates.made)
    return ReplayResult(
        name,
        context.config.project.timezone,
        model.gate.metric.value,
        model.gate.confidence,
        tuple(instant_text(each) for each in asked.turns),
        instant_text(first),
        len(rows.label),
        len(np.unique(rows.days)),
        tuple(found),
        asked.draws if RANDOM in asked.policies else 0,
        time.monotonic() - started,
        len(shared.candidates.made) - kept,
        kept,
        "",
        say(model.gate.metric.value, model.gate.confidence, found),
    )


def _shared_history(
    shared: Shared, model: Model, runs: Sequence[PolicyRun], turns: Sequence[datetime]
) -> tuple[ScoredHistory, KnownLabels]:
    """Find the rows that all runs scored."""
    firsts = {each.first_answer for each in runs}
    answer = runs[0].turns[runs[0].first_answer].answer
    if answer is None or answer.outcome != PROMOTED.value:
        raise NotReadyError(
            f"model {model.model}",
            [Failure("champion", "no policy had a model promoted in any turn of the replay")],
            "begin at a later --from, when more days are closed, or look at why the gate rejects: --out",
        )
    if len(firsts) > 1:
        raise UsageError("--from", instant_text(turns[0]), "an instant at which every policy trains", "begin later")
    history = shared.first_history()
    return history, history.labels(turns[-1])


def _common(runs: Sequence[PolicyRun], labels: KnownLabels) -> NDArray[np.bool_]:
    """Choose the rows that every policy predicted and whose label is final."""
    common = labels.matured.copy()
    for each in runs:
        common &= each.is_production
    if not common.any():
        raise NotReadyError(
            "replay",
            [Failure("labels", "no row that was scored has a final label by the last turn")],
            "write a later --to",
        )
    return common


def _draw(
    shared: Shared,
    never: Policy,
    asked: Asked,
    later: Sequence[datetime],
    count: int,
    common: NDArray[np.bool_],
    rows: Outcomes,
) -> list[NDArray[np.float64]]:
    """Replay draws of random turns; none where every draw would be the same."""
    found = []
    for turns in draw_turns(later, count, asked.draws, seed=shared.context.config.project.seed):
        run = simulate(shared, never, asked.turns, forced=turns)
        found.append(lose(shared.model, run.scores[common], rows))
    return found


def _counts(run: PolicyRun) -> tuple[int, int, int, int, int, float, float]:
    trained, corrected = run.answered(Action.RETRAIN), run.answered(Action.RECALIBRATE)
    answers = [each.answer for each in (*trained, *corrected) if each.answer is not None]
    judged = [each for each in answers if each.version is not None]
    promoted = sum(each.outcome == PROMOTED.value for each in judged)
    not_ready = len(answers) - len(judged)
    seconds = sum(each.seconds for each in answers)
    seconds_kept = sum(each.seconds for each in answers if each.was_kept)
    return (
        len(trained),
        len(corrected) - not_ready,
        not_ready,
        promoted,
        len(judged) - promoted,
        seconds,
        seconds_kept,
    )


def _stretches(
    model: Model, run: PolicyRun, history: ScoredHistory, labels: KnownLabels, turns: Sequence[datetime]
) -> tuple[Stretch, ...]:
    found = []
    for done, before in zip(run.later_turns, turns[run.first_answer :], strict=False):
        rows = history.rows(done.as_of)
        own = np.zeros(len(labels.label), dtype=np.bool_)
        own[rows.first : rows.first + len(rows.seconds)] = True
        own &= labels.matured & run.is_production
        value = lose(model, run.scores[own], Outcomes(labels.label[own], labels.closed_day[own]))
        mean = float(value.mean()) if len(value) else math.nan
        found.append(
            Stretch(
                instant_text(before),
                instant_text(done.as_of),
                done.champion or "",
                int(own.sum()),
                None if math.isnan(mean) else mean,
            )
        )
    return tuple(found)


def _decision(done: TurnDone) -> dict[str, Any]:
    answer = done.answer
    return {
        "as_of": instant_text(done.as_of),
        "champion": done.champion,
        "scored": done.scored,
        "windows": done.windows,
        "flags_raised": done.raised,
        "drifted": list(done.drifted),
        "action": done.action.value,
        "reasons": list(done.reasons),
        "answer": None
        if answer is None
        else {
            "version": answer.version,
            "run_key": answer.run_key,
            "outcome": answer.outcome,
            "reasons": list(answer.reasons),
            "metrics": answer.metrics,
            "seconds": answer.seconds,
            "was_kept": answer.was_kept,
        },
    }
