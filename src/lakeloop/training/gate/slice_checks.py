"""What is asked of every slice that has the rows to be judged: floors, and no inferiority beyond a margin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lakeloop.config.gate import Bounds, Gate, SliceRule
from lakeloop.config.metric import Metric, Task
from lakeloop.statuses import GateStatus
from lakeloop.training.gate.check import NAN, Check
from lakeloop.training.gate.comparison import Losses, describe_difference
from lakeloop.training.gate.holdout import HoldoutScores
from lakeloop.training.gate.metric_bounds import check_bounds
from lakeloop.training.gate.slices import Slice, cut_slices
from lakeloop.training.metrics import evaluate

_MAX_NAMED = 5
_MAX_LETTERS = 40

_Judge = Callable[[str, NDArray[np.bool_]], Check]


@dataclass(frozen=True)
class _Question:
    """What is asked of the slices of one column, and on which rows.

    Attributes:
        name: Begin of its checks' names.
        judge: Judges a slice that has enough rows: its name, its rows.
        rows: Rows that count.
    """

    name: str
    judge: _Judge
    rows: NDArray[np.bool_]


def check_slices(
    gate: Gate, task: Task, holdout: HoldoutScores, losses: Losses, *, has_champion: bool, private: Collection[str] = ()
) -> list[Check]:
    """Judge every slice that has the rows and the blocks, by what its column declares.

    All of them have to pass. A challenger that is worse on one slice by the margin or more is let through with at most
    the chance that this one slice's interval misses: the intervals need no correction for their number. What their
    number costs is power, for which the margin of a slice is chosen wider than the gate's.

    Args:
        gate: What the challenger has to show.
        task: Kind of label.
        holdout: Outcomes and scores.
        losses: Losses per row.
        has_champion: Whether there is a serving version.
        private: Columns that say something of a person: their values are numbered, not named.

    Returns:
        A check per question and slice; one that names the values that were not judged. A value that is declared and
        cannot be judged is INSUFFICIENT, and so is a question that no value could answer.

    Raises:
        DistributionError: If a declared slice is absent.

    Source: Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24 (1982), 295-300.

    >>> days = np.repeat(np.datetime64("2013-01-01", "D") + np.arange(10), 2)
    >>> origins, y = np.array(["EWR", "JFK"] * 10), np.tile([0.0, 1.0], 10)
    >>> holdout = HoldoutScores(y, np.full(20, 0.5), np.full(20, 0.5), days, None, {"origin": origins})
    >>> losses = Losses(np.full(20, 0.25), np.full(20, 0.25), np.full(20, np.nan), np.zeros(20, dtype=bool), days)
    >>> rule = {"min_rows": 10, "absolute": {"brier": {"max": 0.2}}, "values": ["EWR", "LGA"]}
    >>> gate = Gate(metric="brier", superior_by=0.01, slices={"origin": rule})
    >>> for check in check_slices(gate, Task.CLASSIFICATION, holdout, losses, has_champion=False):
    ...     print(check.name, check.status.value, check.detail)
    slice_origin_brier[EWR] FAIL brier 0.2500, at most 0.2 allowed (10 days, 10 rows)
    slice_origin_brier[JFK] FAIL brier 0.2500, at most 0.2 allowed (10 days, 10 rows)
    slice_origin_brier[LGA] INSUFFICIENT 0 rows on 0 days, needed are 10 on 10
    """
    checks: list[Check] = []
    for column, rule in gate.slices.items():
        if not rule.judges:
            continue
        parts = cut_slices(holdout, column)
        name = f"slice_{column}_no_worse"
        if rule.non_inferior_by is not None and not has_champion:
            detail = "there is no champion"
            checks.append(Check(name, GateStatus.NOT_APPLICABLE, NAN, rule.non_inferior_by, detail))
        elif rule.non_inferior_by is not None:
            question = _Question(name, _no_worse(gate, rule.non_inferior_by, losses), losses.comparable)
            checks += _ask(gate, rule, question, parts, losses.days, is_private=column in private)
        for metric, bounds in rule.absolute.items():
            floor = _floor(metric, bounds, task, holdout, losses)
            question = _Question(f"slice_{column}_{metric}", floor, np.ones(len(losses.ours), dtype=bool))
            checks += _ask(gate, rule, question, parts, losses.days, is_private=column in private)
    return checks


def _floor(metric: Metric, bounds: Bounds, task: Task, holdout: HoldoutScores, losses: Losses) -> _Judge:
    def judge(name: str, rows: NDArray[np.bool_]) -> Check:
        value = evaluate(task, holdout.y[rows], holdout.challenger[rows]).get(metric, NAN)
        found = check_bounds(name, metric, bounds, value)
        size = f"{len(np.unique(losses.days[rows]))} days, {int(rows.sum())} rows"
        return replace(found, detail=f"{found.detail} ({size})")

    return judge


def _no_worse(gate: Gate, margin: float, losses: Losses) -> _Judge:
    def judge(name: str, rows: NDArray[np.bool_]) -> Check:
        found = losses.over_champion(gate, rows)
        status = GateStatus.PASS if found.upper < margin else GateStatus.FAIL
        detail = f"{describe_difference(gate, found, 'champion')}; needed: upper end below {margin:g}"
        return Check(name, status, found.difference, margin, detail, found.lower, found.upper)

    return judge


def _ask(
    gate: Gate,
    rule: SliceRule,
    question: _Question,
    parts: Sequence[Slice],
    days: NDArray[np.datetime64],
    *,
    is_private: bool,
) -> list[Check]:
    least_days = (gate.min_blocks if rule.min_blocks is None else rule.min_blocks) * gate.block_days
    needed = f"needed are {rule.min_rows} on {least_days}"
    checks, left = [], []
    for number, part in enumerate(parts, start=1):
        shown = f"value {number}" if is_private else part.value[:_MAX_LETTERS]
        rows = part.rows & question.rows
        count, found_days = int(rows.sum()), len(np.unique(days[rows]))
        if count >= rule.min_rows and found_days >= least_days:
            checks.append(question.judge(f"{question.name}[{shown}]", rows))
        elif part.value in rule.values:
            checks.append(_insufficient(question, shown, f"{count} rows on {found_days} days, {needed}"))
        else:
            left.append(f"{shown} ({count} rows)")
    there = {part.value for part in parts}
    for number, value in enumerate(rule.values, start=1):
        if value not in there:
            shown = f"declared value {number}" if is_private else value[:_MAX_LETTERS]
            checks.append(_insufficient(question, shown, f"0 rows on 0 days, {needed}"))
    if not checks:
        detail = f"no value of {len(parts)} has the rows to be judged: {needed} days"
        return [Check(question.name, GateStatus.INSUFFICIENT, NAN, NAN, detail)]
    if left:
        named = ", ".join(left[:_MAX_NAMED]) + (f" and {len(left) - _MAX_NAMED} more" if len(left) > _MAX_NAMED else "")
        detail = f"not judged, {needed} days: {named}"
        checks.append(Check(question.name, GateStatus.NOT_APPLICABLE, float(len(left)), NAN, detail))
    return checks


def _insufficient(question: _Question, shown: str, detail: str) -> Check:
    return Check(f"{question.name}[{shown}]", GateStatus.INSUFFICIENT, NAN, NAN, detail)
