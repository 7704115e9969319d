"""Monitoring: what the champion scored against its reference, and how it did on closed days; flags with evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.columns import matching_columns, model_columns
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.tree import Config
from lakeloop.discovery.text import count_of
from lakeloop.drift.calibration import calibrate
from lakeloop.drift.counts import COUNTS_SCHEMA, lay_out_daily
from lakeloop.drift.estimated_performance import VersionCalibration, estimate_performance
from lakeloop.drift.label_counts import LabelCounts
from lakeloop.drift.performance import measure_performance
from lakeloop.drift.reference import CLASS_COLUMN, SCORE_COLUMN, Reference, is_prediction
from lakeloop.drift.target_classes import judge_classes
from lakeloop.drift.targets import TargetDay, judge_rate
from lakeloop.drift.verdicts import ColumnVerdict, judge_window
from lakeloop.errors import ConflictError, Failure, NotReadyError
from lakeloop.labels.calendar import last_closed_day
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.alarms import find_flag_changes
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import SERVING_TAG, assert_same_model
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.flags import clear_flags, raise_flags
from lakeloop.runs.monitor_counts import CLASS, SCORE_BINS, Outcomes, count_outcomes, count_predictions, measure_delays
from lakeloop.runs.monitor_rows import (
    calibration_rows,
    drift_row,
    estimate_rows,
    label_rows,
    performance_rows,
    profile_row,
    target_row,
)
from lakeloop.runs.promotions import champion_before, read_promotions
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE, REFERENCE_FILE
from lakeloop.runs.windows import MonitorWindow, ended_windows
from lakeloop.statuses import Outcome, Purpose, Role, Verdict
from lakeloop.tables import WriteIdentity
from lakeloop.training.evidence import METRICS_FILE

JOB = "monitor"
_TARGET_EFFECT = 0.05
"""Least difference of a label's mean that is called drift: five points of a rate, or 5 % of a number's spread."""


@dataclass(frozen=True)
class _References:
    """What a champion was accepted on: features over the training set, scores and calibration over the holdout."""

    features: Reference
    predictions: Reference
    calibration: VersionCalibration


@dataclass(frozen=True)
class MonitorResult:
    """What a monitoring did.

    Attributes:
        model: The model.
        model_version: The champion it speaks of.
        windows: Windows evaluated now.
        drifted: Columns with verdict DRIFT in the last of them.
        flags: Flags raised.
        outcome: WRITTEN; SKIPPED when the turn was monitored already; EMPTY when no window has ended.
        metrics: Realised metrics over all windows evaluated now.
        cleared: Flags of earlier turns that were closed, because their alarm is over.
        late: Windows of earlier turns that were measured now, because their labels are closed.
    """

    model: str
    model_version: str
    windows: int
    drifted: tuple[str, ...]
    flags: int
    outcome: Outcome
    metrics: Mapping[str, float]
    cleared: int = 0
    late: int = 0

    @property
    def summary(self) -> str:
        """Windows evaluated, columns that drifted, flags raised."""
        if self.outcome is not Outcome.WRITTEN:
            return "no window has ended" if self.outcome is Outcome.EMPTY else "already monitored"
        drifted = f"drift in {', '.join(self.drifted)}" if self.drifted else "no drift"
        raised = f", {count_of(self.flags, 'flag')} raised" if self.flags else ""
        cleared = f", {count_of(self.cleared, 'flag')} closed" if self.cleared else ""
        late = f", {count_of(self.late, 'earlier window')} measured" if self.late else ""
        return f"{count_of(self.windows, 'window')}, {drifted}{late}{raised}{cleared}"


def monitor(context: Context, name: str) -> MonitorResult:
    """Evaluate every window of the champion before this turn that has ended and was not evaluated yet.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        Counts; the verdicts are rows of the monitoring tables.

    Raises:
        NotReadyError: If there was no champion before this turn, or nothing was scored.
        ConflictError: If the registry lacks the champion, or the model's declaration is not what it was trained by.
        DataContractError: If the label can't be computed for some row.

    >>> from datetime import timedelta
    >>> a_day_after_the_promotion = Context(context.config, context.as_of - timedelta(days=9))
    >>> monitor(a_day_after_the_promotion, "late").summary
    'no window has ended'
    """
    model, lake = context.config.models[name], context.lake
    with lake.writing(), explaining_model(context.config, model):
        champion = champion_before(read_promotions(context, name), context.as_of)
        predictions = lake.address("predictions", name)
        if champion is None or not lake.exists(predictions):
            raise NotReadyError(
                f"model {name}",
                [Failure("predictions", "there are none: nobody was champion before this turn, or it did not score")],
                f"run `lakeloop score --as-of {context.turn}` first",
            )
        identity = WriteIdentity(JOB, f"{name} {context.turn}", champion.version)
        for table in (schemas.PROFILE_METRICS, schemas.DRIFT_METRICS):
            lake.create_own(table)
        performance = lake.create_own(schemas.PERFORMANCE)
        version = context.registry.get_version(name, champion.version, champion.run_key)
        assert_same_model(context.config, model, version.tags.get(SERVING_TAG))
        features, predicted = (
            Reference.from_json(context.registry.read_document(version, file))
            for file in (REFERENCE_FILE, PREDICTION_REFERENCE_FILE)
        )
        references = _References(features, predicted, _read_calibration(context, version))
        windows, late = _windows_to_evaluate(context, model, champion.as_of, identity)
        if not windows and not late:
            return MonitorResult(name, champion.version, 0, (), 0, Outcome.EMPTY, {})
        outcome, done = Outcome.SKIPPED, lake.find_commit(performance, identity)  # it is written last
        notes = done.notes if done is not None else {}
        if done is None:
            context.progress(f"monitor {name}")
            findings = _evaluate(context, model, champion.version, references, windows, late)
            if not findings:  # rows of the earlier windows still wait
                return MonitorResult(name, champion.version, 0, (), 0, Outcome.EMPTY, {})
            new = [each for each in findings if not each.is_late]
            rows = _Rows.of(context, model, champion.version, references.features, findings)
            lake.append_own(schemas.PROFILE_METRICS, rows.profiles, identity)
            lake.append_own(schemas.DRIFT_METRICS, rows.drifts, identity)
            if rows.estimates:
                lake.create_own(schemas.ESTIMATED_PERFORMANCE)
                lake.append_own(schemas.ESTIMATED_PERFORMANCE, rows.estimates, identity)
            changes = find_flag_changes(context, model, champion.version, findings)
            notes = {
                "windows": [instant_text(each.end) for each in windows],
                "measured": [instant_text(each.window.end) for each in findings if not each.waits],
                "late": len(findings) - len(new),
                "drifted": [each.column for each in new[-1].columns if each.verdict is Verdict.DRIFT] if new else [],
                "flags": raise_flags(context, name, changes.raised),
                "cleared": clear_flags(context, name, changes.cleared),
                "metrics": _overall(findings),
            }
            outcome = lake.append_own(schemas.PERFORMANCE, rows.performances, identity, notes=notes).outcome
        return MonitorResult(
            name,
            champion.version,
            len(notes["windows"]),
            tuple(notes["drifted"]),
            notes["flags"],
            outcome,
            notes["metrics"],
            notes["cleared"],
            notes.get("late", 0),
        )


def _read_calibration(context: Context, version: ModelVersion) -> VersionCalibration:
    """Read how a version was calibrated on its holdout; a version that did not log it is not refused, but unknown."""
    try:
        return VersionCalibration.from_metrics(context.registry.read_document(version, METRICS_FILE))
    except ConflictError:
        return VersionCalibration(None, False)


def _roles_of(config: Config, model: Model) -> dict[str, Role]:
    """Give every model column its role; what is not declared is regime, and contract wins over seasonal."""
    columns = model_columns(config, model)
    roles = dict.fromkeys((*columns, SCORE_COLUMN, CLASS_COLUMN), Role.REGIME)
    for role in (Role.SEASONAL, Role.REGIME, Role.CONTRACT):
        roles |= dict.fromkeys(matching_columns(model.monitor.roles.get(role, ()), columns), role)
    return roles


def _windows_to_evaluate(
    context: Context, model: Model, since: datetime, identity: WriteIdentity
) -> tuple[list[MonitorWindow], list[MonitorWindow]]:
    """List the champion's ended windows that no earlier turn evaluated, and those whose labels have closed since.

    A label without a lag is closed soon after its window's end: what was closed by then is measured, once.
    """
    commits = context.lake.commits(context.lake.own(schemas.PERFORMANCE))
    before = [
        commit.notes
        for commit in commits
        if commit.unit.startswith(f"{model.model} ") and commit.fingerprint == identity.fingerprint
        if commit.unit != identity.unit
    ]
    earlier = {end for notes in before for end in notes["windows"]}
    # A turn that did not note it, of an earlier lakeloop, measured every window at once.
    measured = {end for notes in before for end in notes.get("measured", notes["windows"])}
    ended = ended_windows(since, context.as_of, model.monitor.window, model.label.closes.timezone)
    last = last_closed_day(context.as_of, model.label.closes)
    late = [each for each in ended if each.last_day <= last and instant_text(each.end) in earlier - measured]
    return [window for window in ended if instant_text(window.end) not in earlier], late


def _evaluate(
    context: Context,
    model: Model,
    version: str,
    references: _References,
    windows: Sequence[MonitorWindow],
    late: Sequence[MonitorWindow],
) -> list[WindowFinding]:
    """Evaluate windows that have just ended and earlier ones that are closed now, by window end."""
    lake, zone = context.lake, model.label.closes.timezone
    scored = lake.read(lake.address("predictions", model.model), context.as_of, by="as_of").where(
        (F.col("model_version") == version)
        & (F.col("purpose") == Purpose.PRODUCTION.value)
        & (F.col("prediction_ts") >= F.lit(min(each.start for each in (*late, *windows))))
        & (F.col("prediction_ts") < F.lit(max(each.end for each in (*late, *windows))))
    )
    reference, bins = references.features, (*references.features.bins, *references.predictions.bins)
    counts = COUNTS_SCHEMA.empty_table()
    if windows:
        counts = count_predictions(scored.where(F.col("prediction_ts") >= F.lit(windows[0].start)), bins, zone)
    target_rate = reference.target_rate
    classes = model.label.classes
    shares = reference.target_shares or [1 / len(classes)] * len(classes) if classes else ()
    outcomes = count_outcomes(context, model, scored, target_rate if target_rate is not None else 0.0, shares)
    delays = measure_delays(context, model, scored, [*late, *windows])
    roles = _roles_of(context.config, model)
    seed = context.config.project.seed
    spread = (reference.target_spread or 0.0) if model.task == "regression" else 1.0
    findings = []
    for window in (*late, *windows):
        is_late = window in late
        closed, counted = _of_window(outcomes.cells, "block", window), _of_window(counts, "block", window)
        labels = _label_counts(outcomes, closed, window, delays)
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
                    for verdict in _judge(each, counted, roles, model, seed)
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
                measure_performance(measured, model.task, level=model.monitor.level, seed=seed),
                calibrate(measured, SCORE_BINS) if model.task is not Task.REGRESSION else (),
                labels.void,
                lay_out_daily(counted, bins),
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


def _label_counts(
    outcomes: Outcomes, closed: pa.Table, window: MonitorWindow, delays: Mapping[date, tuple[float, ...]]
) -> LabelCounts:
    void, pending = (_rows_of(each, window) for each in (outcomes.void, outcomes.pending))
    return LabelCounts(sum(closed["rows"].to_pylist()), void, pending, delays.get(window.first_day, ()))


def _rows_of(days: Sequence[tuple[date, int]], window: MonitorWindow) -> int:
    return sum(rows for day, rows in days if window.holds(day))


def _judge(
    reference: Reference, counted: pa.Table, roles: Mapping[str, Role], model: Model, seed: int
) -> tuple[ColumnVerdict, ...]:
    columns = [each.name for each in reference.bins]
    own = counted.filter(pc.is_in(counted["column"], pa.array(columns, pa.string())))
    return judge_window(reference, own, columns, roles, model.monitor, seed=seed)


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


@dataclass(frozen=True)
class _Rows:
    """Rows of the monitoring tables."""

    profiles: list[dict[str, Any]]
    drifts: list[dict[str, Any]]
    performances: list[dict[str, Any]]
    estimates: list[dict[str, Any]]

    @classmethod
    def of(
        cls, context: Context, model: Model, version: str, reference: Reference, findings: Sequence[WindowFinding]
    ) -> _Rows:
        profiles, drifts, performances, estimates = [], [], [], []
        for finding in findings:
            same = {
                "model": model.model,
                "model_version": version,
                "window": (finding.window.start, finding.window.end),
                "granularity": f"{model.monitor.window.days} days",
                "as_of": context.as_of,
            }
            for verdict in finding.columns:
                profiles.append({**same, **profile_row(verdict, finding.counts)})
                drifts.append({**same, **drift_row(verdict, is_prediction=is_prediction(model.task, verdict.column))})
            if not finding.waits:
                drifts.append({**same, **target_row(finding.target)})
            performances += [
                {**same, **row} for row in performance_rows(finding.performance, finding.void_rows, reference)
            ]
            performances += [{**same, **row} for row in calibration_rows(finding.performance, finding.calibration)]
            performances += [{**same, **row} for row in label_rows(finding.labels, finding.performance)]
            if finding.estimate is not None:
                pending = finding.labels.pending
                estimates += [{**same, **row} for row in estimate_rows(finding.estimate, pending)]
        return cls(profiles, drifts, performances, estimates)


def _overall(findings: Sequence[WindowFinding]) -> dict[str, float]:
    """Average the windows' metrics by their rows, for a glance."""
    total: dict[str, float] = {}
    weights: dict[str, int] = {}
    for finding in findings:
        for metric, value in finding.performance.metrics.items():
            rows = finding.performance.rows
            total[metric] = total.get(metric, 0.0) + value * rows
            weights[metric] = weights.get(metric, 0) + rows
    means = {metric: value / weights[metric] for metric, value in total.items() if weights[metric]}
    return {metric: value for metric, value in means.items() if isfinite(value)}
