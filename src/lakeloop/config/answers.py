"""Parts of `decide:`: conditions and what is done on them, allowances per period, days on which nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from lakeloop.config.durations import parse_duration, write_duration
from lakeloop.config.section import Duration, Section, Whole

_WINDOWS = re.compile(r"^\s*(\d{1,4})\s+windows?\s*$", re.ASCII)
_MOST_DOUBLINGS = 10
_ALLOWANCE = re.compile(r"^\s*(\d{1,4})\s+per\s+(\S.*)$", re.ASCII)


class Windows(Section):
    """A stretch of time, told in windows of the monitoring.

    Attributes:
        count: How many.
    """

    count: int = Field(ge=1)

    @model_serializer
    def _as_declared(self) -> str:
        return f"{self.count} window{'' if self.count == 1 else 's'}"


def _parse_windows(value: Any) -> Any:
    if isinstance(value, Windows):
        return value
    match = _WINDOWS.match(value) if isinstance(value, str) else None
    if match is None or not int(match[1]):
        raise ValueError(f"{value!r} is no number of windows; write '2 windows'")
    return Windows(count=int(match[1]))


WindowCount = Annotated[Windows, BeforeValidator(_parse_windows)]
"""A number of windows, written `2 windows`."""


class Allowance(Section):
    """How often something may be done in a stretch of time.

    Attributes:
        count: How often.
        per: Length of the stretch, which ends at the logical now.
    """

    count: int = Field(ge=1)
    per: Duration

    @model_serializer
    def _as_declared(self) -> str:
        return f"{self.count} per {write_duration(self.per)}"


def _parse_allowance(value: Any) -> Any:
    if isinstance(value, Allowance):
        return value
    match = _ALLOWANCE.match(value) if isinstance(value, str) else None
    try:
        if match is not None and int(match[1]):
            return Allowance(count=int(match[1]), per=parse_duration(match[2]))
    except ValueError:  # told as what it is: no allowance
        pass
    raise ValueError(f"{value!r} is no allowance; write '3 per 28 days'")


AllowanceText = Annotated[Allowance, BeforeValidator(_parse_allowance)]
"""An allowance, written `3 per 28 days`."""


class Budget(Section):
    """How often the loop may answer in a stretch of time.

    Attributes:
        retrain: Trainings, by whomever, the first included.
        recalibrate: Recalibrations, by whomever.
    """

    retrain: AllowanceText | None = None
    recalibrate: AllowanceText | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.retrain is None and self.recalibrate is None:
            raise ValueError("it limits nothing; write retrain, recalibrate or both, as in '3 per 28 days'")
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: each for key, each in write(self).items() if each is not None}


class Weekday(StrEnum):
    """A day of the week, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Blackout(Section):
    """Local days on which no version is made: a stretch, or days of the week.

    Attributes:
        from_: First day, in the project's time zone.
        to: Last day, included.
        weekdays: Days of the week: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`.
    """

    from_: date | None = Field(default=None, alias="from")
    to: date | None = None
    weekdays: tuple[Weekday, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.weekdays:
            if self.from_ is not None or self.to is not None:
                raise ValueError("weekdays: it stands beside from or to; write two entries")
            if len(set(self.weekdays)) == len(Weekday):
                raise ValueError("weekdays: all of them, so that nothing is ever done; leave a day out")
        elif self.from_ is None or self.to is None:
            raise ValueError("write from and to, as in {from: 2013-12-20, to: 2014-01-02}, or weekdays: [sat, sun]")
        elif self.from_ > self.to:
            raise ValueError(f"from {self.from_} is after to {self.to}; write the earlier day first")
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key.rstrip("_"): each for key, each in write(self).items() if each not in (None, (), [])}

    def holds(self, day: date) -> bool:
        """Tell whether a local day lies in it.

        Args:
            day: The day.

        Returns:
            True from the first day to the last, both included; or on the days of the week.

        >>> weekend = Blackout(weekdays=("sat", "sun"))
        >>> weekend.holds(date(2013, 12, 21)), weekend.holds(date(2013, 12, 20))
        (True, False)
        """
        if self.from_ is not None and self.to is not None:
            return self.from_ <= day <= self.to
        return tuple(Weekday)[day.weekday()] in self.weekdays

    @property
    def wording(self) -> str:
        """The days, in words.

        >>> Blackout.model_validate({"from": "2013-12-20", "to": "2014-01-02"}).wording
        '2013-12-20 to 2014-01-02'
        """
        return ", ".join(self.weekdays) if self.weekdays else f"{self.from_} to {self.to}"


class Condition(StrEnum):
    """What a rule can ask for: an open flag of that kind, or what its own comment says."""

    SCHEDULE = "schedule"
    """The last training is as old as `schedule`."""
    NEW_ROWS = "new_rows"
    """As many labelled rows have closed since the last training as `when.new_rows`."""
    BIAS = "bias"
    BIAS_AGAIN = "bias_again"
    """An open flag of bias, raised within `escalate.again_within` of a recalibration."""
    SKILL = "skill"
    METRIC_DROP = "metric_drop"
    PREDICTION_DRIFT = "prediction_drift"
    TARGET_DRIFT = "target_drift"
    REGIME_DRIFT = "regime_drift"
    CONTRACT_DRIFT = "contract_drift"
    QUALITY = "quality"
    """The newest data failed the quality gate, or a flag of quality is open."""


CLOCK = frozenset({Condition.SCHEDULE, Condition.NEW_ROWS})
"""Conditions that say nothing about harm: what asks on them alone waits in silence."""


def _refuse_two_ways(of_all: tuple[Any, ...], of_any: tuple[Any, ...]) -> None:
    if bool(of_all) == bool(of_any):
        raise ValueError("write either all or any, with at least one condition, as in {all: [bias, new_rows]}")


def _without_empty(written: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in written.items() if each not in ((), [])}


class Group(Section):
    """Conditions inside a rule.

    Attributes:
        all: Conditions that have to hold together.
        any: Conditions of which one has to hold.
    """

    all: tuple[Condition, ...] = ()
    any: tuple[Condition, ...] = ()

    @model_validator(mode="after")
    def _one_combination(self) -> Self:
        _refuse_two_ways(self.all, self.any)
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_empty(write(self))


class Rule(Section):
    """What is done on which conditions.

    Attributes:
        do: What is asked for: `notify`, `recalibrate` or `retrain`.
        all: Conditions that have to hold together; an entry may be a group: `{any: [bias, skill]}`.
        any: Conditions of which one has to hold; an entry may be a group: `{all: [bias, new_rows]}`.
    """

    do: Literal["notify", "recalibrate", "retrain"]
    all: tuple[Condition | Group, ...] = ()
    any: tuple[Condition | Group, ...] = ()

    @model_validator(mode="after")
    def _one_combination(self) -> Self:
        _refuse_two_ways(self.all, self.any)
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_empty(write(self))

    def names(self) -> Iterator[Condition]:
        """List the conditions it looks at.

        Yields:
            Each as often as it is named.

        >>> rule = Rule(do="retrain", all=("bias", {"any": ["schedule", "new_rows"]}))
        >>> [name.value for name in rule.names()]
        ['bias', 'schedule', 'new_rows']
        """
        for each in (*self.all, *self.any):
            if isinstance(each, Group):
                yield from (*each.all, *each.any)
            else:
                yield each


class Escalate(Section):
    """How a persistent bias is answered; skill, a drop of a metric and the schedule ask for a training at once.

    Attributes:
        first: First answer to a bias: `recalibrate`, by default where the task allows it, or `retrain`.
        again_within: A bias that is flagged again within so many windows of a recalibration asks for a training.
    """

    first: Literal["recalibrate", "retrain"] = "recalibrate"
    again_within: WindowCount = Windows(count=2)


class BackOff(Section):
    """How evidence waits longer where trainings do not help; the schedule does not.

    A training did not help where the gate rejected it, or the alarm that asked for it came back.

    Attributes:
        again_within: The same alarm within so many windows of a promotion says that the training did not help.
        at_most: For every training in a row that did not help the cooldown is doubled, up to so many times it.
    """

    again_within: WindowCount = Windows(count=2)
    at_most: Whole = Field(default=8, ge=1, le=1000)

    def wait(self, cooldown: timedelta, failures: int) -> timedelta:
        """Tell how long evidence alone has to wait after a training.

        Args:
            cooldown: The declared one.
            failures: Trainings in a row that did not help.

        Returns:
            A duration, at least the cooldown.

        >>> [BackOff().wait(timedelta(days=7), failures).days for failures in (0, 1, 2, 3, 9)]
        [7, 14, 28, 56, 56]
        """
        times: int = min(1 << min(failures, _MOST_DOUBLINGS), self.at_most)
        return cooldown * times
