"""A server as a process: what it imports, how it starts, stops and takes a new bundle while requests run."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lakeloop.cli import main
from lakeloop.errors import EnvironmentProblemError
from lakeloop.online_store.sqlite import SqliteStore
from tests.serving.factories import ROW, TABLES, fit_pipeline, make_store, publish, published

REPLAY = ["--as-of", "2024-02-04T00:00:00Z"]
TOKEN = "a-token-nobody-knows"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A bundle and a store that were published."""
    publish(tmp_path, fit_pipeline())
    store, memory = SqliteStore(tmp_path / "online.db", "shops"), make_store()
    for table in TABLES:
        store.stage(published(table), memory.rows[table.table].items())
    store.swap([published(table) for table in TABLES])
    store.close()
    return tmp_path


def command(place: Path, *options: str) -> list[str]:
    named = ["--bundle", str(place / "late"), "--store", f"sqlite:///{place / 'online.db'}", "--store-project", "shops"]
    call = "from lakeloop.cli import main; main()"
    return [sys.executable, "-c", call, "serve", "late", *named, "--port", "0", *REPLAY, *options]


@contextmanager
def running(place: Path, *options: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server, and its address once it takes connections."""
    surroundings = {**os.environ, **variables}
    process = subprocess.Popen(command(place, *options), stderr=subprocess.PIPE, text=True, env=surroundings)
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r" at http://(\S+)", line):
                yield process, found.group(1)
                return
        raise AssertionError("".join(lines))
    finally:
        process.kill()
        process.communicate()


def test_a_server_needs_neither_spark_nor_delta_nor_mlflow(place):
    code = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from lakeloop.serving.app import make_serving
from lakeloop.serving.server import run_server
from lakeloop.online_store.opening import open_store
store = open_store(f"sqlite:///{sys.argv[1]}/online.db", "shops", read_only=True, timeout_seconds=1)
make_serving(Path(sys.argv[1]) / "late", store, clock=lambda: datetime.now(UTC), is_remote=False)
heavy = {"pyspark", "py4j", "delta", "deltalake", "mlflow", "optuna", "polars", "matplotlib", "great_expectations"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


HEADERS = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
BODY = json.dumps({"rows": [ROW]})


def ask(
    address: str, path: str = "/predict", headers: dict[str, str] = HEADERS, method: str = "POST"
) -> tuple[int, str]:
    """Ask over a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request(method, path, BODY if method == "POST" else None, headers)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


class Askers:
    """Threads that ask without a pause until they are told to stop."""

    def __init__(self, address: str, count: int) -> None:
        self.address = address
        self.answers: list[tuple[int, str]] = []
        self.not_taken = 0
        self.is_over = False
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self.is_over:
            try:
                self.answers.append(ask(self.address))
            except ConnectionError:  # refused, or closed in the kernel's queue: the server never had it
                self.not_taken += 1
                time.sleep(0.01)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.02)

    def stop(self) -> None:
        self.is_over = True
        for thread in self._threads:
            thread.join()


def test_sigterm_drops_no_request_that_runs_and_the_log_is_written(place):
    with running(place, "--log", str(place / "log"), "--log-every", "600", "--grace", "60") as (process, address):
        assert ask(address)[0] == 200
        body = json.dumps({"rows": [ROW] * 100}).encode()
        head = f"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        host, _, port = address.partition(":")
        clients = [socket.create_connection((host, int(port)), timeout=60) for _ in range(4)]
        for each in clients:
            each.sendall(head.encode() + b"\r\n\r\n" + body[:500])
        until = time.monotonic() + 60
        while "lakeloop_requests_running 5.0" not in ask(address, "/metrics", method="GET")[1]:  # and this one
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        while True:  # until nobody is let in any more
            try:
                ask(address, "/health", method="GET")
                time.sleep(0.02)
            except ConnectionError:
                break
        for each in clients:
            each.sendall(body[500:])
        answers = [http.client.HTTPResponse(each) for each in clients]
        for each in answers:
            each.begin()
        rows = [len(json.loads(each.read())["predictions"]) for each in answers]
        for client in clients:
            client.close()
        assert process.wait(60) == 0
    assert [each.status for each in answers] == [200] * 4
    assert rows == [100] * 4
    assert sum(pq.read_table(each).num_rows for each in (place / "log").glob("*.parquet")) == 401


def test_a_new_bundle_and_a_stop_under_load_drop_nothing_that_was_taken(place):
    options = ["--reload-every", "0.2", "--host", "0.0.0.0"]
    with running(place, *options, LAKELOOP_TOKEN=TOKEN) as (process, address):
        here = address.replace("0.0.0.0", "127.0.0.1")
        assert ask(here, headers={"content-type": "application/json"})[0] == 401
        askers = Askers(here, 4)
        askers.wait_for(lambda: len(askers.answers) > 20)
        publish(place, fit_pipeline(seed=3), version="2")
        askers.wait_for(lambda: '"version":"2"' in askers.answers[-1][1])
        assert askers.not_taken == 0
        before = len(askers.answers)
        askers.wait_for(lambda: len(askers.answers) > before + 20)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
        askers.stop()
    assert process.returncode == 0
    assert {status for status, _ in askers.answers} == {200}
    assert {json.loads(body)["version"] for _, body in askers.answers} == {"1", "2"}
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("options", "token", "code", "said"),
    [
        (["--host", "0.0.0.0"], None, 2, "--host: got 0.0.0.0, without a token"),
        ([], "short", 2, "LAKELOOP_TOKEN: got a text that is no token (not shown)"),
        (["--bundle", "/nowhere"], None, 5, "remedy: run `lakeloop publish`"),
        (["--store", "ftp://cache"], None, 7, "'ftp' is known to no store"),
        (["--port", "TAKEN"], None, 7, "name another --host or --port"),
        (["--as-of", "2190-01-01"], None, 2, "in the future"),
        (["--as-of", "yesterday"], None, 2, "--as-of: got 'yesterday'"),
    ],
)
def test_what_cannot_be_served_is_told_at_once(place, monkeypatch, capsys, options, token, code, said):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = command(place, *(port if each == "TAKEN" else each for each in options))[3:]
        if token is not None:
            monkeypatch.setenv("LAKELOOP_TOKEN", token)
        with pytest.raises(SystemExit) as ended, warnings.catch_warnings():
            main(given)
    told = capsys.readouterr().err
    assert (ended.value.code, said in told) == (code, True), told
    assert "Traceback" not in told


def without_store(place: Path) -> list[str]:
    given = command(place)[3:]
    at = given.index("--store")
    return given[:at] + given[at + 2 :]


def test_a_store_s_address_may_come_from_the_environment(place, monkeypatch, capsys):
    opened: list[str] = []

    def open_none(address: str, *_: object, **__: object) -> None:
        opened.append(address)
        raise EnvironmentProblemError("the store", [], "none")

    monkeypatch.setattr("lakeloop.online_store.opening.open_store", open_none)
    monkeypatch.setenv("LAKELOOP_STORE", "redis://:hunter22@cache:6379/0")
    for given in (without_store(place), command(place)[3:]):  # what is named on the command line counts before it
        with pytest.raises(SystemExit), warnings.catch_warnings():
            main(given)
    assert opened == ["redis://:hunter22@cache:6379/0", f"sqlite:///{place / 'online.db'}"]
    said = capsys.readouterr()
    assert "hunter22" not in said.out + said.err


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("hunter22", 2),
        ("", 2),
        ("redis://:hunter22/x@127.0.0.1:1/0", 2),
        ("redis://:%68unter22@127.0.0.1:hunter22/0", 2),
        ("redis://127.0.0.1:1/0?password=hunter22", 7),
    ],
)
def test_the_environment_s_store_is_never_printed(place, monkeypatch, capsys, address, code):
    monkeypatch.setenv("LAKELOOP_STORE", address)
    monkeypatch.setattr("lakeloop.serving.app.make_serving", lambda _, store, **__: store.manifest())
    with pytest.raises(SystemExit) as ended, warnings.catch_warnings():
        main(without_store(place))
    said = capsys.readouterr()
    assert ended.value.code == code, said.err
    assert "hunter22" not in said.out + said.err
    assert code != 2 or "LAKELOOP_STORE: got a text that is no address (not shown)" in said.err


def test_a_project_s_server_asks_no_variable_for_its_store(place, monkeypatch, capsys):
    """The store of a project is the one that project.yml declares."""
    monkeypatch.setenv("LAKELOOP_STORE", "hunter22")
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit), warnings.catch_warnings():
        main(["serve", "late"])
    assert "LAKELOOP_STORE" not in capsys.readouterr().err


def test_missing_packages_are_named_with_what_brings_them(place, monkeypatch, capsys):
    monkeypatch.setattr("lakeloop.cli.serve.find_spec", lambda name: None if name == "fastapi" else name)
    with pytest.raises(SystemExit) as ended, warnings.catch_warnings():
        main(command(place)[3:])
    assert ended.value.code == 7
    told = capsys.readouterr().err
    assert "fastapi: the package is not installed\n  remedy: pip install 'lakeloop[serve]'" in told


def test_another_model_s_bundle_is_refused(place, capsys):
    given = ["early" if each == "late" else each for each in command(place)[3:]]
    with pytest.raises(SystemExit) as ended, warnings.catch_warnings():
        main(given)
    assert ended.value.code == 2
    assert "MODEL: got 'early'; allowed: 'late', whose bundle it is" in capsys.readouterr().err
