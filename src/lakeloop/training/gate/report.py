"""The gate's judgement with its evidence, and what an acknowledgement changes of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lakeloop.config.metric import Metric
from lakeloop.statuses import GateStatus, PromotionOutcome
from lakeloop.training.gate.check import Check
from lakeloop.training.gate.slices import SliceMetric

NO_CHECK = "no check was made"


@dataclass(frozen=True)
class GateReport:
    """The gate's judgement with its evidence.

    Attributes:
        checks: Every check that was made.
        metric: Metric that was compared.
        rows: Rows of the holdout.
        days: Days of the holdout with rows.
        comparable_rows: Rows on which the champion may be compared.
        comparable_days: Days with such rows.
        challenger: Metrics of the challenger on all rows.
        baseline: Metrics of the constant model on all rows.
        champion: Metrics of the champion on the comparable rows; empty without a champion.
        challenger_on_comparable: Metrics of the challenger on the comparable rows; empty without a champion.
        slices: The metric per slice.

    >>> nan = float("nan")
    >>> check = Check("beats_baseline", GateStatus.INSUFFICIENT, nan, 0.0, "3 comparable days, 10 needed")
    >>> report = GateReport((check,), Metric.BRIER, 60, 3, 0, 0, {Metric.BRIER: 0.2}, {}, {}, {}, ())
    >>> report.passed, report.reasons
    (False, ('beats_baseline INSUFFICIENT: 3 comparable days, 10 needed',))
    >>> report.to_dict()["checks"][0]["value"], report.to_dict()["challenger"]
    (None, {'brier': 0.2})
    """

    checks: tuple[Check, ...]
    metric: Metric
    rows: int
    days: int
    comparable_rows: int
    comparable_days: int
    challenger: Mapping[Metric, float]
    baseline: Mapping[Metric, float]
    champion: Mapping[Metric, float]
    challenger_on_comparable: Mapping[Metric, float]
    slices: tuple[SliceMetric, ...]

    @property
    def outcome(self) -> PromotionOutcome:
        """Promoted; rejected where a check failed or could not be judged; held by an unacknowledged warning."""
        if not self.checks or any(check.stops for check in self.checks):
            return PromotionOutcome.REJECTED
        return PromotionOutcome.HELD if self.unacknowledged else PromotionOutcome.PROMOTED

    @property
    def passed(self) -> bool:
        """Whether there was a check, none failed or could not be judged, and no warning holds the version."""
        return self.outcome is PromotionOutcome.PROMOTED

    @property
    def unacknowledged(self) -> tuple[str, ...]:
        """Names of the blocking warnings that nobody has acknowledged."""
        return tuple(check.name for check in self.checks if check.holds)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What kept the challenger from passing, one sentence per check."""
        return _reasons(self.to_plain()["checks"])

    def to_plain(self) -> dict[str, Any]:
        """Give the fields as plain values for JSON; what is NaN or infinite becomes None."""
        plain: dict[str, Any] = _as_json(asdict(self))
        return plain

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values for JSON: its fields, and what follows from them."""
        plain = self.to_plain()
        return {
            "passed": self.passed,
            "reasons": list(_reasons(plain["checks"])),
            "unacknowledged": list(self.unacknowledged),
            **plain,
        }


def acknowledge_evidence(evidence: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Let blocking warnings of a recorded judgement pass; what was measured stays as it was measured.

    Args:
        evidence: What `GateReport.to_dict` gave.
        names: Names of the checks that a person acknowledged.

    Returns:
        The evidence with these checks acknowledged, and what follows from them.

    >>> slow = Check("latency", GateStatus.WARN, 80.0, 50.0, "p95 80 ms", blocking=True)
    >>> held = GateReport((slow,), Metric.BRIER, 60, 30, 0, 0, {}, {}, {}, {}, ()).to_dict()
    >>> held["unacknowledged"], held["passed"]
    (['latency'], False)
    >>> known = acknowledge_evidence(held, ["latency"])
    >>> known["unacknowledged"], known["passed"], known["checks"][0]["acknowledged"]
    ([], True, True)
    """
    checks = [
        {**check, "acknowledged": True} if _holds(check) and check["name"] in names else dict(check)
        for check in evidence["checks"]
    ]
    held = [check["name"] for check in checks if _holds(check)]
    reasons = _reasons(checks)
    return {**evidence, "checks": checks, "unacknowledged": held, "reasons": list(reasons), "passed": not reasons}


def outcome_of(evidence: Mapping[str, Any]) -> PromotionOutcome:
    """Tell what an evidence comes to.

    Args:
        evidence: What `GateReport.to_dict` or `acknowledge_evidence` gave.

    Returns:
        PROMOTED when nothing stands against it, HELD when only blocking warnings do, else REJECTED.

    >>> slow = Check("latency", GateStatus.WARN, 80.0, 50.0, "p95 80 ms", blocking=True)
    >>> held = GateReport((slow,), Metric.BRIER, 60, 30, 0, 0, {}, {}, {}, {}, ()).to_dict()
    >>> outcome_of(held).value, outcome_of(acknowledge_evidence(held, ["latency"])).value
    ('held', 'promoted')
    """
    if evidence["passed"]:
        return PromotionOutcome.PROMOTED
    only_held = len(evidence["reasons"]) == len(evidence["unacknowledged"])
    return PromotionOutcome.HELD if only_held else PromotionOutcome.REJECTED


def describe_checks(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """Put every check of an evidence into a sentence.

    Args:
        evidence: What `GateReport.to_dict` gave.

    Returns:
        One sentence per check, in their order.

    >>> describe_checks({"checks": [{"name": "latency", "status": "WARN", "detail": "p95 80 ms", "blocking": True,
    ...                              "acknowledged": True}]})
    ('latency WARN (acknowledged): p95 80 ms',)
    """
    return tuple(_sentence(check) for check in evidence["checks"])


def _sentence(check: Mapping[str, Any]) -> str:
    known = " (acknowledged)" if check["acknowledged"] else ""
    return f"{check['name']} {check['status']}{known}: {check['detail']}"


def _holds(check: Mapping[str, Any]) -> bool:
    return check["status"] == GateStatus.WARN and bool(check["blocking"]) and not check["acknowledged"]


def _reasons(checks: Collection[Mapping[str, Any]]) -> tuple[str, ...]:
    """Say what stops a challenger; where nothing does, what holds it and how it is let pass."""
    if not checks:
        return (NO_CHECK,)
    stopping = (GateStatus.FAIL, GateStatus.INSUFFICIENT)
    stopped = [_sentence(check) for check in checks if check["status"] in stopping]
    held = [f"{_sentence(check)}; holds it until --acknowledge {check['name']}" for check in checks if _holds(check)]
    return (*stopped, *held)


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value) if isinstance(value, str) else value
