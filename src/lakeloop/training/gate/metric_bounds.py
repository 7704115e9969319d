"""Metrics against absolute bounds, and against the ceiling beyond which they are too good to be true."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lakeloop.config.gate import Bounds, Gate
from lakeloop.config.metric import Metric
from lakeloop.statuses import GateStatus
from lakeloop.training.gate.check import NAN, Check
from lakeloop.training.metrics import HIGHER_IS_BETTER


def check_bounds(name: str, metric: Metric, bounds: Bounds, value: float, of: str = "") -> Check:
    """Hold a metric against its bounds, both included.

    Args:
        name: What the check is called.
        metric: The metric.
        bounds: Least and greatest value that pass.
        value: The metric's value; NaN when it could not be computed.
        of: What it was computed of, for the detail.

    Returns:
        PASS or FAIL; INSUFFICIENT for NaN.

    >>> found = check_bounds("absolute_roc_auc", Metric.ROC_AUC, Bounds(min=0.6), 0.55)
    >>> found.status.value, found.bound, found.detail
    ('FAIL', 0.6, 'roc_auc 0.5500, at least 0.6 allowed')
    """
    if math.isnan(value):
        return Check(name, GateStatus.INSUFFICIENT, value, NAN, f"{of}{metric} cannot be computed")
    low = -math.inf if bounds.min is None else bounds.min
    high = math.inf if bounds.max is None else bounds.max
    nearest = bounds.min if bounds.max is None or value < low else bounds.max
    bound = NAN if nearest is None else nearest
    status = GateStatus.PASS if low <= value <= high else GateStatus.FAIL
    ends = [f"{word} {end:g}" for word, end in (("at least", bounds.min), ("at most", bounds.max)) if end is not None]
    return Check(name, status, value, bound, f"{of}{metric} {value:.4f}, {' and '.join(ends)} allowed")


def check_absolute(gate: Gate, metrics: Mapping[Metric, float]) -> list[Check]:
    """Hold the challenger's metrics against the gate's bounds.

    Args:
        gate: What it has to show.
        metrics: Its metrics on the holdout.

    Returns:
        A check per declared metric.

    >>> gate = Gate(metric=Metric.BRIER, superior_by=0.01, absolute={Metric.ROC_AUC: Bounds(min=0.6)})
    >>> [(each.name, each.status.value) for each in check_absolute(gate, {Metric.ROC_AUC: 0.7})]
    [('absolute_roc_auc', 'PASS')]
    >>> [(each.name, each.status.value) for each in check_absolute(gate, {})]
    [('absolute_roc_auc', 'INSUFFICIENT')]
    """
    return [
        check_bounds(f"absolute_{metric}", metric, bounds, metrics.get(metric, NAN))
        for metric, bounds in gate.absolute.items()
    ]


def check_too_good(gate: Gate, metrics: Mapping[Metric, float]) -> list[Check]:
    """Warn of metrics beyond the declared ceiling: a leak is likelier than such a model.

    Args:
        gate: What it declares.
        metrics: The challenger's metrics on the holdout.

    Returns:
        A check per declared metric; there is no ceiling by default.

    >>> gate = Gate(metric=Metric.BRIER, superior_by=0.01, too_good={Metric.ROC_AUC: 0.8}, blocking=["too_good"])
    >>> [(each.status.value, each.blocking, each.detail) for each in check_too_good(gate, {Metric.ROC_AUC: 0.9})]
    [('WARN', True, 'roc_auc 0.9000, above 0.8: look for a leak')]
    """
    checks, blocking = [], "too_good" in gate.blocking
    for metric, limit in gate.too_good.items():
        value, name = metrics.get(metric, NAN), f"too_good_{metric}"
        if math.isnan(value):
            detail = f"{metric} cannot be computed"
            checks.append(Check(name, GateStatus.INSUFFICIENT, value, limit, detail, blocking=blocking))
            continue
        beyond = value > limit if metric in HIGHER_IS_BETTER else value < limit
        side = "above" if metric in HIGHER_IS_BETTER else "below"
        told = f"{'' if beyond else 'not '}{side} {limit:g}{': look for a leak' if beyond else ''}"
        status = GateStatus.WARN if beyond else GateStatus.PASS
        checks.append(Check(name, status, value, limit, f"{metric} {value:.4f}, {told}", blocking=blocking))
    return checks
