"""Workspace and tracking store, on real folders, files and a server of this machine."""

from __future__ import annotations

import http.server
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.config.tree import Config
from lakeloop.runs.doctor.project import check_tracking, check_workspace
from lakeloop.statuses import CheckStatus
from tests.config.small_project import write_project


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_project(tmp_path / "project"), None)


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, int]]]:
    """A server that answers `/health` with what it is told to; gives its address without a scheme."""
    answer = {"/health": 200}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{running.server_port}", answer
        running.shutdown()
        thread.join()


def test_a_workspace_that_is_not_there_yet_is_asked_for_above_and_not_made(config: Config) -> None:
    finding = check_workspace(config)
    assert (finding.status, finding.found.endswith("which the first run makes")) == (CheckStatus.OK, True)
    assert not config.workspace.exists()


def test_a_workspace_is_left_as_it_was(config: Config) -> None:
    config.workspace.mkdir()
    assert check_workspace(config).status is CheckStatus.OK
    assert list(config.workspace.iterdir()) == []


def test_a_workspace_that_is_a_file_fails(config: Config) -> None:
    config.workspace.write_text("")
    finding = check_workspace(config)
    assert (finding.status, finding.found) == (CheckStatus.FAIL, f"{config.workspace} is no folder")


@pytest.mark.parametrize("step", ["create", "lock", "rename"])
def test_a_step_that_is_refused_is_named(config: Config, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    targets = {"create": "tempfile.mkdtemp", "lock": "filelock.FileLock.acquire", "rename": "pathlib.Path.rename"}
    monkeypatch.setattr(targets[step], refuse)
    finding = check_workspace(config)
    assert (finding.status, finding.found) == (
        CheckStatus.FAIL,
        f"{config.root}: cannot {step}: Permission denied",
    )
    assert not list(config.root.glob(".lakeloop-doctor-*"))


def test_a_database_in_a_file_is_read_and_a_broken_one_fails(tmp_path: Path) -> None:
    file = tmp_path / "ml flow.db"
    assert check_tracking(f"sqlite:///{file}").status is CheckStatus.OK  # not there yet
    assert not file.exists()
    with sqlite3.connect(file) as store:
        store.execute("CREATE TABLE runs (id TEXT)")
    store.close()
    assert check_tracking(f"sqlite:///{file}").status is CheckStatus.OK
    file.write_text("no database at all")
    finding = check_tracking(f"sqlite:///{file}")
    assert (finding.status, finding.found) == (CheckStatus.FAIL, f"{file}: file is not a database")


@pytest.mark.parametrize(
    ("code", "status"), [(200, CheckStatus.OK), (401, CheckStatus.OK), (404, CheckStatus.WARN), (500, CheckStatus.WARN)]
)
def test_a_server_is_asked_and_no_password_told(
    server: tuple[str, dict[str, int]], code: int, status: CheckStatus
) -> None:
    place, answer = server
    answer["/health"] = code
    finding = check_tracking(f"http://me:s3cret@{place}?token=s3cret")
    assert (finding.status, finding.found.startswith(f"http://{place} answers")) == (status, True)
    assert "s3cret" not in str(finding)


@pytest.mark.parametrize("kind", ["http", "postgresql+psycopg2", "mysql"])
def test_nobody_at_the_address_fails_without_the_password(kind: str) -> None:
    with socket.socket() as taken:  # bound and not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        finding = check_tracking(f"{kind}://me:s3cret@127.0.0.1:{taken.getsockname()[1]}/db")
    assert (finding.status, "s3cret" in str(finding)) == (CheckStatus.FAIL, False)
    assert "refused" in finding.found


def test_a_database_that_takes_connections_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert check_tracking(f"postgresql://me:s3cret@127.0.0.1:{port}/db").found == (
            f"postgresql at 127.0.0.1:{port} takes connections"
        )


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("databricks", CheckStatus.NOT_CHECKED),
        ("databricks://profile", CheckStatus.NOT_CHECKED),
        ("file:///runs", CheckStatus.WARN),
        ("http://[half", CheckStatus.FAIL),
    ],
)
def test_other_addresses(address: str, status: CheckStatus) -> None:
    assert check_tracking(address).status is status
