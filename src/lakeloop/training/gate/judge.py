"""The promotion gate: what a challenger has to show on the holdout, with intervals from resampled days."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from lakeloop.config.gate import Gate
from lakeloop.config.metric import Metric, Task
from lakeloop.training.gate.calibration import check_calibration
from lakeloop.training.gate.check import NAN, acknowledge
from lakeloop.training.gate.comparison import Losses, check_baseline, check_champion
from lakeloop.training.gate.fact_checks import check_facts
from lakeloop.training.gate.facts import GateFacts
from lakeloop.training.gate.holdout import HoldoutScores
from lakeloop.training.gate.metric_bounds import check_absolute, check_too_good
from lakeloop.training.gate.report import GateReport
from lakeloop.training.gate.slice_checks import check_slices
from lakeloop.training.gate.slices import measure_slices
from lakeloop.training.metrics import evaluate, row_losses


def judge(
    gate: Gate,
    task: Task,
    holdout: HoldoutScores,
    has_champion: bool,
    *,
    seed: int = 0,
    facts: GateFacts | None = None,
    acknowledged: Collection[str] = (),
    private: Collection[str] = (),
) -> GateReport:
    """Judge a challenger on the holdout.

    Args:
        gate: What it has to show.
        task: Kind of label.
        holdout: Outcomes and scores.
        has_champion: Whether there is a serving version; without one there is nothing to compare with, but with one
            whose rows cannot be compared the comparison is INSUFFICIENT.
        seed: Of the resampled days.
        facts: What was found around the scores; None to judge the scores alone. A fact that is None in it was asked
            for and not found, which is no pass.
        acknowledged: Names of the blocking warnings that a person lets pass.
        private: Slice columns that say something of a person.

    Returns:
        The checks, in the order absolute, baseline, champion, slices, calibration, facts, too good, with metrics and
        slices. No check at all where nothing is asked of the scores.

    Raises:
        DistributionError: If an outcome or score is missing or out of its range, the metric is no mean of losses per
            row, or a declared slice is absent.

    >>> days = np.repeat(np.arange("2013-01-01", "2013-01-15", dtype="datetime64[D]"), 2)
    >>> outcomes = np.tile([0.0, 1.0], 14)
    >>> scores = HoldoutScores(outcomes, 0.25 + 0.5 * outcomes, np.full(28, 0.5), days, None, {})
    >>> report = judge(Gate(metric=Metric.BRIER, non_inferior_by=0.01), Task.CLASSIFICATION, scores, has_champion=False)
    >>> [(check.name, str(check.status), check.value) for check in report.checks]
    [('beats_baseline', 'PASS', -0.1875), ('no_worse_than_champion', 'NOT_APPLICABLE', nan)]
    """
    both = holdout.comparable
    challenger, baseline = (evaluate(task, holdout.y, score) for score in (holdout.challenger, holdout.baseline))
    ours = row_losses(gate.metric, holdout.y, holdout.challenger)
    theirs = np.full(len(ours), NAN)
    champion: dict[Metric, float] = {}
    challenger_on_comparable: dict[Metric, float] = {}
    if holdout.champion is not None:
        theirs[both] = row_losses(gate.metric, holdout.y[both], holdout.champion[both])
        champion = evaluate(task, holdout.y[both], holdout.champion[both])
        challenger_on_comparable = evaluate(task, holdout.y[both], holdout.challenger[both])
    constant = row_losses(gate.metric, holdout.y, holdout.baseline)
    losses = Losses(ours, constant, theirs, both, np.asarray(holdout.days, dtype="datetime64[D]"), seed)
    of_scores = [
        *check_absolute(gate, challenger),
        *check_baseline(gate, losses),
        *check_champion(gate, losses, has_champion=has_champion),
        *check_slices(gate, task, holdout, losses, has_champion=has_champion, private=private),
        *check_calibration(gate, holdout.y, holdout.challenger, losses.days, seed=seed),
    ]
    checks = [*of_scores, *([] if facts is None else check_facts(gate, facts)), *check_too_good(gate, challenger)]
    if not of_scores:  # that it loads says nothing of how it answers
        checks = []
    return GateReport(
        checks=tuple(acknowledge(check, acknowledged) for check in checks),
        metric=gate.metric,
        rows=len(ours),
        days=len(np.unique(losses.days)),
        comparable_rows=int(both.sum()),
        comparable_days=len(np.unique(losses.days[both])),
        challenger=challenger,
        baseline=baseline,
        champion=champion,
        challenger_on_comparable=challenger_on_comparable,
        slices=measure_slices(gate, holdout, losses),
    )
