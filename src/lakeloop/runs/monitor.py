"""Monitoring: what the champion scored against its reference, and how it did on closed days; flags with evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.discovery.text import count_of
from lakeloop.drift.estimated_performance import VersionCalibration
from lakeloop.drift.reference import Reference
from lakeloop.errors import ConflictError, Failure, NotReadyError
from lakeloop.labels.calendar import last_closed_day
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.alarms import find_flag_changes
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.daily_profiles import profile_predictions
from lakeloop.runs.declared import SERVING_TAG, assert_same_model
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.flags import clear_flags, raise_flags
from lakeloop.runs.found_rows import FoundRows, profile_periods
from lakeloop.runs.joint_drift import measure_joint_drift
from lakeloop.runs.promotions import Promotion, champion_before, read_promotions
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE, REFERENCE_FILE
from lakeloop.runs.severity import read_importance, weigh_findings
from lakeloop.runs.window_evaluation import References, evaluate_windows
from lakeloop.runs.windows import MonitorWindow, ended_windows
from lakeloop.statuses import Outcome, Verdict
from lakeloop.tables import WriteIdentity
from lakeloop.training.evidence import METRICS_FILE

JOB = "monitor"
_Rows = list[dict[str, Any]]


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
        promotions = read_promotions(context, name)
        champion = champion_before(promotions, context.as_of)
        predictions = lake.address("predictions", name)
        if champion is None or not lake.exists(predictions):
            raise NotReadyError(
                f"model {name}",
                [Failure("predictions", "there are none: nobody was champion before this turn, or it did not score")],
                f"run `lakeloop score --as-of {context.turn}` first",
            )
        identity = monitor_identity(context, name, champion.version)
        for table in (schemas.PROFILE_METRICS, schemas.DRIFT_METRICS, schemas.PERFORMANCE):
            lake.create_own(table)
        version = context.registry.get_version(name, champion.version, champion.run_key)
        assert_same_model(context.config, model, version.tags.get(SERVING_TAG))
        features, predicted = (
            Reference.from_json(context.registry.read_document(version, file))
            for file in (REFERENCE_FILE, PREDICTION_REFERENCE_FILE)
        )
        references = References(features, predicted, _read_calibration(context, version))
        profile_predictions(context, model, champion.version, references.plan(context.config, model))

        def evaluate(windows: Sequence[MonitorWindow], late: Sequence[MonitorWindow]) -> list[WindowFinding]:
            findings = evaluate_windows(context, model, champion.version, references, windows, late)
            return weigh_findings(findings, read_importance(context, version, promotions))

        def beside(windows: Sequence[MonitorWindow]) -> tuple[_Rows, _Rows]:
            joint = measure_joint_drift(context, model, champion, windows)
            return profile_periods(context, model, champion, identity), [*joint]

        return record_windows(context, model, champion, features, evaluate, beside)


def nothing_beside(_: Sequence[MonitorWindow]) -> tuple[_Rows, _Rows]:
    """Record nothing beside what is judged.

    >>> nothing_beside([])
    ([], [])
    """
    return [], []


def monitor_identity(context: Context, name: str, version: str) -> WriteIdentity:
    """Name the writes of a monitoring.

    Args:
        context: The logical now.
        name: The model.
        version: The version that is monitored.

    Returns:
        What makes them the same writes.

    >>> monitor_identity(context, "late", "1").unit
    'late 2024-02-04T00:00:00Z'
    """
    return WriteIdentity(JOB, f"{name} {context.turn}", version)


def record_windows(
    context: Context,
    model: Model,
    champion: Promotion,
    features: Reference,
    evaluate: Callable[[Sequence[MonitorWindow], Sequence[MonitorWindow]], list[WindowFinding]],
    beside: Callable[[Sequence[MonitorWindow]], tuple[_Rows, _Rows]],
) -> MonitorResult:
    """Evaluate the windows that are due, record what was found, and raise and close flags by it.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        champion: The version that served, and since when.
        features: What its features were accepted on.
        evaluate: Evaluates windows that have just ended and earlier ones that are closed now.
        beside: Gives rows of profiles and of drift that are recorded beside, and that no flag looks at.

    Returns:
        Counts.

    >>> from datetime import timedelta
    >>> from lakeloop.config.metric import Task
    >>> champion, model = read_promotions(context, "late")[0], context.config.models["late"]
    >>> empty = Reference("late", Task.CLASSIFICATION, champion.trained_through, (), (), {}, {})
    >>> a_day_after = context.at(champion.as_of + timedelta(days=1))
    >>> record_windows(a_day_after, model, champion, empty, lambda windows, late: [], nothing_beside).summary
    'no window has ended'
    """
    lake, name = context.lake, model.model
    identity = monitor_identity(context, name, champion.version)
    performance = lake.create_own(schemas.PERFORMANCE)
    windows, late = _windows_to_evaluate(context, model, champion.as_of, identity)
    if not windows and not late:
        return MonitorResult(name, champion.version, 0, (), 0, Outcome.EMPTY, {})
    outcome, done = Outcome.SKIPPED, lake.find_commit(performance, identity)  # it is written last
    notes = done.notes if done is not None else {}
    if done is None:
        context.progress(f"monitor {name}")
        findings = evaluate(windows, late)
        if not findings:  # rows of the earlier windows still wait
            return MonitorResult(name, champion.version, 0, (), 0, Outcome.EMPTY, {})
        new = [each for each in findings if not each.is_late]
        rows = FoundRows.of(context, model, champion.version, features, findings)
        profiles, drifts = beside(windows)
        lake.append_own(schemas.PROFILE_METRICS, [*rows.profiles, *profiles], identity)
        lake.append_own(schemas.DRIFT_METRICS, [*rows.drifts, *drifts], identity)
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
