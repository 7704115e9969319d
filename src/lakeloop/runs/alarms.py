"""Alarms: what a window says about each subject, and the flags that are raised and closed by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.decisions.flags import Flag, has_cleared, persistent
from lakeloop.drift.performance import Performance
from lakeloop.drift.reference import is_prediction
from lakeloop.drift.verdicts import ColumnVerdict
from lakeloop.runs.context import Context
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.flags import read_open_flags
from lakeloop.runs.monitor_rows import read_performance
from lakeloop.statuses import FlagKind, Role, Status, Verdict

Subject = tuple[FlagKind, str]
"""What a flag is about: its kind, and the column, metric or label."""
Alarm = tuple[FlagKind, str, bool | None, dict[str, Any]]
"""Kind and subject, whether it alarmed (None where it could not be judged), and the evidence."""


@dataclass(frozen=True)
class FlagChanges:
    """What the windows of a turn change about the flags of a model version.

    Attributes:
        raised: Flags raised, by window end.
        cleared: Flags of earlier turns whose alarm is over.
    """

    raised: tuple[Flag, ...]
    cleared: tuple[Flag, ...]


def find_flag_changes(context: Context, model: Model, version: str, findings: Sequence[WindowFinding]) -> FlagChanges:
    """Find what the windows of a turn raise and close.

    A subject is flagged at the first window end at which its alarm has persisted, unless a flag on it is open. A flag
    of an earlier turn is closed when as many windows as the persistence rule looks at were judged and none alarmed;
    what could not be judged closes nothing. What a turn raises it does not close: its decision is to see it.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The version the windows speak of.
        findings: What was found, by window end.

    Returns:
        The changes; nothing is written.

    >>> find_flag_changes(context, context.config.models["late"], "2", [])
    FlagChanges(raised=(), cleared=())
    """
    before = context.at(context.as_of - timedelta.resolution)
    still_open = {
        (flag.kind, flag.subject): flag
        for flag in read_open_flags(before, model.model)
        if flag.model_version == version
    }
    flagged = set(still_open)
    history = _alarm_history(context, model, version)
    raised: list[Flag] = []
    cleared: list[Flag] = []
    for finding in findings:
        for kind, subject, alarmed, evidence in find_alarms(model, finding):
            past = history.setdefault((kind, subject), [])
            past.append(alarmed)
            if (kind, subject) in still_open and has_cleared(past, model.monitor.persistence):
                cleared.append(still_open.pop((kind, subject)))
                flagged.remove((kind, subject))
            if (kind, subject) in flagged or not persistent(past, model.monitor.persistence):
                continue
            flagged.add((kind, subject))
            raised.append(
                Flag(
                    kind,
                    model.model,
                    version,
                    subject,
                    finding.window.start,
                    finding.window.end,
                    context.as_of,
                    {**evidence, "alarmed_windows": past[-model.monitor.persistence.windows :]},
                )
            )
    return FlagChanges(tuple(raised), tuple(cleared))


_DRIFT_KINDS = {Role.CONTRACT: FlagKind.CONTRACT_DRIFT, Role.REGIME: FlagKind.REGIME_DRIFT}


def find_alarms(model: Model, finding: WindowFinding) -> list[Alarm]:
    """List every subject of a window that can raise a flag.

    Args:
        model: The model's declaration.
        finding: What was found in the window.

    Returns:
        Kind, subject, whether it alarmed (None where it could not be judged), and the evidence.

    >>> from lakeloop.config.metric import Task
    >>> from lakeloop.drift.targets import RateVerdict
    >>> from lakeloop.drift.verdicts import ColumnVerdict
    >>> unjudged = (Status.ABSENT_COLUMN, Verdict.UNKNOWN, 72, None)
    >>> items = ColumnVerdict("items", "number", Role.CONTRACT, "psi", None, None, 0.1, *unjudged)
    >>> label = RateVerdict(Status.NOT_MATURED, Verdict.UNKNOWN, 0.6, None, None, None, 0.05, 0.05, 20, 0, 0, 7)
    >>> waiting = Performance(Status.NOT_MATURED, Task.CLASSIFICATION, 0, 0, {}, {}, 0.05, 7)
    >>> finding = WindowFinding(None, (items,), label, waiting, (), 0, None)
    >>> [(kind.value, alarmed) for kind, _, alarmed, _ in find_alarms(context.config.models["late"], finding)]
    [('quality', True), ('contract_drift', None), ('target_drift', None), ('bias', None)]
    """
    found: list[Alarm] = []
    for each in finding.columns:
        if each.role is Role.SEASONAL:
            continue
        if each.role is Role.CONTRACT:
            said = {"status": each.status.value, "rows": each.rows}
            found.append((FlagKind.QUALITY, each.column, _is_broken(each.status), said))
        kind = FlagKind.PREDICTION_DRIFT if is_prediction(model.task, each.column) else _DRIFT_KINDS[each.role]
        evidence = _evidence(each)
        found.append((kind, each.column, _alarm(each.verdict), evidence))
    if finding.waits:  # it has no place in the order until it is measured
        return found
    target = finding.target
    if isinstance(target, ColumnVerdict):
        moved = _evidence(target)
    else:
        moved = {"difference": target.difference, "min_effect": target.min_effect, "rows": target.window_rows}
    found.append((FlagKind.TARGET_DRIFT, "label", _alarm(target.verdict), moved))
    return [*found, *_realised_alarms(model, finding.performance)]


def _evidence(verdict: ColumnVerdict) -> dict[str, Any]:
    names = ("statistic", "value", "threshold", "rows")
    return {name: getattr(verdict, name) for name in names}


def _realised_alarms(model: Model, performance: Performance) -> list[Alarm]:
    found: list[Alarm] = []
    when = model.decide.when
    measured = {"metrics": dict(performance.metrics), "rows": performance.rows}
    if when.bias is not None:
        found.append((FlagKind.BIAS, "bias", performance.exceeds_bias(when.bias), {**measured, "limit": when.bias}))
    if when.skill is not None:
        below = performance.falls_below_skill(when.skill)
        found.append((FlagKind.SKILL, "skill", below, {**measured, "limit": when.skill}))
    return found


def _alarm(verdict: Verdict) -> bool | None:
    return None if verdict is Verdict.UNKNOWN else verdict is Verdict.DRIFT


def _is_broken(status: Status) -> bool | None:
    """A contract column that is gone is no drift, and must not go unsaid; too few rows say nothing of it."""
    if status in (Status.ABSENT_COLUMN, Status.ALL_NULL):
        return True
    return None if status in (Status.EMPTY_WINDOW, Status.TOO_FEW_ROWS) else False


def _alarm_history(context: Context, model: Model, version: str) -> dict[Subject, list[bool | None]]:
    """Read what the version's windows said in earlier turns, oldest first, as the tables of the monitoring hold it."""
    history: dict[Subject, list[bool | None]] = {}
    measured = set()  # a window that waits has no row of its labels yet
    for row in _earlier_rows(context, schemas.DRIFT_METRICS, model, version):
        if row["role"] == Role.SEASONAL.value or row["slice_key"] is not None:
            continue
        kind = {
            "feature": _DRIFT_KINDS.get(Role(row["role"]), FlagKind.REGIME_DRIFT),
            "prediction": FlagKind.PREDICTION_DRIFT,
            "target": FlagKind.TARGET_DRIFT,
        }[row["kind"]]
        if kind is FlagKind.TARGET_DRIFT:
            measured.add(_window_end(row))
        history.setdefault((kind, row["column_name"]), []).append(_alarm(Verdict(row["verdict"])))
        if kind is FlagKind.CONTRACT_DRIFT:
            history.setdefault((FlagKind.QUALITY, row["column_name"]), []).append(_is_broken(Status(row["status"])))
    realised = [row for row in _earlier_rows(context, schemas.PERFORMANCE, model, version) if row["slice_key"] is None]
    for end, of_window in groupby(realised, key=_window_end):
        if end not in measured:
            continue
        evaluated = list(of_window)
        newest = max(row["as_of"] for row in evaluated)
        rows = [row for row in evaluated if row["as_of"] == newest]  # a window is measured again once it is closed
        for kind, subject, alarmed, _ in _realised_alarms(model, read_performance(rows, model.task)):
            history.setdefault((kind, subject), []).append(alarmed)
    return history


def _earlier_rows(context: Context, table: schemas.TableSchema, model: Model, version: str) -> list[dict[str, Any]]:
    rows = [
        row
        for row in context.lake.own_rows(table, context.as_of)
        if (row["model"], row["model_version"]) == (model.model, version) and row["as_of"] < context.as_of
    ]
    return sorted(rows, key=_window_end)


def _window_end(row: Mapping[str, Any]) -> datetime:
    end: datetime = row["window"]["end"]
    return end
