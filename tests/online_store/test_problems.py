"""A store that is down is told in time, with a remedy and without a password."""

from __future__ import annotations

import gc
import socket
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from lakeloop.errors import EnvironmentProblemError, PluginError
from lakeloop.online_store import opening
from lakeloop.online_store.opening import open_store
from lakeloop.online_store.store import Found, OnlineStore
from tests.online_store.publishing import publish, state, table
from tests.online_store.redis_server import free_port, running_redis
from tests.plugin_packages import install

YORK = {"shops": [("York",)]}
needs_redis = pytest.mark.usefixtures("redis_program")


def test_a_server_that_is_down_is_told_at_once_without_its_password() -> None:
    port = free_port()
    store = open_store(f"redis://me:hunter22@127.0.0.1:{port}/0", "demo", read_only=True)
    assert "hunter22" not in repr(store)
    began = time.monotonic()
    with pytest.raises(EnvironmentProblemError) as told:
        store.look_up(YORK)
    assert time.monotonic() - began < 1.0
    store.close()
    assert str(told.value).splitlines() == [
        f"online store redis://***@127.0.0.1:{port}/0: the environment is not ready",
        f"  - ConnectionError: Error 111 connecting to 127.0.0.1:{port}. Connection refused.",
        "  remedy: start it, or correct online_store in project.yml; then call the same again",
    ]
    assert told.value.__cause__ is None


def test_a_server_that_says_nothing_is_given_up_within_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = open_store(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "demo", timeout_seconds=0.3)
        began = time.monotonic()
        with pytest.raises(EnvironmentProblemError, match="TimeoutError"):
            store.look_up(YORK)
        assert 0.2 < time.monotonic() - began < 1.0
        store.close()


@needs_redis
def test_a_wrong_password_is_told_and_not_shown(tmp_path: Path) -> None:
    with running_redis(tmp_path, "--requirepass", "hunter22") as address:
        right, wrong = (address.replace("//", f"//:{word}@") for word in ("hunter22", "sesame99"))
        store = open_store(right, "demo")
        publish(store, {"York": [5]}, 10)
        assert store.look_up(YORK).states == {"shops": (state(5),)}
        with closing(open_store(wrong, "demo")) as refused, pytest.raises(EnvironmentProblemError) as told:
            refused.manifest()
        assert "AuthenticationError" in str(told.value)
        assert "sesame99" not in f"{told.value!s}{told.value!r}"
        store.close()


@needs_redis
def test_a_server_that_was_started_again_empty_serves_nothing_and_is_filled_again(tmp_path: Path) -> None:
    port = free_port()
    with running_redis(tmp_path, port=port) as address:
        store, reader = open_store(address, "demo"), open_store(address, "demo", read_only=True)
        publish(store, {"York": [5]}, 10)
        assert reader.look_up(YORK).states == {"shops": (state(5),)}
    with pytest.raises(EnvironmentProblemError):
        reader.look_up(YORK)
    with running_redis(tmp_path, port=port):
        assert reader.look_up(YORK) == Found({}, {})
        publish(store, {"York": [5]}, 10)
        assert reader.look_up(YORK).states == {"shops": (state(5),)}
        store.close()
        reader.close()


@needs_redis
def test_only_what_is_served_is_left_in_the_server(redis_address: str) -> None:
    import redis

    store = open_store(redis_address, "tidy")
    publish(store, {"York": [5]}, 10)
    store.stage(table(20, "left"), [(("York",), state(15))])
    publish(store, {"York": [5, 15]}, 20, generation="g2")
    with redis.Redis.from_url(redis_address, decode_responses=True) as client:
        assert sorted(client.keys("lakeloop:tidy:*")) == [
            "lakeloop:tidy:generations",
            "lakeloop:tidy:manifest",
            "lakeloop:tidy:stamp",
            "lakeloop:tidy:states:shops:g2",
        ]
    store.close()


def test_only_what_is_served_is_left_in_the_file(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/online.db", "tidy")
    publish(store, {"York": [5]}, 10)
    store.stage(table(20, "left"), [(("York",), state(15))])
    publish(store, {"York": [5, 15]}, 20, generation="g2")
    store.close()
    file = sqlite3.connect(tmp_path / "online.db")
    names = [row[0] for row in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    file.close()
    assert names == ["manifest", "states:tidy:shops:g2"]


def test_a_file_that_is_not_there_serves_nothing_until_it_is_published(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/below/online.db"
    reader = open_store(address, "demo", read_only=True)
    assert reader.manifest() == {}
    assert reader.look_up(YORK) == Found({}, {})
    assert not (tmp_path / "below").exists()
    store = open_store(address, "demo")
    assert reader.look_up(YORK) == Found({}, {})
    publish(store, {"York": [5]}, 10)
    assert reader.look_up(YORK).states == {"shops": (state(5),)}
    store.close()
    assert reader.look_up(YORK).states == {"shops": (state(5),)}
    reader.close()


def test_a_file_that_is_none_of_sqlite_is_told(tmp_path: Path) -> None:
    path = tmp_path / "online.db"
    path.write_text("words " * 1000)
    with pytest.raises(EnvironmentProblemError, match="file is not a database"):
        open_store(f"sqlite:///{path}", "demo")


def test_a_file_that_another_process_writes_is_given_up_within_the_timeout(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/online.db", "demo", timeout_seconds=0.2)
    other = sqlite3.connect(tmp_path / "online.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(EnvironmentProblemError, match="database is locked"):
        store.stage(table(10), [(("York",), state(5))])
    assert time.monotonic() - began < 2.0
    other.execute("ROLLBACK")
    other.close()
    publish(store, {"York": [5]}, 10)
    assert store.look_up(YORK).states == {"shops": (state(5),)}
    store.close()


def test_a_connection_goes_with_its_thread(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/online.db", "demo")
    for _ in range(3):
        thread = threading.Thread(target=store.manifest)
        thread.start()
        thread.join()
    gc.collect()
    assert len(store._open) == 1  # type: ignore[attr-defined]  # of SQLite
    store.close()


@pytest.mark.parametrize("address", ["sqlite:///", "sqlite://online.db", "online.db", "memcached://cache"])
def test_an_address_of_no_store_is_told(address: str) -> None:
    with pytest.raises(EnvironmentProblemError, match="is known to no store; allowed: sqlite:///<file>"):
        open_store(address, "demo")


STORE = """
class Opened:
    def __init__(self, *given):
        self.given = given

    def close(self): ...

    manifest = look_up = stage = swap = close


def open_mine(address, project, *, read_only, timeout_seconds):
    return Opened(address, project, read_only, timeout_seconds)


def open_half(address, project, *, read_only, timeout_seconds):
    return object()
"""


def test_a_package_may_bring_a_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = {"mine": "my_store:open_mine", "half": "my_store:open_half"}
    install(monkeypatch, tmp_path, {"my_store.py": STORE}, {opening.ENTRY_POINT_GROUP: words}, package="my-store")
    found: OnlineStore = open_store("mine://host", "demo", read_only=True)
    assert found.given == ("mine://host", "demo", True, 1.0)  # type: ignore[attr-defined]  # it is the package's own
    assert opening.is_address("mine://host")
    assert not opening.is_address("yours://host")
    with pytest.raises(
        PluginError, match=r"my-store 1.0 gives a store that lacks manifest, look_up, stage, swap, close"
    ):
        open_store("half://host", "demo")
