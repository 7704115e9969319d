"""Both stores: a SQLite file, and a real Redis server on a free port of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakeloop.online_store.opening import open_store
from lakeloop.online_store.store import OnlineStore
from tests.online_store.redis_server import REDIS_SERVER, running_redis
from tests.outside import skip_without


@pytest.fixture(scope="session")
def redis_program() -> Path:
    if not REDIS_SERVER.exists():
        skip_without(str(REDIS_SERVER), "install the distribution's package redis-server")
    return REDIS_SERVER


@pytest.fixture(scope="session")
def redis_address(redis_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as address:
        yield address


@pytest.fixture(params=["sqlite", "redis"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store's address."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/online.db"
    import redis

    found: str = request.getfixturevalue("redis_address")
    with redis.Redis.from_url(found) as client:
        client.flushdb()
    return found


@pytest.fixture
def store(address: str) -> Iterator[OnlineStore]:
    opened = open_store(address, "demo")
    yield opened
    opened.close()


@pytest.fixture
def reader(address: str, store: OnlineStore) -> Iterator[OnlineStore]:
    """A second opening of the store, to be read only."""
    opened = open_store(address, "demo", read_only=True)
    yield opened
    opened.close()
