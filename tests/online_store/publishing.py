"""Publishes in few words, and what a store has to answer after them by a model that cannot be wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from lakeloop.online_store.encoding import to_instant
from lakeloop.online_store.store import Key, OnlineStore, PublishedTable, State


def table(
    through: int, generation: str = "g1", name: str = "shops", *, delta_version: int = 1, as_of: int | None = None
) -> PublishedTable:
    """What is published of a table; times are microseconds."""
    return PublishedTable(
        table=name,
        generation=generation,
        entity=("shop",),
        features={"value": "bigint"},
        key_types={"shop": "string"},
        every=timedelta(hours=1),
        ttl=None,
        built_through=to_instant(through),
        delta_version=delta_version,
        spec_hash="a1",
        published_as_of=to_instant(through if as_of is None else as_of),
    )


def state(available: int, value: object = None) -> State:
    return State(available, available - 1, (available if value is None else value,))  # type: ignore[arg-type]  # any value


Log = Mapping[str, Iterable[int]]
"""Entity -> instants at which its state changed; the value is the instant."""


def newest(log: Log, through: int, after: int | None = None) -> list[tuple[Key, State]]:
    """The rows that a publish stages."""
    found = []
    for key, instants in log.items():
        known = [each for each in instants if each <= through and (after is None or each > after)]
        if known:
            found.append(((key,), state(max(known))))
    return found


def publish(store: OnlineStore, log: Log, through: int, after: int | None = None, generation: str = "g1") -> None:
    published = table(through, generation)
    store.stage(published, newest(log, through, after))
    store.swap([published])
