"""What every section of the configuration shares: strict, frozen, no unknown keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakeloop.config.durations import parse_duration


class Section(BaseModel):
    """A frozen section of the project's files; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def _as_duration(value: Any) -> timedelta:
    """A bare number would be taken for seconds: only text and durations pass."""
    if isinstance(value, timedelta):
        return value
    return parse_duration(value if isinstance(value, str) else repr(value))


Duration = Annotated[timedelta, BeforeValidator(_as_duration)]
"""A positive duration, written `3 hours`."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A name that is safe as a table, column and model name: lower case letters, digits and underscores."""
