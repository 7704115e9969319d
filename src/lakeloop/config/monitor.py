"""`monitor:` of a model: how scored data is compared with what it was accepted on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from lakeloop.conditions import Condition
from lakeloop.config.plugins import KnownWord
from lakeloop.config.section import Duration, Name, Number, Section, Text, Whole
from lakeloop.distances import DISTANCES, distances_of, find_distance
from lakeloop.entry_points import PluginGroup
from lakeloop.statuses import Role

_PERSISTENCE = re.compile(r"^(\d{1,6}) of (\d{1,6})$", re.ASCII)


class Persistence(Section):
    """How many of the last windows must agree before a flag is raised."""

    hits: int = Field(ge=1)
    windows: int = Field(ge=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.hits > self.windows:
            raise ValueError(f"{self.hits} of {self.windows} can never happen")
        return self


def _parse_persistence(value: Any) -> Any:
    if isinstance(value, str):
        match = _PERSISTENCE.match(value)
        if match is None or not int(match[1]):
            raise ValueError(f"{value!r} is not a persistence rule; write '2 of 3'")
        if int(match[1]) > int(match[2]):
            raise ValueError(f"{value} can never happen")
        return Persistence(hits=int(match[1]), windows=int(match[2]))
    return value


DistanceName = Annotated[str, KnownWord(PluginGroup.DISTANCES, tuple(DISTANCES), find_distance)]
"""A word for a distance: one that is built in, or that a package brings."""


_DEFAULT_STATISTIC: dict[Literal["number", "category"], str] = {"number": "psi", "category": "total_variation"}


def _with_default_statistic(value: Any) -> Any:
    return {**_DEFAULT_STATISTIC, **value} if isinstance(value, dict) else value


def _of_their_kind(value: dict[Literal["number", "category"], str]) -> dict[Literal["number", "category"], str]:
    for kind, name in value.items():
        if kind not in find_distance(name).kinds:
            raise ValueError(
                f"{kind}: {name} can't be told of a {kind}, its bins have no order; write {_either(distances_of(kind))}"
            )
    return value


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


class Granularity(StrEnum):
    """A stretch of time by which profiles are told: calendar units of the zone in which the label closes."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_TAKEN = frozenset({"score", "label_status"})
"""Slice keys that `monitoring.performance` has for calibration and for the status of labels."""


class SliceBy(Section):
    """One way to part the rows: the most frequent values of a column, or a condition.

    Attributes:
        column: Model column; a number is parted by its bins. Without it, and without a condition, that of its name.
        top: Most values of a text that have a slice of their own; the rest is OTHER.
        condition: Comparison of model columns, which is true, false or not known.
    """

    column: Text | None = None
    top: Whole = Field(default=10, ge=1, le=100)
    condition: Text | None = None

    @field_validator("condition")
    @classmethod
    def _is_condition(cls, value: str | None) -> str | None:
        if value is not None:
            Condition(value)
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.condition is not None and (self.column is not None or "top" in self.model_fields_set):
            raise ValueError("a condition has no column and no top; write the condition alone")
        return self


def _as_slices(value: Any) -> Any:
    """Read a list of columns, and a text as a condition."""
    if isinstance(value, (list, tuple)):
        return {str(name): {} for name in value}
    if isinstance(value, dict):
        return {name: {"condition": each} if isinstance(each, str) else each for name, each in value.items()}
    return value


class Monitor(Section):
    """How scored data is compared with the champion's reference.

    Attributes:
        window: Length of a window, whole days.
        persistence: How many of the last windows must agree.
        roles: Role -> model columns or patterns; the rest are `regime`.
        level: Chance that `persistence` raises any false flag, over the whole family of columns.
        statistic: Kind of column -> the distance it is judged by.
        min_effect: Distance -> value below which a difference is never called drift; each has its own default.
        min_rows: Rows below which a window is not judged.
        min_blocks: Days of reference below which it is INSUFFICIENT_REFERENCE.
        reference: Longest stretch of days the reference covers.
        bins: Bins of a number.
        min_category_share: Share of the reference's rows from which on a category without a row in a window has
            vanished.
        slices: Parts of the rows that are looked at beside all of them: a list of model columns, or name -> column,
            most values, or a condition such as `distance > 1000 and origin = 'JFK'`. Frozen with the
            champion; a column that says something of a person is left out, because its values would be told.
        granularities: Calendar units by which profiles are told beside the window: hour, day, week, month.
        joint_drift: Whether a classifier is asked to tell a window's rows from the reference's by all columns together,
            which is recorded and never judged. It costs seconds per window, whatever the number of rows.
        sketches: Whether quantiles and distinct values are told: of sketches, which are kept per day.
    """

    window: Duration = timedelta(days=7)
    persistence: Annotated[Persistence, BeforeValidator(_parse_persistence)] = Persistence(hits=2, windows=3)
    roles: dict[Role, tuple[str, ...]] = Field(default_factory=dict)
    level: Number = Field(default=0.05, gt=0, lt=1)
    statistic: Annotated[
        dict[Literal["number", "category"], DistanceName],
        BeforeValidator(_with_default_statistic),
        AfterValidator(_of_their_kind),
    ] = Field(default_factory=lambda: dict(_DEFAULT_STATISTIC))
    min_effect: dict[DistanceName, Annotated[Number, Field(ge=0)]] = Field(default_factory=dict)
    min_rows: Whole = Field(default=200, ge=1)
    min_blocks: Whole = Field(default=28, ge=2)
    reference: Duration = timedelta(days=90)
    bins: Whole = Field(default=10, ge=2, le=100)
    min_category_share: Number = Field(default=0.01, gt=0, le=1, exclude=True)
    slices: Annotated[dict[Name, SliceBy], BeforeValidator(_as_slices)] = Field(default_factory=dict, exclude=True)
    granularities: tuple[Granularity, ...] = Field(default=(), exclude=True)
    joint_drift: bool = Field(default=False, exclude=True)
    sketches: bool = Field(default=True, exclude=True)

    @field_validator("slices")
    @classmethod
    def _names_are_free(cls, value: dict[str, SliceBy]) -> dict[str, SliceBy]:
        taken = sorted(_TAKEN.intersection(value))
        if taken:
            raise ValueError(f"{taken[0]} is the name of what is told of all rows; write another name")
        return value

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        for name in ("window", "reference"):
            if getattr(self, name) % timedelta(days=1):
                raise ValueError(f"{name}: not whole days; write whole days, as in '7 days'")
        if self.reference < self.window:
            raise ValueError("reference: shorter than window; write at least one window")
        if self.min_blocks > self.reference.days:
            most = self.reference.days
            raise ValueError(
                f"min_blocks: {self.min_blocks} days are never reached; write at most {most}, as the reference has"
            )
        return self
