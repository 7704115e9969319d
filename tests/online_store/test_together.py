"""Readers beside a publisher: threads and processes; publishers that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lakeloop.online_store.opening import open_store
from lakeloop.online_store.store import Key, OnlineStore
from tests.online_store.publishing import newest, publish, state, table

_PUBLISHES = 200
_KEYS: list[Key] = [(each,) for each in "abcd"]


def _publish_all(store: OnlineStore, number: int) -> None:
    """Publish number n of two tables: every state's value is n; each tenth begins a new generation."""
    tables = [table(number, f"g{number // 10}", name) for name in ("shops", "routes")]
    for each in tables:
        store.stage(each, [(key, state(number)) for key in _KEYS])
    store.swap(tables)


def test_no_answer_mixes_two_publishes(address: str, store: OnlineStore) -> None:
    _publish_all(store, 1)
    is_done, mixed, seen = threading.Event(), list[object](), [set[int](), set[int]()]
    shared = open_store(address, "demo", read_only=True)

    def read(which: int) -> None:
        while not is_done.is_set():
            found = shared.look_up({"shops": _KEYS, "routes": _KEYS})
            states = [each for name in ("shops", "routes") for each in found.states[name]]
            numbers = {None if each is None else each.values[0] for each in states}
            if len(numbers) != 1 or None in numbers or found.tables["shops"] != table(*_named(numbers, "shops")):
                mixed.append(numbers)
            seen[which] |= numbers  # type: ignore[arg-type]  # None is told above

    def _named(numbers: set[object], name: str) -> tuple[int, str, str]:
        number = int(str(max(numbers, key=str)))
        return number, f"g{number // 10}", name

    readers = [threading.Thread(target=read, args=(which,)) for which in range(2)]
    for each in readers:
        each.start()
    for number in range(2, _PUBLISHES + 1):
        _publish_all(store, number)
    is_done.set()
    for each in readers:
        each.join()
    shared.close()
    assert mixed == []
    assert all(len(each) > 5 for each in seen), "the readers have to have met several publishes"
    assert store.look_up({"shops": _KEYS}).states == {"shops": (state(_PUBLISHES),) * 4}


_PUBLISHER = """
import sys
from lakeloop.online_store.opening import open_store
from tests.online_store.publishing import state, table

address, generation = sys.argv[1:]
store = open_store(address, "demo")

def rows():
    for i in range(10**9):
        yield (f"shop {i}",), state(15)
        if i == 12_000:
            print("staging", flush=True)

store.stage(table(20, generation), rows())
"""


@pytest.mark.parametrize("generation", ["g1", "g2"], ids=["incremental", "anew"])
def test_a_publisher_killed_while_it_stages_is_never_seen_and_the_next_one_ends_it(
    address: str, store: OnlineStore, reader: OnlineStore, generation: str
) -> None:
    publish(store, {"shop 1": [5], "shop 2": [7]}, 10)
    publisher = subprocess.Popen(
        [sys.executable, "-c", _PUBLISHER, address, generation], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert publisher.stdout is not None
    assert publisher.stdout.readline() == b"staging\n"
    publisher.send_signal(signal.SIGKILL)
    publisher.wait()
    publisher.stdout.close()
    keys: list[Key] = [("shop 1",), ("shop 2",), ("shop 3",)]
    assert reader.look_up({"shops": keys}).states == {"shops": (state(5), state(7), None)}
    log = {"shop 1": [5, 12], "shop 2": [7]}
    published = table(14, generation)
    store.stage(published, newest(log, 14, 10 if generation == "g1" else None))
    store.swap([published])
    assert reader.look_up({"shops": keys}).states == {"shops": (state(12), state(7), None)}


def test_each_thread_of_a_process_reads(store: OnlineStore, reader: OnlineStore) -> None:
    publish(store, {"York": [5]}, 10)
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(reader.look_up({"shops": [("York",)]}).states)) for _ in range(8)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [{"shops": (state(5),)}] * 8


def test_a_look_up_is_not_held_up_by_a_publish(store: OnlineStore, reader: OnlineStore) -> None:
    publish(store, {"York": [5]}, 10)
    longest = 0.0

    def rows() -> object:
        nonlocal longest
        for i in range(20_000):
            yield (f"shop {i}",), state(15)
            if i % 500 == 0:
                began = time.perf_counter()
                assert reader.look_up({"shops": [("York",)]}).states == {"shops": (state(5),)}
                longest = max(longest, time.perf_counter() - began)

    store.stage(table(20), rows())  # type: ignore[arg-type]  # a generator of rows
    assert longest < 1.0
