"""Monitoring: what the champion scored against its reference, and how it did on closed days; flags with evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.discovery.text import count_of
from lakeloop.drift.reference import Reference
from lakeloop.drift.verdicts import ColumnVerdict
from lakeloop.errors import Failure, NotReadyError
from lakeloop.runs.alarms import find_flag_changes
from lakeloop.runs.context import Context
from lakeloop.runs.daily_profiles import profile_predictions
from lakeloop.runs.declared import SERVING_TAG, assert_same_model
from lakeloop.runs.due_windows import JOB, find_due, note_windows
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.flags import clear_flags, raise_flags
from lakeloop.runs.found_rows import FoundRows, profile_periods
from lakeloop.runs.joint_drift import measure_joint_drift
from lakeloop.runs.promotions import Promotion, champion_before, read_promotions
from lakeloop.runs.read_references import read_references
from lakeloop.runs.replaced_versions import monitor_replaced
from lakeloop.runs.severity import read_importance, weigh_findings
from lakeloop.runs.window_evaluation import evaluate_windows
from lakeloop.runs.windows import MonitorWindow, ended_windows
from lakeloop.statuses import Outcome, Verdict
from lakeloop.tables import WriteIdentity

_Rows = list[dict[str, Any]]

_MAX_NAMED = 3
"""Columns named per status in a summary; further ones are counted."""


@dataclass(frozen=True)
class MonitorResult:
    """What a monitoring did.

    Attributes:
        model: The model.
        model_version: The champion it speaks of.
        windows: Windows evaluated now.
        drifted: Columns with verdict DRIFT in the last of them.
        flags: Flags raised.
        outcome: Of the champion: WRITTEN; SKIPPED when the turn was monitored already; EMPTY when no window has ended.
        metrics: Realised metrics over all windows evaluated now.
        cleared: Flags of earlier turns that were closed, because their alarm is over.
        late: Windows of earlier turns that were measured now, because their labels are closed.
        replaced: Windows of versions that were champion before which were looked at now.
        lost: Whether the version's reference cannot be read any more, so that columns were not judged.
        judged: How many columns of the last of them were judged, DRIFT or STABLE; None where no window was evaluated
            now, and in a turn of an earlier lakeloop, which did not note it.
        unjudged: Status -> columns of the last of them that it kept from being judged; what is seasonal is recorded,
            and in neither.
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
    replaced: int = 0
    lost: bool = False
    judged: int | None = None
    unjudged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """Windows evaluated, columns that drifted and that could not be judged, flags raised."""
        before = f", {count_of(self.replaced, 'window')} of earlier champions" if self.replaced else ""
        if self.outcome is not Outcome.WRITTEN:
            return f"no window has ended{before}" if self.outcome is Outcome.EMPTY else "already monitored"
        raised = f", {count_of(self.flags, 'flag')} raised" if self.flags else ""
        cleared = f", {count_of(self.cleared, 'flag')} closed" if self.cleared else ""
        late = f", {count_of(self.late, 'earlier window')} measured" if self.late else ""
        drift = "" if self.judged is None else f", {self._drift(self.judged)}"
        return f"{count_of(self.windows, 'window')}{drift}{late}{before}{raised}{cleared}"

    def _drift(self, judged: int) -> str:
        """Tell drift; that there is none only of columns that were judged, and beside it those that were not."""
        unjudged = sum(map(len, self.unjudged.values()))
        told = f"drift in {', '.join(self.drifted)}" if self.drifted else "no drift"
        if not unjudged:
            return told if judged else "no column to judge"
        why = "; ".join(f"{status}: {_first(columns)}" for status, columns in self.unjudged.items())
        lost = f": the reference of version {self.model_version} is lost" if self.lost else ""
        if not judged:
            return f"drift not judged ({why}){lost}"
        told = told if self.drifted else f"no drift in {count_of(judged, 'column')}"
        return f"{told}, {unjudged} not judged ({why}){lost}"


def _first(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - _MAX_NAMED} more" if len(columns) > _MAX_NAMED else ""
    return f"{', '.join(columns[:_MAX_NAMED])}{more}"


def monitor(context: Context, name: str) -> MonitorResult:
    """Evaluate every window of the champion before this turn that has ended and was not evaluated yet.

    Of champions before it, the windows until they were replaced are evaluated too, and those measured whose labels have
    closed since: what a version did is told in full, though no flag asks anything of it any more.

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
        references = read_references(context, model, version)
        if not references.lost:  # its rows are profiled when it is there again
            profile_predictions(context, model, champion.version, references.plan(context.config, model))
        replaced = monitor_replaced(context, model, promotions)

        def evaluate(windows: Sequence[MonitorWindow], late: Sequence[MonitorWindow]) -> list[WindowFinding]:
            findings = evaluate_windows(context, model, champion.version, references, windows, late)
            return weigh_findings(findings, read_importance(context, version, promotions))

        def beside(windows: Sequence[MonitorWindow]) -> tuple[_Rows, _Rows]:
            joint = measure_joint_drift(context, model, champion, windows)
            return profile_periods(context, model, champion, identity), [*joint]

        found = record_windows(context, model, champion, references.features, evaluate, beside)
        return replace(found, replaced=replaced, lost=bool(references.lost))


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
    zone = model.label.closes.timezone
    due = find_due(context, model, identity, ended_windows(champion.as_of, context.as_of, model.monitor.window, zone))
    if not due:
        return MonitorResult(name, champion.version, 0, (), 0, Outcome.EMPTY, {})
    outcome, done = Outcome.SKIPPED, lake.find_commit(performance, identity)  # it is written last
    notes = done.notes if done is not None else {}
    if done is None:
        context.progress(f"monitor {name}")
        findings = evaluate(due.new, due.late)
        if not findings:  # rows of the earlier windows still wait
            return MonitorResult(name, champion.version, 0, (), 0, Outcome.EMPTY, {})
        new = [each for each in findings if not each.is_late]
        rows = FoundRows.of(context, model, champion.version, features, findings)
        profiles, drifts = beside(due.new)
        rows.append_all_but_performance(context, identity, profiles, drifts)
        changes = find_flag_changes(context, model, champion.version, findings)
        notes = {
            **note_windows(due, findings),
            **note_columns(new[-1].columns if new else None),
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
        judged=notes.get("judged"),
        unjudged={status: tuple(columns) for status, columns in notes.get("unjudged", {}).items()},
    )


def note_columns(verdicts: Sequence[ColumnVerdict] | None) -> dict[str, Any]:
    """Note what the newest window says of its columns.

    Args:
        verdicts: A verdict per column; None where no window was evaluated.

    Returns:
        `drifted`, `judged` and `unjudged` as in `MonitorResult`, as JSON values.

    >>> from lakeloop.drift.verdicts import verdict_without_reference
    >>> from lakeloop.statuses import Role
    >>> note_columns([verdict_without_reference("items", Role.CONTRACT, 70)])
    {'drifted': [], 'judged': 0, 'unjudged': {'MISSING_REFERENCE': ['items']}}
    """
    found = verdicts or ()
    unjudged: dict[str, list[str]] = {}
    for each in found:
        if each.verdict is Verdict.UNKNOWN:
            unjudged.setdefault(each.status.value, []).append(each.column)
    return {
        "drifted": [each.column for each in found if each.verdict is Verdict.DRIFT],
        "judged": None
        if verdicts is None
        else sum(each.verdict in (Verdict.DRIFT, Verdict.STABLE) for each in verdicts),
        "unjudged": unjudged,
    }


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
