"""`label:` of a model: what is predicted, and when it is final."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from lakeloop.config.project import Timezone
from lakeloop.config.section import Name, Section, Text

_CLOSES_AT = re.compile(r"^(\d{2}):(\d{2})( next day)?$")


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
        of: Timestamp column of the spine's source whose local date is the period; of a grid `period_ts`, or
            `period_end_ts`, the start of the next period.
        at: Wall-clock time of closing.
        timezone: Zone of the date and of the closing time.
    """

    each: Literal["day"] = "day"
    of: Name
    at: Annotated[ClosesAt, BeforeValidator(_parse_closes_at)]
    timezone: Timezone


class Label(Section):
    """What is predicted.

    Attributes:
        from_: Source of the truth, joined to the spine on the spine's id columns.
        as_: Spark SQL expression over the source's columns; boolean or number.
        void: Reason -> condition under which a closed row has no label. Columns are null where no row arrived.
        closes: When labels are final.
    """

    from_: Name = Field(alias="from")
    as_: str = Field(alias="as", min_length=1)
    void: dict[Name, Text] = Field(default_factory=dict)
    closes: Closes
