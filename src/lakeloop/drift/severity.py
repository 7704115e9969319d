"""How much a drifted column weighs: what the champion makes of it, times how far beyond its threshold it lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lakeloop.drift.verdicts import ColumnVerdict
from lakeloop.statuses import DriftSeverity, Role, Status, Verdict

MAX_EXCESS = 5.0
"""Times its threshold beyond which a statistic weighs no more: what is gone is gone."""

MEDIUM_FROM, HIGH_FROM = 0.05, 0.20
"""Cuts of the score: at its threshold a column of a twentieth, and of a fifth, of what the champion goes by."""


@dataclass(frozen=True)
class ColumnSeverity:
    """How much a drifted column weighs.

    Attributes:
        word: Low, medium or high.
        score: Importance times excess, 0 to `MAX_EXCESS`; None where either is not known.
        importance: Share of the champion's permutation importance, 0 to 1; None where it is not known.
        excess: Statistic over threshold, at most `MAX_EXCESS`; None where it was not judged.
    """

    word: DriftSeverity
    score: float | None
    importance: float | None
    excess: float | None

    def to_dict(self) -> dict[str, Any]:
        """Write as JSON values.

        >>> ColumnSeverity(DriftSeverity.LOW, 0.02, 0.01, 2.0).to_dict()
        {'word': 'low', 'score': 0.02, 'importance': 0.01, 'excess': 2.0}
        """
        return {**asdict(self), "word": self.word.value}


def importance_shares(document: Mapping[str, Any]) -> dict[str, float]:
    """Read what share of a champion's permutation importance each model column has.

    What lies below 0 is chance and counts as 0. An on-demand column is permuted with the inputs it is computed from, so
    it has their shares: as much as it can have at most.

    Args:
        document: What was logged with the version, as `Importance.to_dict` writes it.

    Returns:
        Column -> share, 0 to 1; inputs sum to 1. Empty where no input matters, or nothing was measured.

    >>> told = [("distance", 0.03, []), ("departure_ts", 0.01, ["hour_of_day"]), ("noise", -0.01, [])]
    >>> columns = [{"column": name, "increase": rise, "on_demand": made} for name, rise, made in told]
    >>> importance_shares({"columns": columns})
    {'distance': 0.75, 'departure_ts': 0.25, 'hour_of_day': 0.25, 'noise': 0.0}
    """
    listed = document.get("columns")
    columns = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    rises = [(each, max(each.get("increase") or 0.0, 0.0)) for each in columns]
    total = math.fsum(rise for _, rise in rises)
    shares: dict[str, float] = {}
    if not total:
        return shares
    for each, rise in rises:
        for name in (str(each.get("column")), *(each.get("on_demand") or ())):
            shares[name] = shares.get(name, 0.0) + rise / total
    return shares


def weigh(verdict: ColumnVerdict, shares: Mapping[str, float] | None) -> ColumnSeverity | None:
    """Weigh a column that drifted, or a contract column that is gone or of which more values are missing.

    Args:
        verdict: What a window says of it.
        shares: Column -> share of the champion's importance; None where it is not known.

    Returns:
        The severity. A contract column is always high, because something broke. None where nothing is wrong with the
        column, or its importance is not known: of a score there is none.

    >>> judged = (Status.OK, Verdict.DRIFT, 400, 0.0)
    >>> dest = ColumnVerdict("dest", "category", Role.REGIME, "total_variation", 0.15, 0.10, 0.05, *judged)
    >>> found = weigh(dest, {"dest": 0.08})
    >>> found.word.value, round(found.score, 2), round(found.excess, 2)
    ('medium', 0.12, 1.5)
    >>> weigh(dest, None) is None
    True
    """
    has_jumped = verdict.missing is not None and verdict.missing.jumped
    is_gone = verdict.role is Role.CONTRACT and verdict.status in (Status.ABSENT_COLUMN, Status.ALL_NULL)
    if verdict.verdict is not Verdict.DRIFT and not has_jumped and not is_gone:
        return None
    importance = None if shares is None else shares.get(verdict.column)
    excess = None
    if verdict.value is not None and verdict.threshold is not None:
        excess = min(verdict.value / verdict.threshold, MAX_EXCESS) if verdict.threshold else MAX_EXCESS
    score = None if importance is None or excess is None else importance * excess
    if verdict.role is Role.CONTRACT:
        return ColumnSeverity(DriftSeverity.HIGH, score, importance, excess)
    return None if score is None else ColumnSeverity(_word(score), score, importance, excess)


def _word(score: float) -> DriftSeverity:
    if score >= HIGH_FROM:
        return DriftSeverity.HIGH
    return DriftSeverity.MEDIUM if score >= MEDIUM_FROM else DriftSeverity.LOW


def with_severity(verdict: ColumnVerdict, shares: Mapping[str, float] | None) -> ColumnVerdict:
    """Give a verdict with its severity: as a column that is recorded, and in the evidence.

    Args:
        verdict: What a window says of a column.
        shares: Column -> share of the champion's importance; None where it is not known.

    Returns:
        The verdict; the same one where there is no severity.

    >>> judged = (Status.OK, Verdict.DRIFT, 400, 0.0)
    >>> origin = ColumnVerdict("origin", "category", Role.CONTRACT, "total_variation", 0.10, 0.05, 0.05, *judged)
    >>> with_severity(origin, None).recorded, with_severity(origin, {"origin": 0.5}).evidence["severity"]["score"]
    ({'severity': 'high'}, 1.0)
    """
    found = weigh(verdict, shares)
    if found is None:
        return verdict
    return replace(
        verdict,
        evidence={**verdict.evidence, "severity": found.to_dict()},
        recorded={**verdict.recorded, "severity": found.word.value},
    )
