"""The spine of a model: for which rows a prediction is due, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from lakeloop.config.durations import short_name
from lakeloop.config.grid import PERIOD_TS, read_offset
from lakeloop.config.section import Duration, Name, Section, Text

PREDICTION_TS = "prediction_ts"
"""Column of the spine that holds the instant of the prediction."""


class Predict(Section):
    """The spine: the rows of a source, or a grid of its entities and periods.

    Attributes:
        from_: Source whose rows are scored; of a grid, source whose rows make entities known.
        every: Length of a period: the spine is a grid, with a row per known entity and period. Periods are whole
            multiples since 1970-01-01 00:00 UTC.
        id: Columns that identify a spine row; of a grid the entity's, and `period_ts`, the start of the period. What
            identifies an entity has a `not_null` rule; with one of severity `warn` rows without it are passed over.
        at: Spark SQL expression of `prediction_ts`; required without `every`. Of a grid `period_ts`, with intervals
            added or taken.
        known: Columns of the source that are known at `prediction_ts` and may be features; of a grid as in the
            entity's newest row that was available then.
        ttl: Age (from `event_ts`) after which a row no longer makes its entity known; of a grid.
    """

    from_: Name = Field(alias="from")
    every: Duration | None = None
    id: tuple[Name, ...] = Field(min_length=1)
    at: Text = PERIOD_TS
    known: tuple[Name, ...] = ()
    ttl: Duration | None = None

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the keys of a grid where there is none, so that a declaration of rows keeps its hash."""
        return {key: each for key, each in write(self).items() if key not in ("every", "ttl") or each is not None}

    @model_validator(mode="after")
    def _rows(self) -> Self:
        if self.every is not None:
            return self
        if "at" not in self.model_fields_set:
            raise ValidationError.from_exception_data("", [{"type": "missing", "loc": ("at",), "input": None}])
        if self.ttl is not None:
            raise ValueError("ttl: a row of a source is predicted for once; write every: for a grid, or no ttl")
        return self

    @model_validator(mode="after")
    def _grid(self) -> Self:
        if self.every is None:
            return self
        period = short_name(self.every)
        if PERIOD_TS not in self.id:
            form = f"[{', '.join((*self.id, PERIOD_TS))}]"
            raise ValueError(f"id: it lacks {PERIOD_TS}, the start of the period of a grid; write {form}")
        if not self.entity:
            raise ValueError(f"id: it names no entity; write the columns of an entity beside {PERIOD_TS}")
        if self.ttl is not None and self.ttl < self.every:
            problem = f"{short_name(self.ttl)} is shorter than every: {period}, so that periods would be left out"
            raise ValueError(f"ttl: {problem}; write at least {period}")
        try:
            read_offset(self.at)
        except ValueError as error:
            raise ValueError(f"at: {error}") from None
        return self

    @property
    def entity(self) -> tuple[str, ...]:
        """Columns of the source that identify what a row of a grid is for.

        >>> Predict.model_validate({"from": "shops", "every": "1 day", "id": ["shop", "period_ts"]}).entity
        ('shop',)
        """
        return tuple(name for name in self.id if name != PERIOD_TS)

    @property
    def offset(self) -> timedelta:
        """Length from the start of a period of a grid to its `prediction_ts`."""
        return read_offset(self.at)
