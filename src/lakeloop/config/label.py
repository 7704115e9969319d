"""`label:` of a model: what is predicted, and when it is final."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from lakeloop.config.durations import write_duration
from lakeloop.config.section import Duration, Lag, Name, Section, Text, Timezone

_CLOSES_AT = re.compile(r"^(\d{2}):(\d{2})( next day)?$")
_LONGEST = timedelta(days=36_500)
_FEWEST_CLASSES, _MOST_CLASSES = 3, 100
_KINDS = "by id `as` alone, by time `after`, by event `within`"


def _within_reach(value: timedelta) -> timedelta:
    """Calendars end: what is longer reaches days that no date can be."""
    if value > _LONGEST:
        raise ValueError(f"{write_duration(value)} is longer than a label may wait; write at most {_LONGEST.days} days")
    return value


Ahead = Annotated[Duration, AfterValidator(_within_reach)]
"""A positive duration that a label may wait for."""


class ClosesAt(Section):
    """Wall-clock time at which a period closes.

    Attributes:
        at: Time of day.
        next_day: Whether it is the time of the day after the period's day.
    """

    at: time
    next_day: bool


def _parse_closes_at(value: Any) -> Any:
    if isinstance(value, str):
        match = _CLOSES_AT.match(value)
        if match is None or not (int(match[1]) < 24 and int(match[2]) < 60):
            raise ValueError(f"{value!r} is not a closing time; write '06:00 next day' or '23:00'")
        return ClosesAt(at=time(int(match[1]), int(match[2])), next_day=match[3] is not None)
    return value


class Closes(Section):
    """When the labels of a period are final.

    Attributes:
        each: Length of a period; a calendar day.
        of: Timestamp column of the spine's source whose local date is the period, or `prediction_ts`; of a grid
            `period_ts`, or `period_end_ts`, the start of the next period, or `prediction_ts`.
        at: Wall-clock time of closing.
        after: Whole calendar days by which the closing comes later.
        timezone: Zone of the date and of the closing time.
    """

    each: Literal["day"] = "day"
    of: Name
    at: Annotated[ClosesAt, BeforeValidator(_parse_closes_at)]
    after: Lag = timedelta(0)
    timezone: Timezone

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a lag that is not there, so that a declaration without one keeps its hash."""
        return {key: each for key, each in write(self).items() if key != "after" or self.after}

    @field_validator("after")
    @classmethod
    def _whole_days(cls, value: timedelta) -> timedelta:
        if value % timedelta(days=1):
            raise ValueError("not whole days; write whole days, as in '30 days'")
        return _within_reach(value)

    @property
    def days_later(self) -> int:
        """Calendar days from a period's day to the day on which it closes."""
        return self.at.next_day + self.after.days

    def instant_of(self, day: date) -> datetime:
        """Give the instant at which the labels of a day are final.

        Args:
            day: Local date of the period.

        Returns:
            An aware instant, UTC.

        >>> closes = Closes.model_validate(
        ...     {"of": "prediction_ts", "at": "06:00 next day", "after": "30 days", "timezone": "America/New_York"})
        >>> closes.instant_of(date(2013, 2, 7)).isoformat()
        '2013-03-10T10:00:00+00:00'
        """
        on = day + timedelta(days=self.days_later)
        return datetime.combine(on, self.at.at, ZoneInfo(self.timezone)).astimezone(UTC)


class Conflict(StrEnum):
    """What counts where several rows of the label's source tell a spine row different things.

    Newest and first go by `available_ts`; of rows that came at one instant newest takes the greater value, first the
    lesser. Void: the row has no label, for the reason `conflict`. Fail: the job stops.
    """

    NEWEST = "newest"
    FIRST = "first"
    VOID = "void"
    FAIL = "fail"


class Label(Section):
    """What is predicted: the value of a row by id, the value so much later, or whether an event comes in time.

    Attributes:
        from_: Source of the truth. By id it is joined to the spine on the spine's id columns.
        as_: Spark SQL expression over the source's columns; boolean or number. Of a multiclass label a text, a whole
            number or a boolean. By event it is left out: whether it happened is the label.
        classes: Of a multiclass label the texts of its classes, 3 to 100, in the order in which probabilities are told.
            A value of `as` that is none of them is void, for the reason `other_class`.
        after: By time: the label is the value of the newest row at `prediction_ts` and this much later.
        tolerance: By time: how old that row may be then, by its `event_ts`; without such a row the label is void, for
            the reason `no_value`.
        within: By event: the label is whether an event comes after `prediction_ts` and up to this much later.
        event: By event: condition under which a row of the source counts as the event; every row without it.
        on: By time and by event: columns of the source that are id or known columns too: whose rows are looked at.
        conflict: What counts where rows of the source disagree: `newest`, `first`, `void` or `fail`. Without it they
            may not: by id the source's key is to be in the id, by time it is as `fail`.
        void: Reason -> condition under which a closed row has no label. Columns are null where no row arrived; by event
            a row of the source within the stretch meets it.
        closes: When labels are final.
    """

    from_: Name = Field(alias="from")
    as_: Text | None = Field(default=None, alias="as")
    classes: tuple[Text, ...] = ()
    after: Ahead | None = None
    tolerance: Ahead | None = None
    within: Ahead | None = None
    event: Text | None = None
    on: tuple[Name, ...] = ()
    conflict: Conflict | None = None
    void: dict[Name, Text] = Field(default_factory=dict)
    closes: Closes

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the keys of other kinds, so that a declaration keeps its hash."""
        kept = ("from", "from_", "void", "closes")
        return {key: each for key, each in write(self).items() if key in kept or each not in (None, (), [])}

    @field_validator("classes")
    @classmethod
    def _so_many_classes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value and not _FEWEST_CLASSES <= len(value) <= _MOST_CLASSES:
            few = len(value) < _FEWEST_CLASSES
            remedy = "true or false as a classification" if few else "take rare ones together"
            raise ValueError(f"classes: {len(value)} of them; write {_FEWEST_CLASSES} to {_MOST_CLASSES}, or {remedy}")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.after is not None and self.within is not None:
            raise ValueError(f"within: it stands beside after; write the keys of one kind ({_KINDS})")
        needed: tuple[str, ...] = ("as",)
        refused: tuple[str, ...] = ("event", "tolerance", "on")
        kind = "by id"
        if self.after is not None:
            needed, refused, kind = ("as", "tolerance", "on"), ("event",), "by time"
        elif self.within is not None:
            needed, refused, kind = ("on",), ("as", "classes", "tolerance", "conflict"), "by event"
        for name in refused:
            if self._has(name):
                raise ValueError(f"{name}: a label {kind} has none; write the keys of one kind ({_KINDS})")
        for name in needed:
            if not self._has(name):
                raise ValidationError.from_exception_data("", [{"type": "missing", "loc": (name,), "input": None}])
        return self

    def _has(self, name: str) -> bool:
        return getattr(self, "as_" if name == "as" else name) not in (None, ())

    @property
    def is_by_id(self) -> bool:
        """Whether the truth is joined on the spine's id columns."""
        return self.after is None and self.within is None

    @property
    def reach(self) -> timedelta:
        """How far after `prediction_ts` the label looks, as it is declared; nothing is known of a label by id."""
        return self.after or self.within or timedelta(0)

    @property
    def value(self) -> str:
        """The expression over a row of the source: the value, or the condition of the event."""
        return self.as_ or self.event or "true"

    @property
    def wording(self) -> str:
        """What is predicted, in words.

        >>> declared = {"from": "purchases", "event": "amount > 0", "within": "30 days", "on": ["customer"],
        ...             "closes": {"of": "prediction_ts", "at": "06:00", "after": "31 days", "timezone": "UTC"}}
        >>> Label.model_validate(declared).wording
        'amount > 0 within 30 days'
        """
        if self.within is not None:
            return f"{self.event or f'a row of {self.from_}'} within {write_duration(self.within)}"
        return self.value if self.after is None else f"{self.value}, {write_duration(self.after)} later"
