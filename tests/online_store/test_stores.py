"""Both stores do the same: what was swapped is served, what was only staged is not, whatever broke off before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeloop.errors import EnvironmentProblemError
from lakeloop.online_store.opening import open_store
from lakeloop.online_store.store import Found, Key, OnlineStore, PublishedTable, State
from tests.online_store.publishing import newest, publish, state, table

YORK: Key = ("York",)
HULL: Key = ("Hull",)


class BrokenOffError(Exception):
    """Stands for the end of the process."""


def breaking(rows: list[tuple[Key, State]], after: int) -> Iterator[tuple[Key, State]]:
    yield from rows[:after]
    raise BrokenOffError


def test_nothing_is_served_before_the_first_swap(store: OnlineStore, reader: OnlineStore) -> None:
    store.stage(table(10), [(YORK, state(5))])
    for each in (store, reader):
        assert each.manifest() == {}
        assert each.look_up({"shops": [YORK]}) == Found({}, {})


def test_what_was_swapped_is_served_with_its_manifest(store: OnlineStore, reader: OnlineStore) -> None:
    shops = table(10)
    assert store.stage(shops, [(YORK, state(5)), (HULL, state(7))]) == 2
    store.swap([shops])
    for each in (store, reader):
        assert each.manifest() == {"shops": shops}
        found = each.look_up({"shops": [HULL, ("Leeds",), YORK, HULL], "never": [YORK]})
        assert found == Found({"shops": shops}, {"shops": (state(7), None, state(5), state(7))})
        assert each.look_up({"shops": []}) == Found({"shops": shops}, {"shops": ()})
        assert each.look_up({}) == Found({}, {})


def test_a_manifest_reads_back_exactly(store: OnlineStore, reader: OnlineStore) -> None:
    published = PublishedTable(
        table="routes",
        generation="0f",
        entity=("origin", "dest"),
        features={"mean": "double", "count": "bigint", "word": "string"},
        key_types={"origin": "string", "dest": "int"},
        every=None,
        ttl=timedelta(days=2, microseconds=1),
        built_through=datetime(2013, 5, 1, 4, 0, 0, 1, tzinfo=UTC),
        delta_version=7,
        spec_hash="ab12",
        published_as_of=datetime(2013, 5, 1, 4, tzinfo=UTC),
    )
    values = (math.inf, 2**53 + 1, "Zürich \u2013 \x00\n")
    at = 1367380800000000
    store.stage(published, [(("JFK", 3), State(at, -5, values))])
    store.swap([published])
    found = reader.look_up({"routes": [("JFK", 3), ("JFK", 4)]})
    assert found == Found({"routes": published}, {"routes": (State(at, -5, values), None)})
    assert list(found.tables["routes"].features) == ["mean", "count", "word"]


def test_staged_states_are_not_served_before_the_swap(store: OnlineStore, reader: OnlineStore) -> None:
    publish(store, {"York": [5], "Hull": [7]}, 10)
    store.stage(table(20), [(YORK, state(15)), (("Leeds",), state(16))])
    asked = {"shops": [YORK, HULL, ("Leeds",)]}
    assert reader.look_up(asked).states == {"shops": (state(5), state(7), None)}
    store.swap([table(20)])
    assert reader.look_up(asked).states == {"shops": (state(15), state(7), state(16))}


def test_all_tables_of_a_swap_are_served_at_once(store: OnlineStore, reader: OnlineStore) -> None:
    first = [table(10), table(10, name="routes")]
    for each in first:
        store.stage(each, [(YORK, state(5))])
    store.swap(first)
    second = [table(20), table(20, name="routes")]
    for each in second:
        store.stage(each, [(YORK, state(15))])
        assert reader.look_up({"shops": [YORK], "routes": [YORK]}).states == {
            "shops": (state(5),),
            "routes": (state(5),),
        }
    store.swap(second)
    assert reader.look_up({"shops": [YORK], "routes": [YORK]}).states == {"shops": (state(15),), "routes": (state(15),)}


def test_a_new_generation_takes_the_place_of_the_old_one(store: OnlineStore, reader: OnlineStore) -> None:
    publish(store, {"York": [5], "Hull": [7]}, 10)
    store.stage(table(10, "g2"), [(YORK, state(5, 100))])
    asked = {"shops": [YORK, HULL]}
    assert reader.look_up(asked).states == {"shops": (state(5), state(7))}
    store.swap([table(10, "g2")])
    assert reader.look_up(asked).states == {"shops": (state(5, 100), None)}
    publish(store, {"York": [5, 15]}, 20, 10, "g2")
    assert reader.look_up(asked).states == {"shops": (state(15), None)}


def test_rows_of_a_generation_that_broke_off_are_not_served_by_the_next_attempt(store: OnlineStore) -> None:
    publish(store, {"York": [5]}, 10)
    with pytest.raises(BrokenOffError):
        store.stage(table(20, "g2"), breaking([(("Gone",), state(6)), (YORK, state(5))], 2))
    store.stage(table(20, "g2"), [(YORK, state(15))])
    store.swap([table(20, "g2")])
    assert store.look_up({"shops": [("Gone",), YORK]}).states == {"shops": (None, state(15))}


def test_the_same_states_staged_again_change_nothing(store: OnlineStore, reader: OnlineStore) -> None:
    for _ in range(3):
        publish(store, {"York": [5], "Hull": [7, 9]}, 10)
        assert reader.look_up({"shops": [YORK, HULL]}).states == {"shops": (state(5), state(9))}


def test_many_keys_are_looked_up_in_their_order(store: OnlineStore, reader: OnlineStore) -> None:
    log = {f"shop {i}": [i] for i in range(1, 6001)}
    publish(store, log, 9000)
    keys: list[Key] = [(f"shop {i}",) for i in range(6001, 0, -1)]
    found = reader.look_up({"shops": keys}).states["shops"]
    assert found == (None, *(state(i) for i in range(6000, 0, -1)))


def test_projects_do_not_meet_in_one_store(address: str, store: OnlineStore) -> None:
    publish(store, {"York": [5]}, 10)
    other = open_store(address, "other")
    assert other.manifest() == {}
    publish(other, {"York": [6]}, 10)
    assert store.look_up({"shops": [YORK]}).states == {"shops": (state(5),)}
    assert other.look_up({"shops": [YORK]}).states == {"shops": (state(6),)}
    other.close()


def test_a_reader_that_may_not_write_writes_nothing(store: OnlineStore, reader: OnlineStore) -> None:
    publish(store, {"York": [5]}, 10)
    for attempt in (lambda: reader.stage(table(20), []), lambda: reader.swap([table(20)])):
        with pytest.raises(EnvironmentProblemError):
            attempt()
    assert reader.manifest() == {"shops": table(10)}


_LOGS = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.integers(1, 60), max_size=12), min_size=1)
_ATTEMPTS = st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["stage", "half", "swap", "anew", "anew half"])))


@pytest.fixture(params=["sqlite", "redis"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], OnlineStore]:
    """Open an empty store per example, told apart by the project."""
    if request.param == "sqlite":
        return lambda project: open_store(f"sqlite:///{tmp_path}/online.db", project)
    address: str = request.getfixturevalue("redis_address")
    return lambda project: open_store(address, project)


_number = iter(range(10**9))


@given(log=_LOGS, attempts=_ATTEMPTS)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_reader_sees_exactly_the_newest_states_whatever_was_staged_and_broke_off(
    opening: Callable[[str], OnlineStore], log: dict[str, set[int]], attempts: list[tuple[int, str]]
) -> None:
    project = f"drawn{next(_number)}"
    store, reader = opening(project), opening(project)
    served: int | None = None
    generation = 0
    for step, end in attempts:
        through = (served or 0) + step
        anew = served is None or end.startswith("anew")
        rows = newest(log, through, None if anew else served)
        published = table(through, f"g{generation + anew}")
        if end.endswith("half"):
            with pytest.raises(BrokenOffError):
                store.stage(published, breaking(rows, len(rows) // 2))
        else:
            store.stage(published, rows)
        if end in ("swap", "anew"):
            store.swap([published])
            served, generation = through, generation + anew
        keys: list[Key] = [(each,) for each in "abcdefg"]
        found = reader.look_up({"shops": keys})
        if served is None:
            assert found == Found({}, {})
            continue
        expected = dict(newest(log, served))
        assert found.tables == {"shops": table(served, f"g{generation}")}
        assert found.states == {"shops": tuple(map(expected.get, keys))}
    store.close()
    reader.close()
