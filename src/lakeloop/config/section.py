"""What every section of the configuration shares: strict, frozen, no unknown keys."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from lakeloop.config.durations import parse_duration


class Section(BaseModel):
    """A frozen section of the project's files; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def _as_duration(value: Any, *, least: int = 1) -> timedelta:
    """A bare number would be taken for seconds: only text and durations pass."""
    if isinstance(value, timedelta):
        return value
    return parse_duration(value if isinstance(value, str) else repr(value), least=least)


Duration = Annotated[timedelta, BeforeValidator(_as_duration)]
"""A positive duration, written `3 hours`."""

Lag = Annotated[timedelta, BeforeValidator(partial(_as_duration, least=0))]
"""A duration that may be zero."""


def _not_a_switch(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers; write a number")  # noqa: TRY004 - pydantic turns it into a mistake
    return value


Whole = Annotated[int, BeforeValidator(_not_a_switch)]
"""A whole number; true and false are none."""

Number = Annotated[float, BeforeValidator(_not_a_switch)]
"""A finite number; true and false are none."""

Text = Annotated[str, Field(min_length=1)]
"""Text that is not empty."""


def _no_address(value: str) -> str:
    if "://" in value:  # as a path it would name a folder below the workspace
        raise ValueError("an address is no folder; write a folder that this machine sees, relative or absolute")
    return value


Folder = Annotated[Text, AfterValidator(_no_address)]
"""A folder of this machine, or one that is mounted on it."""


def _known_timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA time zone; write for example Europe/Berlin or UTC")
    return name


Timezone = Annotated[str, AfterValidator(_known_timezone)]
"""A time zone by its IANA name."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A name that is safe as a table, column and model name: lower case letters, digits and underscores."""

TAG_PATTERN = r"^[a-z][a-z0-9_-]{0,62}$"

Tags = Annotated[tuple[Annotated[str, Field(pattern=TAG_PATTERN)], ...], Field(exclude=True)]
"""Words to find things by. They change nothing that is made, so they are no part of a declaration's fingerprint."""

Words = Annotated[str, PlainSerializer(lambda _: "", return_type=str, when_used="json")]
"""Words for people: a declaration's fingerprint, which is made of its JSON, is the same whatever they say."""

Unit = Annotated[str | None, PlainSerializer(lambda _: None, return_type=None, when_used="json")]
"""A unit, for people too."""

PII = "pii"
"""The tag of what says something of a person: it is inherited, and keeps values out of reports and messages."""


class Bounded(Section):
    """A section with bounds of a number, both included.

    Attributes:
        min: Least value that passes.
        max: Greatest value that passes.

    >>> Bounded(min=0.5).model_dump()
    {'min': 0.5, 'max': None}
    """

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("declare min, max or both")
        if self.min is not None and self.max is not None and not self.min <= self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self
