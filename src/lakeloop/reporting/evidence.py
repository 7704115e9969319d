"""Recorded JSON evidence, read tolerantly: a report shows what there is and never fails over what is not."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lakeloop.discovery.private import HIDDEN
from lakeloop.reporting.judgements import GateCheck, GateMetric, GateSlice

MAX_SLICES = 20
"""Slices shown per judgement, those with most rows."""


def read_object(text: Any) -> Mapping[str, Any]:
    """Read a JSON object.

    Args:
        text: The JSON.

    Returns:
        Its content; empty when the text is not a JSON object.

    >>> read_object('{"rows": 3}'), read_object("oops"), read_object(None)
    ({'rows': 3}, {}, {})
    """
    try:
        content = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return content if isinstance(content, Mapping) else {}


def describe_numbers(evidence: Mapping[str, Any]) -> str:
    """Put the plain values of an evidence object into words; lists are left out, nested objects are opened.

    Args:
        evidence: JSON values.

    Returns:
        `name value` pairs in their order.

    >>> describe_numbers({"window_rate": 0.30012, "limit": None, "interval": {"lower": -0.5}, "shares": [1]})
    'window rate 0.3001, interval lower -0.5'
    """
    return ", ".join(_pairs(evidence, ""))


def _pairs(evidence: Mapping[str, Any], prefix: str) -> list[str]:
    found: list[str] = []
    for name, value in evidence.items():
        words = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            found += _pairs(value, f"{words} ")
        elif isinstance(value, bool | str):
            found.append(f"{words} {value}")
        elif isinstance(value, int | float):
            found.append(f"{words} {value:.4g}" if isinstance(value, float) else f"{words} {value}")
    return found


def read_checks(evidence: Mapping[str, Any]) -> tuple[GateCheck, ...]:
    """Read the checks of a gate's evidence.

    Args:
        evidence: What the gate recorded.

    Returns:
        The checks in their order.

    >>> check = {"name": "absolute_roc_auc", "status": "PASS", "value": 0.71, "bound": 0.6, "lower": None,
    ...          "upper": None, "detail": "fine"}
    >>> read_checks({"checks": [check]})[0].bound
    0.6
    """
    return tuple(
        GateCheck(
            name=str(check.get("name", "")),
            status=str(check.get("status", "")),
            value=read_number(check.get("value")),
            bound=read_number(check.get("bound")),
            lower=read_number(check.get("lower")),
            upper=read_number(check.get("upper")),
            detail=str(check.get("detail") or ""),
            blocking=check.get("blocking") is True,
            acknowledged=check.get("acknowledged") is True,
        )
        for check in _objects(evidence.get("checks"))
    )


def read_metrics(evidence: Mapping[str, Any]) -> tuple[GateMetric, ...]:
    """Read the metrics of a gate's evidence: every metric that any side has, in the challenger's order.

    Args:
        evidence: What the gate recorded.

    Returns:
        One entry per metric.

    >>> read_metrics({"challenger": {"log_loss": 0.48}, "baseline": {"log_loss": 0.56}})[0].baseline
    0.56
    """
    sides = [
        content if isinstance(content := evidence.get(side), Mapping) else {}
        for side in ("challenger", "baseline", "challenger_on_comparable", "champion")
    ]
    names = dict.fromkeys(name for side in sides for name in side)
    return tuple(GateMetric(name, *(read_number(side.get(name)) for side in sides)) for name in names)


def read_slices(evidence: Mapping[str, Any], hidden: Collection[str] = ()) -> tuple[GateSlice, ...]:
    """Read the largest slices of a gate's evidence.

    Args:
        evidence: What the gate recorded.
        hidden: Columns that say something of a person: one line for each, without values, counts and figures.

    Returns:
        At most `MAX_SLICES`, by rows; both sides on the comparable rows where there are any. Hidden columns are last.

    >>> flights = {"column": "origin", "value": "EWR", "rows": 9, "challenger": 0.5, "champion": 0.6,
    ...            "comparable_rows": 4, "challenger_on_comparable": 0.55}
    >>> read_slices({"slices": [flights]})
    (GateSlice(column='origin', value='EWR', rows=4, challenger=0.55, champion=0.6),)
    >>> read_slices({"slices": [flights]}, hidden={"origin"})
    (GateSlice(column='origin', value='hidden (pii)', rows=None, challenger=None, champion=None),)
    """
    found = []
    kept_back: dict[str, GateSlice] = {}
    for part in _objects(evidence.get("slices")):
        column = str(part.get("column", ""))
        if column in hidden:
            kept_back[column] = GateSlice(column, HIDDEN, None, None, None)
            continue
        both = int(read_number(part.get("comparable_rows")) or 0)
        found.append(
            GateSlice(
                column=column,
                value=str(part.get("value", "")),
                rows=both or int(read_number(part.get("rows")) or 0),
                challenger=read_number(part.get("challenger_on_comparable" if both else "challenger")),
                champion=read_number(part.get("champion")) if both else None,
            )
        )
    largest = sorted(found, key=lambda each: (-(each.rows or 0), each.column, each.value))[:MAX_SLICES]
    return (*largest, *kept_back.values())


def read_count(evidence: Mapping[str, Any], name: str) -> int | None:
    """Read a count; None when it is absent or no number.

    >>> read_count({"rows": 12}, "rows"), read_count({}, "rows")
    (12, None)
    """
    value = read_number(evidence.get(name))
    return None if value is None else int(value)


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def read_number(value: Any) -> float | None:
    """Read a finite number; None for anything else.

    >>> read_number(2), read_number("2"), read_number(True), read_number(float("nan"))
    (2.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
