"""What all tests share: one Spark session for the run, a lake for each test, and how Hypothesis searches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.shared import shared_session

if TYPE_CHECKING:  # tests without Spark do not wait for its import
    from pyspark.sql import SparkSession

    from lakeloop.config import Config
    from lakeloop.runs.turn import TurnResult
    from lakeloop.tables import Lake

# A first call loads libraries or plans a query: its duration says nothing about the code.
settings.register_profile("lakeloop", deadline=None)
settings.load_profile("lakeloop")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one process what shares a costly beginning, and the tests of a file (`--dist loadgroup`)."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    if "flights_loop" in getattr(item, "fixturenames", ()):
        return "flights"
    module = getattr(item, "module", None)
    shares = isinstance(item, pytest.DoctestItem) or any(name.startswith("finished_") for name in vars(module or item))
    return "finished" if shares or "tests/laws/" in item.nodeid else item.nodeid.partition("::")[0]


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The one Spark session of the run, started by the first test that asks for it."""
    session = shared_session()
    yield session
    session.stop()


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    """A lake of its own for each test."""
    from lakeloop.tables import Lake

    return Lake(spark, tmp_path / "workspace", retention=timedelta(days=30))


@pytest.fixture(scope="module", params=["UTC", "America/New_York"])
def zoned(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[SparkSession]:
    """The session in two time zones, one after the other; nothing may depend on it."""
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", request.param)
    yield spark
    spark.conf.set("spark.sql.session.timeZone", str(before))


@pytest.fixture(scope="session")
def flights_loop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, list[TurnResult]]:
    """Two turns of the loop on a small slice of the real flights, run once for all tests."""
    from tests.flights_slice import run_slice

    return run_slice(tmp_path_factory.mktemp("flights"))
