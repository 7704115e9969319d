"""Checks of labels that look ahead: closings that come too early, gaps that are too short, tasks that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from lakeloop.config.durations import short_name, write_duration
from lakeloop.config.grid import PERIOD_END_TS, PERIOD_TS
from lakeloop.config.label import Closes
from lakeloop.config.located_yaml import LocatedYaml
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.periods import LOOKED_AT, periods_of_a_year
from lakeloop.config.predict import PREDICTION_TS, Predict
from lakeloop.errors import ConfigIssue

_DAY = timedelta(days=1)


def reach_issues(document: LocatedYaml, model: Model) -> Iterator[ConfigIssue]:
    """Check that a label that looks ahead closes once it knows, and that the parts of the split are far enough apart.

    Args:
        document: The model's file.
        model: The model.

    Yields:
        The mistakes.

    >>> from lakeloop.config.label import Label
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> closes = {"of": "prediction_ts", "at": "06:00 next day", "timezone": "UTC"}
    >>> again = Label.model_validate({"from": "orders", "within": "30 days", "on": ["shop"], "closes": closes})
    >>> document = parse_yaml("label: {within: 30 days, closes: {}}", "models/late.yml")
    >>> for issue in reach_issues(document, shops.models["late"].model_copy(update={"label": again})):
    ...     print(issue)
    models/late.yml:1: label.closes
        got:     labels that close before 30d after the prediction are over
        allowed: a closing at which no row looks ahead any more
        remedy:  write after: 30 days, or more where rows come late
    models/late.yml:1: split.gap
        got:     1d, and a label looks 30d ahead
        allowed: at least 30d, so that no label tells of the next part's time
        remedy:  write gap: 30 days
    """
    if model.label.reach:
        yield from _ahead_issues(document, model)
    looks, closes = -(-model.label.reach // _DAY) * _DAY, _least_gap(model.label.closes)
    least = max(looks, closes)
    if model.split.gap < least:
        because = (
            f"a label looks {short_name(model.label.reach)} ahead"
            if looks == least
            else f"the last day before it closes {short_name(closes)} later"
        )
        allowed = f"at least {short_name(least)}, so that no label tells of the next part's time"
        if looks < least:
            allowed = f"at least {short_name(least)}, so that every label is known when the next part begins"
        got = f"{short_name(model.split.gap)}, and {because}"
        yield document.issue(("split", "gap"), got, allowed, f"write gap: {write_duration(least)}")


def _least_gap(closes: Closes) -> timedelta:
    """Give the days after which a day is closed when the one behind the gap begins, at midnight."""
    return timedelta(days=closes.days_later - (closes.at.at == time()))


def _ahead_issues(document: LocatedYaml, model: Model) -> Iterator[ConfigIssue]:
    label, reach = model.label, model.label.reach
    if label.within is not None and model.task is not Task.CLASSIFICATION:
        got = f"a label by event, which is true or false, for the task {model.task}"
        yield document.issue(("label", "within"), got, "the task classification", "write task: classification")
    if _closes_early(model.predict, label.closes, reach):
        later = _least_lag(model.predict, label.closes, reach)
        got = f"labels that close before {short_name(reach)} after the prediction are over"
        remedy = f"write after: {write_duration(later)}, or more where rows come late"
        yield document.issue(("label", "closes"), got, "a closing at which no row looks ahead any more", remedy)


def _least_lag(predict: Predict, closes: Closes, reach: timedelta) -> timedelta:
    later = max(closes.after, reach // _DAY * _DAY - 2 * _DAY)
    while _closes_early(predict, closes.model_copy(update={"after": later}), reach):
        later += _DAY
    return later


def _closes_early(predict: Predict, closes: Closes, reach: timedelta) -> bool:
    """Look at the days or periods of a year; a column of the spine's source tells nothing of its predictions."""
    if predict.every is not None:
        return any(
            closes.instant_of(_day_of(closes, at, start, end)) < at + reach
            for start, end in islice(periods_of_a_year(predict.every), LOOKED_AT)
            for at in (start + predict.offset,)
        )
    if closes.of != PREDICTION_TS:
        return False
    zone = ZoneInfo(closes.timezone)
    days = (date(2024, 1, 1) + number * _DAY for number in range(366))
    return any(closes.instant_of(day) < _midnight(day + _DAY, zone) + reach for day in days)


def _day_of(closes: Closes, at: datetime, start: datetime, end: datetime) -> date:
    instants = {PERIOD_TS: start, PERIOD_END_TS: end, PREDICTION_TS: at}
    return instants.get(closes.of, end).astimezone(ZoneInfo(closes.timezone)).date()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
