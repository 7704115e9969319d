"""What is looked up in a gold table, whichever engine does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

STATUS_SUFFIX = "__status"

Rows = TypeVar("Rows")


@dataclass(frozen=True)
class Lookup(Generic[Rows]):
    """A gold table to look up in.

    Attributes:
        table: Its name; feature f becomes the column `<table>__f`.
        rows: Its rows, a frame of the engine: entity columns, `event_ts`, `available_ts` and features.
        entity: Key columns, named alike in the spine.
        features: Features wanted.
        built_through: Instant up to which the table is complete.
        every: Tick of a windowed table; None for attributes.
        ttl: Age, from `event_ts`, after which a state is EXPIRED.

    >>> from datetime import UTC
    >>> Lookup("weather", None, ("origin",), ("wind",), datetime(2013, 5, 1, tzinfo=UTC)).status_col
    'weather__status'
    """

    table: str
    rows: Rows
    entity: tuple[str, ...]
    features: tuple[str, ...]
    built_through: datetime
    every: timedelta | None = None
    ttl: timedelta | None = None

    @property
    def status_col(self) -> str:
        """Column that gets the status of the look-up."""
        return f"{self.table}{STATUS_SUFFIX}"
