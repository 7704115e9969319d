"""The report as JSON: what the page says, as plain values for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from lakeloop.reporting import captions
from lakeloop.reporting.arrivals import say_ages, say_volume
from lakeloop.reporting.content import ModelReport, Report
from lakeloop.reporting.details import say_details
from lakeloop.reporting.distributions import say_distribution, say_rates
from lakeloop.reporting.drift import FEATURE, only
from lakeloop.reporting.estimates import say_estimates
from lakeloop.reporting.headline import summarise_data
from lakeloop.reporting.page import loss_words, show_text
from lakeloop.reporting.served import say_served
from lakeloop.reporting.severity import say_severity
from lakeloop.reporting.slices import say_moved, say_slices

VERSION = 1
"""Of the form: it grows when a name goes away or means something else, not when one is added."""

_FIGURES = ("skill",)
"""What is computed from what is held, and shown."""


def render_twin(report: Report) -> str:
    """Write the report as JSON.

    Args:
        report: What the page shows.

    Returns:
        The text: `lakeloop_report` is the version of the form; instants are ISO, UTC; what is missing is null. Texts
        are cut where the page cuts them.

    >>> may = datetime(2013, 5, 1, 4, tzinfo=UTC)
    >>> told = json.loads(render_twin(Report("flights", "", "UTC", may)))
    >>> told["lakeloop_report"], told["as_of"], told["models"], told["data"]["state"]
    (1, '2013-05-01T04:00:00Z', [], 'unknown')
    """
    state, line = summarise_data(report.sources)
    says = {
        "quality": captions.say_quality(report.quality),
        "volume": say_volume(report.quality),
        "freshness": say_ages(report.quality),
        "times": captions.say_times(report.times),
    }
    models = [{**plain(part), "says": _says(part)} for part in report.models]
    told = {"lakeloop_report": VERSION, **plain(report), "models": models}
    told |= {"data": {"state": state.value, "line": line}, "says": says}
    return json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _says(part: ModelReport) -> dict[str, Any]:
    words, features = loss_words(part), only(part.strip, FEATURE)
    return {
        "turns": captions.say_turns(part.turns),
        "performance": captions.say_losses(part.windows, words),
        "bias": captions.say_bias(part.windows, part.bias_limit),
        "calibration": captions.say_calibration(part.calibration),
        "comparisons": captions.say_comparisons(part.promotions),
        "estimates": say_estimates(part.estimates, words),
        "slices": say_slices(part.slices),
        "moved_in_slices": say_moved(part.slices),
        "drift_features": captions.say_drift(features),
        "severity": say_severity(part.features),
        "details": say_details(part.details),
        "drift_predictions": [say_distribution(each) for each in part.distributions],
        "drift_target": say_rates(part.rates),
        "served": say_served(part.served) if part.served.columns else "",
    }


def plain(value: Any) -> Any:
    """Turn what the report holds into JSON values.

    Args:
        value: A dataclass, an enum, an instant, a sequence, a mapping or a plain value.

    Returns:
        Dicts, lists, texts, numbers, truths and None; a number that is not finite is None.

    Raises:
        TypeError: If it is something else.

    >>> from lakeloop.reporting.judgements import DriftCell
    >>> plain((DriftCell(float("nan"), 0.1, "OK", "DRIFT", 100),))[0]["statistic"] is None
    True
    """
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)] + [name for name in _FIGURES if hasattr(value, name)]
        return {name: plain(getattr(value, name)) for name in dict.fromkeys(names)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return show_text(value)
    if value is None or isinstance(value, bool | int):
        return value
    raise TypeError(f"{type(value).__name__} has no place in the report")
