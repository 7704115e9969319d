"""What the online stores cost: `python -m benchmarks.online_store [--entities N]`.

Seven tables of 15 features each are published; then one entity is looked up in all of them, many times, and a publish
of a tenth of the entities is timed. Redis is a server of this machine, reached through its loopback.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from lakeloop.online_store.encoding import to_instant
from lakeloop.online_store.opening import open_store
from lakeloop.online_store.store import Key, OnlineStore, PublishedTable, State
from tests.online_store.redis_server import REDIS_SERVER, running_redis

TABLES, FEATURES, LOOK_UPS = 7, 15, 3_000
HOUR = 3_600_000_000


def published(number: int) -> PublishedTable:
    """What the manifest says of a table at first."""
    names = {f"feature_{i}": "double" for i in range(FEATURES)}
    at = to_instant(HOUR)
    types = {"origin": "string", "dest": "string"}
    return PublishedTable(
        f"table_{number}", "0a1b", tuple(types), names, types, timedelta(hours=1), None, at, 1, "5c1d", at
    )


def states(entities: int, at: int) -> Iterator[tuple[Key, State]]:
    """One state per entity, with numbers as means have them."""
    drawn = random.Random(at)
    for i in range(entities):
        yield (f"A{i}", f"B{i}"), State(at, at - 1, tuple(drawn.random() for _ in range(FEATURES)))


def measure(name: str, store: OnlineStore, reader: OnlineStore, entities: int) -> str:
    """Publish, look up, publish a part again; one row of the table."""
    tables = [published(number) for number in range(TABLES)]
    began = time.perf_counter()
    for each in tables:
        store.stage(each, states(entities, HOUR))
    store.swap(tables)
    first = time.perf_counter() - began
    newer = [replace(each, built_through=to_instant(2 * HOUR)) for each in tables]
    began = time.perf_counter()
    for each in newer:
        store.stage(each, states(entities // 10, 2 * HOUR))
    staged = time.perf_counter()
    store.swap(newer)
    later, swapped = time.perf_counter() - began, time.perf_counter() - staged
    drawn, seconds = random.Random(1), []
    for _ in range(LOOK_UPS):
        i = drawn.randrange(entities)
        asked = {each.table: [(f"A{i}", f"B{i}")] for each in tables}
        began = time.perf_counter()
        reader.look_up(asked)
        seconds.append((time.perf_counter() - began) * 1000)
    seconds.sort()
    hundred = [(f"A{i}", f"B{i}") for i in range(100)]
    began = time.perf_counter()
    reader.look_up({each.table: hundred for each in tables})
    batch = (time.perf_counter() - began) * 1000
    median, slow = statistics.median(seconds), seconds[int(len(seconds) * 0.99)]
    return f"| {name} | {median:.3f} | {slow:.3f} | {batch:.1f} | {first:.1f} | {later:.1f} | {swapped * 1000:.0f} |"


def main() -> None:
    """Measure both stores and print a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=10_000, help="entities per table")
    entities = parser.parse_args().entities
    sys.stdout.write(
        f"{TABLES} tables x {entities:,} entities x {FEATURES} features\n\n"
        "| store | one key, median ms | 99% ms | 100 keys, ms | first publish, s | a tenth of it, s | swap, ms |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        address = f"sqlite:///{folder}/online.db"
        store, reader = open_store(address, "measured"), open_store(address, "measured", read_only=True)
        sys.stdout.write(measure("SQLite", store, reader, entities) + "\n")
        store.close()
        reader.close()
        if REDIS_SERVER.exists():
            with running_redis(Path(folder)) as server:
                store, reader = open_store(server, "measured"), open_store(server, "measured", read_only=True)
                sys.stdout.write(measure("Redis", store, reader, entities) + "\n")
                store.close()
                reader.close()


if __name__ == "__main__":
    main()
