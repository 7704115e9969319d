"""What the server's images run, run here: the same command on the same folders, where it may write as little."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lakeloop.online_store.sqlite import SqliteStore
from tests.deploy.dockerfile import DOCKERFILES, of, variables
from tests.permissions import bind_child
from tests.serving.factories import ROW, TABLES, fit_pipeline, make_store, publish, published

TOKEN = "a-token-nobody-knows"
BEARING = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with two publishes."""
    place = tmp_path / "workspace"
    for version in ("1", "2"):
        publish(place / "serving", fit_pipeline(seed=int(version)), version=version)
    store, memory = SqliteStore(place / "online.db", "shops"), make_store()
    for table in TABLES:
        store.stage(published(table), memory.rows[table.table].items())
    store.swap([published(table) for table in TABLES])
    store.close()
    (place / "request_log").mkdir()
    return place


def bake(workspace: Path, image: Path) -> None:
    """Do what Dockerfile.baked says."""
    shutil.copytree(workspace / "serving/late", image / "serving/late")
    shutil.copy(workspace / "online.db", image)
    (image / "request_log").mkdir()
    surroundings = {**os.environ, "PATH": path_of(image.parent), "MODEL": "late", "STORE": "online.db"}
    for command in of(DOCKERFILES["baked"], "RUN"):
        subprocess.run(["sh", "-c", command.replace("/workspace", str(image))], env=surroundings, check=True)


def path_of(place: Path) -> str:
    """Make the program that stands in the image's PATH."""
    program = place / "bin/lakeloop"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from lakeloop.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:{Path(sys.executable).parent}:{os.defpath}"


@contextmanager
def only_the_log_may_be_written(place: Path) -> Iterator[None]:
    found = [place, *place.rglob("*")]
    kept = [(each, each.stat().st_mode) for each in found if each != place / "request_log"]
    for path, mode in kept:
        path.chmod(mode & 0o555)
    try:
        yield
    finally:
        for path, mode in kept:
            path.chmod(mode)


@contextmanager
def running(place: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command of the image, on any free port, bound by permissions as its user is."""
    command = [
        each.replace("/workspace", str(place)).replace("--port 8000", "--port 0")
        for each in json.loads(of(DOCKERFILES["serving"], "CMD")[0])
    ]
    set_by_image = {**variables(DOCKERFILES["serving"]), **variables(DOCKERFILES["baked"])}
    named = {"MODEL": "late", "PROJECT": "shops", "STORE": "online.db"}
    for name, value in set_by_image.items():
        filled = re.sub(r"\$\{(\w+)\}", lambda found: named[found[1]], value)
        set_by_image[name] = filled.replace("/workspace", str(place))
    surroundings = {**os.environ, **set_by_image, "PATH": path_of(place.parent), "LAKELOOP_TOKEN": TOKEN}
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=surroundings, preexec_fn=bind_child, cwd=place
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r" at http://0\.0\.0\.0:(\d+)", line):
                yield process, found[1]
                return
        raise AssertionError("".join(said))
    finally:
        process.kill()
        process.communicate()


def ask(port: str, path: str, headers: dict[str, str] | None = None, body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
    connection.request("GET" if body is None else "POST", path, body, headers or {})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


@pytest.mark.parametrize("variant", ["mounted", "baked"])
def test_an_image_answers_where_only_its_request_log_can_be_written(workspace, tmp_path, variant):
    place = workspace
    if variant == "baked":
        place = tmp_path / "image"
        place.mkdir()
        bake(workspace, place)
    bundles = [each for each in (place / "serving/late").iterdir() if each.is_dir()]
    assert len(bundles) == (2 if variant == "mounted" else 1)
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*") if "request_log" not in path.parts}
    with only_the_log_may_be_written(place), running(place) as (process, port):
        assert ask(port, "/health")[0] == 200
        status, ready = ask(port, "/ready")
        assert (status, json.loads(ready)["status"]) == (200, "ready"), ready
        assert [ask(port, path)[0] for path in ("/metrics", "/docs")] == [401, 401]
        assert [ask(port, path, BEARING)[0] for path in ("/metrics", "/docs")] == [200, 200]
        headers = {**BEARING, "Content-Type": "application/json"}
        status, answer = ask(port, "/predict", headers, json.dumps({"rows": [ROW]}))
        assert (status, json.loads(answer)["version"]) == (200, "2"), answer
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert [pq.read_table(each).num_rows for each in (place / "request_log/late").glob("*.parquet")] == [1]
    after = {path: path.stat().st_mtime_ns for path in place.rglob("*") if "request_log" not in path.parts}
    assert after == before
