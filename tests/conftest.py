"""What all tests share: one Spark session for the run, a lake for each test, and how Hypothesis searches."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.outside import missing_lines, skip_without
from tests.shared import copy_store, shared_session

if TYPE_CHECKING:  # tests without Spark do not wait for its import
    from pyspark.sql import SparkSession

    from lakeloop.tables import Lake
    from tests.flights_slice import Slice

ROOT = Path(__file__).resolve().parents[1]

# A first call loads libraries or plans a query: its duration says nothing about the code.
settings.register_profile("lakeloop", deadline=None)
settings.load_profile("lakeloop")


# The threads of a small fit wait for each other actively, on cores that the other process needs: a third of its time
# remains. Read when the library is loaded, which is later.
os.environ.setdefault("OMP_NUM_THREADS", "1")


class ByWhatIsShared(LoadScopeScheduling):
    """Keeps in one process the tests of a file, and files that share a costly beginning."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByWhatIsShared:
    """Say which tests go to one process."""
    config.option.loadscopereorder = False  # by the number of tests alone: the few long ones would come last
    return ByWhatIsShared(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the tests, begin with what takes long, so that they end together."""
    if hasattr(config, "workerinput"):
        groups = {each: _group(each.nodeid.partition("::")[0]) for each in items}
        number = Counter(groups.values())
        items.sort(key=lambda each: (_order(groups[each]), -number[groups[each]], groups[each]))


def _order(group: str) -> int:
    """What shares a costly beginning first, then what submits to a cluster, what needs Spark, and the rest."""
    if group in (_FINISHED, _FLIGHTS):
        return 0
    if "pytest.mark.cluster" in _text(group):
        return 1
    return 2 if "spark" in _text(group).lower() else 3


_FINISHED, _FLIGHTS = "finished", "flights"
_LOOKS_AT_FINISHED = re.compile("finished_|audited_project")
"""Named by a file that looks at the small project after its turns."""


@cache
def _group(file: str) -> str:
    if "flights_loop" in _text(file):
        return _FLIGHTS
    is_finished = file.startswith(("src/", "tests/laws/", "tests/misuse/")) or _LOOKS_AT_FINISHED.search(_text(file))
    return _FINISHED if is_finished else file


@cache
def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@pytest.hookimpl(tryfirst=True)  # before what fixtures would start
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip by its name what needs something that is not here."""
    for found, what, remedy in (each.args for each in item.iter_markers("needs")):
        if not found:
            skip_without(what, remedy)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List at the end what tests were skipped for."""
    missing = missing_lines(terminalreporter.stats)
    if missing:
        terminalreporter.section("missing on this machine (REQUIRE_ALL=1 makes each an error)")
        for line in missing:
            terminalreporter.line(line)


@pytest.fixture(autouse=True)
def _stores_are_copied() -> None:
    """Where a registry was imported, let it copy the stores that it makes; for the rest of the run."""
    registry: Any = sys.modules.get("lakeloop.registry.registry")
    if registry is not None:
        registry.make_store = copy_store


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
def flights_loop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Slice:
    """The loop on a small slice of the real flights, run once for all tests: a turn, and what it predicts later."""
    from tests.flights_slice import run_slice

    return run_slice(tmp_path_factory.mktemp("flights"))
