"""A server as a process: what it imports, how it starts, stops and takes a new bundle while requests run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

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
            if found := re.search(r" at (http://\S+)", line):
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


class Askers:
    """Threads that ask without a pause, each request over a connection of its own, until they are told to stop."""

    def __init__(self, address: str, count: int) -> None:
        self.address = address
        self.answers: list[Any] = []
        self.refused = 0
        self.is_over = False
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self.is_over:
            try:
                with httpx.Client() as client:
                    self.answers.append(client.post(f"{self.address}/predict", json={"rows": [ROW]}, timeout=20))
            except httpx.ConnectError:  # never taken: the listening socket is closed
                self.refused += 1
                time.sleep(0.01)

    def stop(self) -> None:
        self.is_over = True
        for thread in self._threads:
            thread.join()


def test_sigterm_drops_no_request_that_runs_and_the_log_is_written(place):
    with running(place, "--log", str(place / "log"), "--log-every", "600", "--grace", "20") as (process, address):
        large = json.dumps({"rows": [ROW] * 1000})
        slow: list[Any] = []

        def ask_much() -> None:
            headers = {"content-type": "application/json"}
            slow.append(httpx.post(f"{address}/predict", content=large, headers=headers, timeout=30))

        assert httpx.post(f"{address}/predict", json={"rows": [ROW]}).status_code == 200
        threads = [threading.Thread(target=ask_much) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.15)  # they are taken, and run
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert process.wait(30) == 0
    assert [each.status_code for each in slow] == [200] * 4
    rows = sum(pq.read_table(each).num_rows for each in (place / "log").glob("*.parquet"))
    assert rows == 4001


def test_a_new_bundle_under_load_drops_nothing(place):
    with running(place, "--reload-every", "0.2") as (process, address):
        askers = Askers(address, 4)
        time.sleep(0.5)
        publish(place, fit_pipeline(seed=3), version="2")
        until = time.monotonic() + 30
        while time.monotonic() < until and not (askers.answers and askers.answers[-1].json()["version"] == "2"):
            time.sleep(0.05)
        time.sleep(0.3)
        askers.stop()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert {each.status_code for each in askers.answers} == {200}
    assert askers.refused == 0
    assert {each.json()["version"] for each in askers.answers} == {"1", "2"}


def test_sigterm_under_load_answers_whatever_was_taken(place):
    with running(place) as (process, address):
        askers = Askers(address, 4)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        askers.stop()
    assert {each.status_code for each in askers.answers} == {200}
    assert len(askers.answers) > 4
    assert askers.refused > 0


def test_a_token_is_asked_for_and_stands_in_no_output(place):
    with running(place, "--host", "0.0.0.0", LAKELOOP_TOKEN=TOKEN) as (process, address):
        here = address.replace("0.0.0.0", "127.0.0.1")
        assert httpx.post(f"{here}/predict", json={"rows": [ROW]}).status_code == 401
        headers = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.post(f"{here}/predict", json={"rows": [ROW]}, headers=headers).status_code == 200
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]
    assert TOKEN not in (said or "")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("options", "variables", "code", "said"),
    [
        (["--host", "0.0.0.0"], {}, 2, "--host: got 0.0.0.0, without a token"),
        ([], {"LAKELOOP_TOKEN": "short"}, 2, "LAKELOOP_TOKEN: got a text that is no token (not shown)"),
        (["--bundle", "/nowhere"], {}, 5, "remedy: run `lakeloop publish`"),
        (["--store", "ftp://cache"], {}, 7, "'ftp' is known to no store"),
    ],
)
def test_what_cannot_be_served_is_told_at_once(place, options, variables, code, said):
    surroundings = {**os.environ, **variables}
    done = subprocess.run(command(place, *options), capture_output=True, text=True, env=surroundings, timeout=60)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told(place):
    with running(place) as (_, address):
        port = address.rpartition(":")[2]
        done = subprocess.run(command(place, "--port", port), capture_output=True, text=True, timeout=60)
    assert done.returncode == 7
    assert "name another --host or --port" in done.stderr
