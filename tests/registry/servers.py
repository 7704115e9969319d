"""A real PostgreSQL and a real tracking server, each in a folder of its own, for as long as a test needs them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.outside import skip_without

_SECONDS = 120


def find_program(name: str) -> str:
    """Find a program of PostgreSQL on the path or where distributions put it; skip the test without it."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = next((str(each / name) for each in places if (each / name).exists()), shutil.which(name))
    if found is None:
        skip_without(f"{name} of PostgreSQL", "install the distribution's package postgresql")
    return found


def _unprivileged() -> dict[str, int]:
    """PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    user = next((each for each in pwd.getpwall() if each.pw_name in ("postgres", "nobody")), None)
    if user is None:
        skip_without("a user but root to run PostgreSQL", "run the tests as another user")
    return {"user": user.pw_uid, "group": user.pw_gid}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def postgresql() -> Iterator[str]:
    """Start PostgreSQL on loopback; yields the address of its database."""
    initdb, postgres, identity = find_program("initdb"), find_program("postgres"), _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="lakeloop-postgresql-"))  # a folder of pytest is its user's alone
    try:
        yield from _served(folder, initdb, postgres, identity)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _served(folder: Path, initdb: str, postgres: str, identity: dict[str, int]) -> Iterator[str]:
    data, log, port = folder / "data", folder / "log", free_port()
    data.mkdir()
    if identity:
        for each in (folder, data):
            os.chown(each, identity["user"], identity["group"])
    made = [initdb, "-D", str(data), "-U", "lakeloop", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"]
    subprocess.run(made, check=True, capture_output=True, cwd="/", **identity)
    command = [postgres, "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
    with log.open("wb") as said:
        server = subprocess.Popen(command, stdout=said, stderr=said, cwd="/", **identity)
    try:
        _wait_for_port(server, port, log)
        yield f"postgresql+psycopg2://lakeloop@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(60)


class TrackingServer:
    """MLflow's server on a store, at a port of its own; it can be ended and started again.

    Args:
        folder: Where it keeps artifacts and its log.
        store: Address of its database.
    """

    def __init__(self, folder: Path, store: str) -> None:
        self._folder, self._store, self._port = folder, store, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self._folder / "mlflow.log"
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self._store, "--workers", "1"]
        command += ["--artifacts-destination", str(self._folder / "artifacts")]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        with log.open("ab") as said:
            self._process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        _wait_for_port(self._process, self._port, log)
        _wait_for_health(self.address)

    def stop(self) -> None:
        """End it with its workers; nothing listens afterwards."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(60)
        self._process = None
        until = time.monotonic() + _SECONDS
        while _listens(self._port):
            assert time.monotonic() < until, "a worker of the tracking server does not end"
            time.sleep(0.1)


@contextmanager
def running_server(folder: Path, store: str) -> Iterator[TrackingServer]:
    """Start MLflow's server on a store; it is ended afterwards."""
    server = TrackingServer(folder, store)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def tracking_server(folder: Path, store: str) -> Iterator[str]:
    """Start MLflow's server on a store; yields its address."""
    with running_server(folder, store) as server:
        yield server.address


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _wait_for_port(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text(errors="replace")[-2000:]
        if _listens(port):
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace")[-2000:])


def _wait_for_health(address: str) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
