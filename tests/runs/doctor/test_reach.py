"""Machines that Spark is to run on are asked for a connection before Spark waits for them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from lakeloop.runs.doctor.finding import ok
from lakeloop.runs.doctor.reach import check_master_reached, check_server_reached, places_of
from lakeloop.statuses import CheckStatus


@pytest.fixture
def closed() -> Iterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@pytest.mark.parametrize(
    ("address", "places"),
    [
        ("spark://one:7078", [("one", 7078)]),
        ("spark://one,two:7", [("one", 7077), ("two", 7)]),
        ("spark://[::1]:7078", [("::1", 7078)]),
        ("spark://", []),
        ("local[*]", []),
        ("yarn", []),
    ],
)
def test_places_are_read_from_an_address(address: str, places: list[tuple[str, int]]) -> None:
    assert places_of(address, 7077) == places


def test_a_master_that_nobody_runs_fails_with_its_place(closed: int) -> None:
    finding = check_master_reached(f"spark://127.0.0.1:{closed}")
    assert finding is not None
    assert (finding.check, finding.status) == ("cluster", CheckStatus.FAIL)
    assert finding.found == f"127.0.0.1:{closed} takes no connection: Connection refused"


def test_one_of_two_masters_is_enough(closed: int, open_port: int) -> None:
    assert check_master_reached(f"spark://127.0.0.1:{closed},127.0.0.1:{open_port}") is None


def test_a_master_is_not_asked_for_where_a_server_is_named(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://host")
    assert check_master_reached(f"spark://127.0.0.1:{closed}") is None


def test_a_server_that_listens_is_reached(open_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{open_port}/;token=s3cret")
    assert check_server_reached() == ok("Connect", f"127.0.0.1:{open_port} takes connections")


def test_a_server_that_does_not_fails_without_the_token(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{closed}/;token=s3cret")
    finding = check_server_reached()
    assert (finding.status, finding.found) == (
        CheckStatus.FAIL,
        f"127.0.0.1:{closed} takes no connection: Connection refused",
    )
    assert "s3cret" not in str(finding)


@pytest.mark.parametrize(
    ("remote", "status"),
    [(None, CheckStatus.NOT_CHECKED), ("local[2]", CheckStatus.NOT_CHECKED), ("sc://", CheckStatus.FAIL)],
)
def test_what_is_no_server_is_told(remote: str | None, status: CheckStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    if remote is not None:
        monkeypatch.setenv("SPARK_REMOTE", remote)
    assert check_server_reached().status is status
