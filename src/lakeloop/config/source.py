"""`conf/base/sources/*.yml`: what lands or is read, what it means and what must hold."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from lakeloop.config.landing import Landing
from lakeloop.config.read import AnyRead, Read
from lakeloop.config.rules import Rule
from lakeloop.config.section import Name, Section, Tags, Text, Unit, Whole, Words

TIME_COLUMNS = ("event_ts", "available_ts")
"""Columns that every bronze row has beside those its source declares."""


class ColumnType(StrEnum):
    """Types a column can be declared with.

    `timestamp` is an instant (text with offset or Z); `local_timestamp` is a wall-clock reading without a zone.
    """

    STRING = "string"
    INTEGER = "integer"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    LOCAL_TIMESTAMP = "local_timestamp"


class Column(Section):
    """A column of the landed files, or of what is read.

    Attributes:
        type: Its type.
        description: What it means.
        unit: Its unit, where it has one.
        tags: Words to find it by; `pii` hides its values and those of all that is made of it.
    """

    type: ColumnType
    description: Words = ""
    unit: Unit = None
    tags: Tags = ()


class DerivedColumn(Section):
    """A column computed from the row when it is accepted.

    Attributes:
        as_: Spark SQL expression over the landed columns and the derived columns above it.
        type: Its type.
        description: What it means.
        unit: Its unit, where it has one.
        tags: Words to find it by; `pii` hides its values and those of all that is made of it.
    """

    as_: str = Field(alias="as", min_length=1)
    type: ColumnType
    description: Words = ""
    unit: Unit = None
    tags: Tags = ()


def _as_instant(value: Any) -> datetime:
    """A bare date or an instant without offset is read as UTC."""
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):  # a number would be taken for seconds
        raise ValueError(f"{value!r} is not an instant; write 2014-01-01 or 2014-01-01T05:00:00Z") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


Instant = Annotated[datetime, BeforeValidator(_as_instant)]


class History(Section):
    """How far the declared availability is trusted although the rows arrive later (initial load, simulated landing).

    Attributes:
        trusted_until: Up to this instant (UTC) the declared `available_ts` alone counts.
    """

    trusted_until: Instant


class Mode(StrEnum):
    """What a row with a key that was accepted before is.

    Append: a repetition, or a conflict that is quarantined. Upsert: a new version of what the key stands for.
    """

    APPEND = "append"
    UPSERT = "upsert"


class QualityGate(Section):
    """What a turn's bronze rows must be like as a whole.

    Attributes:
        min_rows: Least number of rows that became available in the turn; 0 for a feed that may be silent.
    """

    min_rows: Whole = Field(default=1, ge=0)


class Source(Section):
    """A feed and the bronze table made of it.

    Attributes:
        source: Name; the table is `bronze.<source>`.
        description: What a row is.
        owner: Who answers for it.
        tags: Words to find it by; `pii` stands for all of its columns.
        landing: Where files arrive; this or `read`.
        read: What is read where it is, in place of files that land.
        columns: Columns of the files, or of what is read.
        derive: Columns computed from the row, in order.
        key: Columns (landed or derived) that identify a row.
        event_ts: Spark SQL expression of the instant the thing happened, UTC.
        available_ts: Spark SQL expression of the instant the platform could first know it, UTC.
        mode: What a row with a key that was accepted before is: a conflict, or a new version.
        order_by: Column or Spark SQL expression that grows with the versions of a key; of mode upsert.
        history: How far the declared availability is trusted.
        rules: What must hold for a row.
        gate: What a turn's rows must be like as a whole.
    """

    source: Name
    description: Words = ""
    owner: Words = ""
    tags: Tags = ()
    landing: Landing | None = None
    read: AnyRead | None = None
    columns: dict[Name, Column] = Field(min_length=1)
    derive: dict[Name, DerivedColumn] = Field(default_factory=dict)
    key: tuple[str, ...] = Field(min_length=1)
    event_ts: Text
    available_ts: Text
    mode: Mode = Mode.APPEND
    order_by: Text | None = None
    history: History | None = None
    rules: tuple[Rule, ...] = ()
    gate: QualityGate = QualityGate()

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.landing is None and self.read is None:
            raise ValueError("declare landing (files that arrive) or read (rows that are read where they are)")
        if self.landing is not None and self.read is not None:
            raise ValueError("read: landing is declared too; write one of landing and read")
        return self

    @model_validator(mode="after")
    def _names_are_declared(self) -> Self:
        names = {} if self.landing is None else self.landing.names
        unknown = sorted(column for column in names.values() if column not in self.columns)
        if unknown:
            raise ValueError(f"landing.names: {unknown[0]} is no declared column; declare it under columns")
        return self

    @model_serializer(mode="wrap")
    def _without_other_origin(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out which of `landing` and `read` is not there."""
        origins = ("landing", "read")
        return {key: each for key, each in write(self).items() if key not in origins or getattr(self, key) is not None}

    @property
    def origin(self) -> Landing | Read:
        """Where the rows come from, and what becomes of columns that differ.

        Raises:
            ValueError: If there is none, which no checked source has.
        """
        found = self.read or self.landing
        if found is None:
            raise ValueError(f"source {self.source} has no origin")
        return found

    @property
    def files(self) -> Landing:
        """Where files arrive, of a source that has them.

        Raises:
            ValueError: If the source is read where it is.
        """
        if self.landing is None:
            raise ValueError(f"no files land for source {self.source}")
        return self.landing

    @property
    def declared(self) -> dict[str, Column | DerivedColumn]:
        """Landed and derived columns with what is said of them, in order."""
        return {**self.columns, **self.derive}

    @property
    def all_columns(self) -> dict[str, ColumnType]:
        """Landed and derived columns with their types, in order; without `event_ts` and `available_ts`."""
        return {name: c.type for name, c in self.columns.items()} | {name: c.type for name, c in self.derive.items()}
