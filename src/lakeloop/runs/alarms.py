"""Alarms: what a window says about each subject, and the flags that are raised and closed by them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from lakeloop import schemas
from lakeloop.config.columns import matching_columns, model_columns
from lakeloop.config.model import Model
from lakeloop.config.tree import Config
from lakeloop.decisions.flags import Flag, has_cleared, persistent
from lakeloop.drift.performance import Performance
from lakeloop.drift.reference import is_prediction
from lakeloop.drift.verdicts import ColumnVerdict
from lakeloop.runs.context import Context
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.flags import read_open_flags
from lakeloop.runs.performance_rows import read_performance
from lakeloop.runs.promotions import find_accepted_metrics, read_promotions
from lakeloop.statuses import FlagKind, Role, Status, Verdict
from lakeloop.training.metrics import HIGHER_IS_BETTER

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
    accepted = _accepted(context, model, version)
    seen = _alarm_history(context, model, version, accepted, before=context.as_of)
    history = {subject: [alarmed for _, alarmed in windows] for subject, windows in seen.items()}
    raised: list[Flag] = []
    cleared: list[Flag] = []
    for finding in findings:
        for kind, subject, alarmed, evidence in find_alarms(model, finding, accepted):
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


def find_alarms(model: Model, finding: WindowFinding, accepted: Mapping[str, float] | None = None) -> list[Alarm]:
    """List every subject of a window that can raise a flag.

    Args:
        model: The model's declaration.
        finding: What was found in the window.
        accepted: Metric -> its value on the holdout that the version was accepted on.

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
            said: dict[str, Any] = {"status": each.status.value, "rows": each.rows}
            missing = {} if each.missing is None else each.missing.to_dict()
            said |= {**({"missing": missing} if missing.get("jumped") else {}), **_severity(each)}
            found.append((FlagKind.QUALITY, each.column, is_broken(each.status, missing), said))
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
    return [*found, *_realised_alarms(model, finding.performance, accepted or {})]


def _evidence(verdict: ColumnVerdict) -> dict[str, Any]:
    names = ("statistic", "value", "threshold", "rows")
    return {name: getattr(verdict, name) for name in names} | _severity(verdict)


def _severity(verdict: ColumnVerdict) -> dict[str, Any]:
    found = verdict.evidence.get("severity")
    return {} if found is None else {"severity": found["word"], "importance": found["importance"]}


def _realised_alarms(model: Model, performance: Performance, accepted: Mapping[str, float]) -> list[Alarm]:
    found: list[Alarm] = []
    when = model.decide.when
    measured = {"metrics": dict(performance.metrics), "rows": performance.rows}
    if when.bias is not None:
        found.append((FlagKind.BIAS, "bias", performance.exceeds_bias(when.bias), {**measured, "limit": when.bias}))
    if when.skill is not None:
        below = performance.falls_below_skill(when.skill)
        found.append((FlagKind.SKILL, "skill", below, {**measured, "limit": when.skill}))
    for metric, limit in when.metric_drop.items():
        reference, value = accepted.get(metric), performance.metrics.get(metric)
        dropped = None
        if performance.status is Status.OK and reference is not None and value is not None:
            dropped = (reference - value if metric in HIGHER_IS_BETTER else value - reference) > limit
        found.append((FlagKind.METRIC_DROP, metric.value, dropped, {**measured, "limit": limit, "accepted": reference}))
    return found


def _accepted(context: Context, model: Model, version: str) -> Mapping[str, float]:
    """Read what a version scored on the holdout that the gate accepted it on, where the policy asks for it."""
    if not model.decide.when.metric_drop:
        return {}
    return find_accepted_metrics(read_promotions(context, model.model), version)


def _alarm(verdict: Verdict) -> bool | None:
    return None if verdict is Verdict.UNKNOWN else verdict is Verdict.DRIFT


def is_broken(status: Status, missing: Mapping[str, Any]) -> bool | None:
    """Tell whether a contract column is gone, or in part: that must not go unsaid for no drift.

    Args:
        status: Status of its verdict.
        missing: Its missing share as `Missing.to_dict` gives it; empty where it was not compared.

    Returns:
        Whether it is; None where too few rows, or nothing to compare them with, say nothing of it.

    >>> is_broken(Status.ALL_NULL, {}), is_broken(Status.OK, {"jumped": False}), is_broken(Status.TOO_FEW_ROWS, {})
    (True, False, None)
    """
    if status in (Status.ABSENT_COLUMN, Status.ALL_NULL) or missing.get("jumped"):
        return True
    return None if status in (Status.EMPTY_WINDOW, Status.TOO_FEW_ROWS, Status.MISSING_REFERENCE) else False


def find_last_seen(context: Context, model: Model, version: str) -> dict[Subject, datetime]:
    """Find the newest window in which each alarm was seen, as the tables of the monitoring hold it.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The version the windows speak of.

    Returns:
        Kind and subject -> end of the window; what never alarmed is left out.

    >>> find_last_seen(context, context.config.models["late"], "7")
    {}
    """
    accepted, after = _accepted(context, model, version), context.as_of + timedelta.resolution
    history = _alarm_history(context, model, version, accepted, before=after)
    ends = {subject: [end for end, alarmed in windows if alarmed] for subject, windows in history.items()}
    return {subject: max(found) for subject, found in ends.items() if found}


def is_watched(config: Config, model: Model, flag: Flag) -> bool:
    """Tell whether a window can still say that the alarm of a flag is over: the declaration may be another by now.

    Args:
        config: The project.
        model: The model's declaration.
        flag: An open flag.

    Returns:
        False where the policy declares no such limit any more, or the column has another role.

    >>> from datetime import UTC
    >>> now = datetime(2024, 2, 4, tzinfo=UTC)
    >>> kinds = FlagKind.CONTRACT_DRIFT, FlagKind.REGIME_DRIFT
    >>> [is_watched(shops, shops.models["late"], Flag(kind, "late", "2", "shop", now, now, now)) for kind in kinds]
    [True, False]
    """
    when, roles = model.decide.when, model.monitor.roles
    if flag.kind in (FlagKind.BIAS, FlagKind.SKILL):
        return getattr(when, flag.kind.value) is not None
    if flag.kind is FlagKind.METRIC_DROP:
        return flag.subject in when.metric_drop
    if not flag.model_version or flag.kind in (FlagKind.PREDICTION_DRIFT, FlagKind.TARGET_DRIFT):
        return True
    columns = model_columns(config, model)
    is_contract = flag.subject in matching_columns(roles.get(Role.CONTRACT, ()), columns)
    if flag.kind in (FlagKind.CONTRACT_DRIFT, FlagKind.QUALITY):
        return is_contract
    is_regime = flag.subject in matching_columns(roles.get(Role.REGIME, ()), columns)
    is_seasonal = flag.subject in matching_columns(roles.get(Role.SEASONAL, ()), columns) and not is_regime
    return not is_contract and not is_seasonal


def _alarm_history(
    context: Context, model: Model, version: str, accepted: Mapping[str, float], *, before: datetime
) -> dict[Subject, list[tuple[datetime, bool | None]]]:
    """Read what the version's windows said before an instant, oldest first, as the monitoring's tables hold it."""
    history: dict[Subject, list[tuple[datetime, bool | None]]] = {}
    measured = set()  # a window that waits has no row of its labels yet
    for row in _rows_before(context, schemas.DRIFT_METRICS, model, version, before):
        if row["role"] == Role.SEASONAL.value:
            continue
        kind = {
            "feature": _DRIFT_KINDS.get(Role(row["role"]), FlagKind.REGIME_DRIFT),
            "prediction": FlagKind.PREDICTION_DRIFT,
            "target": FlagKind.TARGET_DRIFT,
        }[row["kind"]]
        end, subject = _window_end(row), row["column_name"]
        if kind is FlagKind.TARGET_DRIFT:
            measured.add(end)
        history.setdefault((kind, subject), []).append((end, _alarm(Verdict(row["verdict"]))))
        if kind is FlagKind.CONTRACT_DRIFT:
            missing = json.loads(row["evidence"]).get("missing", {})
            broken = is_broken(Status(row["status"]), missing)
            history.setdefault((FlagKind.QUALITY, subject), []).append((end, broken))
    realised = _rows_before(context, schemas.PERFORMANCE, model, version, before)
    for end, of_window in groupby(realised, key=_window_end):
        if end not in measured:
            continue
        evaluated = list(of_window)
        newest = max(row["as_of"] for row in evaluated)
        rows = [row for row in evaluated if row["as_of"] == newest]  # a window is measured again once it is closed
        for kind, subject, alarmed, _ in _realised_alarms(model, read_performance(rows, model.task), accepted):
            history.setdefault((kind, subject), []).append((end, alarmed))
    return history


def _rows_before(
    context: Context, table: schemas.TableSchema, model: Model, version: str, before: datetime
) -> list[dict[str, Any]]:
    of_all_rows = {"model": model.model, "model_version": version, "slice_key": None}
    rows = [row for row in context.lake.own_rows(table, context.as_of, of_all_rows) if row["as_of"] < before]
    return sorted(rows, key=_window_end)


def _window_end(row: Mapping[str, Any]) -> datetime:
    end: datetime = row["window"]["end"]
    return end
