"""What an online store does, and what it holds.

Gold is a state log, and so is the store: it keeps, per entity, the state that is served and a newer one that is being
published. A reader takes the newest state whose `available_ts` is not after the `built_through` of the manifest; so
half a publish is never seen, and one that broke off is written over by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

Value = str | int | float | bool | None
"""A stored value: an instant is its microseconds since the epoch, UTC; a date its ISO text."""

Key = tuple[Value, ...]
"""Values of the entity's columns, in their order; none is null."""


class State(NamedTuple):
    """What is known of an entity from an instant on.

    Attributes:
        available_micros: `available_ts`, microseconds since the epoch, UTC.
        event_micros: `event_ts`, likewise.
        values: Features, in the order in which the table's manifest names them.
    """

    available_micros: int
    event_micros: int
    values: tuple[Value, ...]


@dataclass(frozen=True)
class PublishedTable:
    """What a store serves of one gold table: its part of the manifest.

    Attributes:
        table: Name of the gold table.
        generation: Set of rows that is served; another one begins when the table is published from scratch.
        entity: Key columns.
        features: Feature -> its type, as Spark names it; in the order of the stored values.
        key_types: Key column -> its type, as Spark names it.
        every: Tick of a windowed table; None for attributes.
        ttl: Age, from `event_ts`, after which a state is EXPIRED.
        built_through: Instant up to which the rows are complete, aware, UTC.
        delta_version: Version of the gold table they were read from.
        spec_hash: Hash of the declaration the table was built by.
        published_as_of: Logical now of the publish.
    """

    table: str
    generation: str
    entity: tuple[str, ...]
    features: Mapping[str, str]
    key_types: Mapping[str, str]
    every: timedelta | None
    ttl: timedelta | None
    built_through: datetime
    delta_version: int
    spec_hash: str
    published_as_of: datetime


@dataclass(frozen=True)
class Found:
    """What one look-up found; all of it from one manifest.

    Attributes:
        tables: Table -> what was served of it; a table that was never published is absent.
        states: Table -> a state per key that was asked for, in their order; None where the entity is not known.
    """

    tables: Mapping[str, PublishedTable]
    states: Mapping[str, tuple[State | None, ...]]


class OnlineStore(Protocol):
    """A store that is read within requests and written by publishes.

    Whatever is asked of a store that does not answer raises `EnvironmentProblemError`, within `timeout` seconds.

    >>> import tempfile
    >>> from lakeloop.online_store.opening import open_store
    >>> noon = datetime.fromisoformat("2024-01-25T12:00:00Z")
    >>> shops = PublishedTable("shops", "g1", ("shop",), {"mean": "double"}, {"shop": "string"}, None, None, noon, 3,
    ...                        "a1", noon)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store: OnlineStore = open_store(f"sqlite:///{folder}/online.db", "demo")
    ...     store.stage(shops, [(("York",), State(10, 9, (0.5,)))])
    ...     store.look_up({"shops": [("York",)]}).states
    ...     store.swap([shops])
    ...     store.look_up({"shops": [("York",)]}).states, store.manifest() == {"shops": shops}
    ...     store.close()
    1
    {}
    ({'shops': (State(available_micros=10, event_micros=9, values=(0.5,)),)}, True)
    """

    def manifest(self) -> dict[str, PublishedTable]:
        """Tell what is served; nothing before the first publish."""
        ...

    def look_up(self, asked: Mapping[str, Sequence[Key]]) -> Found:
        """Look keys up in several tables, all as one manifest has them.

        Args:
            asked: Table -> keys; values typed as the manifest's `key_types` are stored.

        Returns:
            The states, and the manifest they were found by.
        """
        ...

    def stage(self, table: PublishedTable, rows: Iterable[tuple[Key, State]]) -> int:
        """Write states beside those that are served; nobody sees them before `swap`.

        Args:
            table: What the manifest will say; in a generation that is served already, rows are those that changed
                after its `built_through`, else the newest of every entity.
            rows: A state per entity: the newest one up to the new `built_through`.

        Returns:
            Number of states written.
        """
        ...

    def swap(self, tables: Sequence[PublishedTable]) -> None:
        """Serve what was staged, of all these tables at once; rows of generations that are served no more go."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
