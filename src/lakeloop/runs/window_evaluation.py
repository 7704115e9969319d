"""Evaluating windows: what a version's predictions and their outcomes say, window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from lakeloop.config.columns import matching_columns, model_columns
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.monitor import Granularity
from lakeloop.config.predict import PREDICTION_TS
from lakeloop.config.tree import Config
from lakeloop.discovery.private import private_columns
from lakeloop.drift.calibration import calibrate
from lakeloop.drift.daily_profiles import ProfilePlan
from lakeloop.drift.estimated_performance import VersionCalibration, estimate_performance
from lakeloop.drift.label_counts import LabelCounts
from lakeloop.drift.merged_profiles import EACH_DAY, WHOLE, merge_profiles, to_counts
from lakeloop.drift.performance import Performance, measure_performance
from lakeloop.drift.reference import CLASS_COLUMN, SCORE_COLUMN, Reference
from lakeloop.drift.slice_performance import measure_slice_performance
from lakeloop.drift.slicing import Slicing
from lakeloop.drift.target_classes import judge_classes
from lakeloop.drift.targets import TargetDay, judge_rate
from lakeloop.drift.verdicts import ColumnVerdict, judge_window, verdict_without_reference
from lakeloop.runs.context import Context
from lakeloop.runs.daily_profiles import read_profiles
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.monitor_counts import CLASS, SCORE_BINS, Outcomes, count_outcomes
from lakeloop.runs.windows import MonitorWindow
from lakeloop.statuses import Purpose, Role, Status, Verdict

_TARGET_EFFECT = 0.05
"""Least difference of a label's mean that is called drift: five points of a rate, or 5 % of a number's spread."""


@dataclass(frozen=True)
class References:
    """What a champion was accepted on: features over the training set, scores and calibration over the holdout.

    Attributes:
        features: Of the training set.
        predictions: Of the holdout.
        calibration: Of the holdout.
        lost: Columns whose reference cannot be read any more: none of them is in one of the two.
    """

    features: Reference
    predictions: Reference
    calibration: VersionCalibration
    lost: tuple[str, ...] = ()

    def plan(self, config: Config, model: Model) -> ProfilePlan:
        """Plan what is counted of the version's predictions.

        Args:
            config: The project.
            model: The model's declaration.

        Returns:
            The plan, the same for all of the version's predictions.

        >>> from datetime import UTC, datetime
        >>> empty = Reference("late", Task.CLASSIFICATION, datetime(2024, 1, 25, tzinfo=UTC), (), (), {}, {})
        >>> references = References(empty, empty, VersionCalibration(None, False))
        >>> references.plan(context.config, context.config.models["late"]).columns
        ('prediction_ts',)
        """
        return ProfilePlan(
            (*self.features.bins, *self.predictions.bins),
            model.label.closes.timezone,
            PREDICTION_TS,
            is_hourly=Granularity.HOUR in model.monitor.granularities,
            slicings=self.features.slicings,
            sketches=model.monitor.sketches,
            private=private_columns(config, model),
        )


@dataclass(frozen=True)
class WindowCounts:
    """What was counted of a version's predictions.

    Attributes:
        profiles: Their daily profiles in the windows that no earlier turn evaluated, merged by day.
        outcomes: What became of them.
        slicings: How matured rows were sliced; those that are declared come first, and none where slices were not
            counted.
    """

    profiles: pa.Table
    outcomes: Outcomes
    slicings: tuple[Slicing, ...]


def evaluate_windows(
    context: Context,
    model: Model,
    version: str,
    references: References,
    windows: Sequence[MonitorWindow],
    late: Sequence[MonitorWindow],
) -> list[WindowFinding]:
    """Evaluate windows that have just ended and earlier ones that are closed now, by window end.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The version whose predictions are looked at.
        references: What it was accepted on.
        windows: Windows that no earlier turn evaluated; their predictions are profiled.
        late: Windows of earlier turns, whose labels have closed since.

    Returns:
        What was found. An earlier window of which rows still wait is left out.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.runs.windows import ended_windows
    >>> empty = Reference("late", Task.CLASSIFICATION, datetime(2024, 1, 25, tzinfo=UTC), (), (), {}, {})
    >>> references, since = References(empty, empty, VersionCalibration(None, False)), datetime(2024, 1, 25, tzinfo=UTC)
    >>> model = context.config.models["late"]
    >>> windows = ended_windows(since, context.as_of, model.monitor.window, "UTC")[:1]
    >>> (found,) = evaluate_windows(context, model, "1", references, windows, [])
    >>> found.performance.rows, found.target.status.value
    (70, 'INSUFFICIENT_REFERENCE')
    """
    lake = context.lake
    scored = lake.read(lake.address("predictions", model.model), context.as_of, by="as_of").where(
        (F.col("model_version") == version)
        & (F.col("purpose") == Purpose.PRODUCTION.value)
        & (F.col("prediction_ts") >= F.lit(min(each.start for each in (*late, *windows))))
        & (F.col("prediction_ts") < F.lit(max(each.end for each in (*late, *windows))))
    )
    reference = references.features
    target_rate = reference.target_rate
    classes = model.label.classes
    shares = reference.target_shares or [1 / len(classes)] * len(classes) if classes else ()
    slicings = _slicings(context.config, model, reference)
    rate = target_rate if target_rate is not None else 0.0
    counted = WindowCounts(
        merge_profiles(read_profiles(context, model.model, version, windows), EACH_DAY),
        count_outcomes(context, model, scored, rate, shares, slicings),
        slicings,
    )
    return judge_windows(context.config, model, references, windows, late, counted)


def judge_windows(
    config: Config,
    model: Model,
    references: References,
    windows: Sequence[MonitorWindow],
    late: Sequence[MonitorWindow],
    counted: WindowCounts,
) -> list[WindowFinding]:
    """Judge windows by what was counted of their rows; no row is looked at.

    Args:
        config: The project.
        model: The model's declaration.
        references: What the version was accepted on.
        windows: Windows that no earlier turn evaluated.
        late: Windows of earlier turns, whose labels have closed since.
        counted: What was counted of the version's predictions.

    Returns:
        What was found, by window end. An earlier window of which rows still wait is left out.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.drift.daily_profiles import PROFILES_SCHEMA
    >>> from lakeloop.runs.monitor_counts import outcomes_of
    >>> empty = Reference("late", Task.CLASSIFICATION, datetime(2024, 1, 25, tzinfo=UTC), (), (), {}, {})
    >>> nothing = WindowCounts(PROFILES_SCHEMA.empty_table(), outcomes_of(shops.models["late"], []), ())
    >>> references = References(empty, empty, VersionCalibration(None, False))
    >>> judge_windows(shops, shops.models["late"], references, [], [], nothing)
    []
    """
    reference, profiles, outcomes = references.features, counted.profiles, counted.outcomes
    target_rate, classes = reference.target_rate, model.label.classes
    roles = roles_of(config, model)
    seed = config.project.seed
    spread = (reference.target_spread or 0.0) if model.task == "regression" else 1.0
    findings = []
    for window in (*late, *windows):
        is_late = window in late
        closed, own = _of_window(outcomes.cells, "block", window), _of_window(profiles, "block", window)
        labels = _label_counts(outcomes, closed, window)
        # Measured once: where closing takes its time, when all of it is closed; else as soon as any of it is.
        still_to_come = labels.pending - _rows_of(outcomes.never, window)
        waits = bool(still_to_come) and (bool(model.label.closes.after) or not (closed.num_rows or labels.void))
        if is_late and waits:
            continue
        measured = closed.slice(0, 0) if waits else closed
        findings.append(
            WindowFinding(
                window,
                tuple(
                    verdict
                    for each in (() if is_late else (references.features, references.predictions))
                    for verdict in _judge(each, own, roles, model, seed)
                )
                + tuple(
                    verdict_without_reference(each, roles.get(each, Role.REGIME), labels.total)
                    for each in (() if is_late else references.lost)
                ),
                judge_classes(reference, _class_days(measured, len(classes)), classes, model.monitor, seed=seed)
                if classes
                else judge_rate(
                    reference.targets,
                    _target_days(measured),
                    min_effect=_TARGET_EFFECT * spread,
                    level=model.monitor.level,
                    seed=seed,
                ),
                _performance(measured, model, reference, seed),
                calibrate(measured, SCORE_BINS) if model.task is not Task.REGRESSION else (),
                labels.void,
                merge_profiles(own, WHOLE),
                measure_slice_performance(
                    counted.slicings,
                    _of_window(outcomes.slices, "block", window).slice(0, 0 if waits else None),
                    declared=min(len(reference.slicings), len(counted.slicings)),
                    min_rows=model.monitor.min_rows,
                    level=model.monitor.level,
                    seed=seed,
                ),
                labels,
                is_late,
                waits,
                None
                if is_late or model.task is Task.REGRESSION
                else estimate_performance(
                    _of_window(outcomes.scores, "block", window), references.calibration, target_rate, model.task
                ),
            )
        )
    return findings


def _performance(measured: pa.Table, model: Model, reference: Reference, seed: int) -> Performance:
    """Measure realised performance; without the reference's mean label there is no constant prediction to beat."""
    found = measure_performance(measured, model.task, level=model.monitor.level, seed=seed)
    if reference.target_rate is not None:
        return found

    def without_skill(told: Mapping[str, Any]) -> dict[str, Any]:
        return {name: each for name, each in told.items() if name != "skill"}

    return replace(found, metrics=without_skill(found.metrics), intervals=without_skill(found.intervals))


def roles_of(config: Config, model: Model) -> dict[str, Role]:
    """Give every monitored column its role; what is not declared is regime, and contract wins over seasonal.

    >>> roles_of(context.config, context.config.models["late"])["score"].value
    'regime'
    """
    columns = model_columns(config, model)
    roles = dict.fromkeys((*columns, SCORE_COLUMN, CLASS_COLUMN), Role.REGIME)
    for role in (Role.SEASONAL, Role.REGIME, Role.CONTRACT):
        roles |= dict.fromkeys(matching_columns(model.monitor.roles.get(role, ()), columns), role)
    return roles


def _slicings(config: Config, model: Model, reference: Reference) -> tuple[Slicing, ...]:
    """Slice matured rows as is declared, and by the bins of every model column, among which the worst is looked for."""
    private = private_columns(config, model)
    named = {each.name for each in reference.slicings}
    by_bins = [Slicing(each.name, each) for each in reference.bins if each.name not in private | named]
    return (*reference.slicings, *by_bins)


def _label_counts(outcomes: Outcomes, closed: pa.Table, window: MonitorWindow) -> LabelCounts:
    void, pending = (_rows_of(each, window) for each in (outcomes.void, outcomes.pending))
    return LabelCounts(sum(closed["rows"].to_pylist()), void, pending, outcomes.delays_of(window))


def _rows_of(days: Sequence[tuple[date, int]], window: MonitorWindow) -> int:
    return sum(rows for day, rows in days if window.holds(day))


def _judge(
    reference: Reference, profiles: pa.Table, roles: Mapping[str, Role], model: Model, seed: int
) -> tuple[ColumnVerdict, ...]:
    """Judge the columns of a reference; one whose values are of another kind than it knows can't be judged."""
    columns = [each.name for each in reference.bins]
    own = profiles.filter(pc.is_in(profiles["column_name"], pa.array(columns, pa.string())))
    changed = set(own.filter(pc.equal(own["status"], Status.CHANGED_TYPE.value))["column_name"].to_pylist())
    verdicts = judge_window(reference, to_counts(own), columns, roles, model.monitor, seed=seed)
    return tuple(_unreadable(each) if each.column in changed else each for each in verdicts)


def _unreadable(verdict: ColumnVerdict) -> ColumnVerdict:
    unknown = replace(verdict, status=Status.CHANGED_TYPE, verdict=Verdict.UNKNOWN)
    return replace(unknown, value=None, threshold=None, evidence={})


def _of_window(table: pa.Table, column: str, window: MonitorWindow) -> pa.Table:
    days = table[column]
    first, last = pa.scalar(window.first_day, pa.date32()), pa.scalar(window.last_day, pa.date32())
    return table.filter(pc.and_(pc.greater_equal(days, first), pc.less_equal(days, last)))


def _target_days(outcomes: pa.Table) -> list[TargetDay]:
    days: dict[date, tuple[int, float]] = {}
    for cell in outcomes.select(["block", "label", "rows"]).to_pylist():
        rows, total = days.get(cell["block"], (0, 0.0))
        days[cell["block"]] = (rows + cell["rows"], total + cell["rows"] * cell["label"])
    return [TargetDay(day, rows, total) for day, (rows, total) in sorted(days.items())]


def _class_days(outcomes: pa.Table, classes: int) -> list[TargetDay]:
    days: dict[date, list[int]] = {}
    for cell in outcomes.select(["block", CLASS, "rows"]).to_pylist() if outcomes.num_rows else ():
        days.setdefault(cell["block"], [0] * classes)[cell[CLASS]] += cell["rows"]
    return [TargetDay(day, sum(rows), 0.0, tuple(rows)) for day, rows in sorted(days.items())]
