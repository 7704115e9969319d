"""The whole loop over Spark Connect: every verb against a server gives what it gives in a classic session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakeloop.config import Config
from tests.laws.compare import announced, assert_same_models, assert_same_rows, rows, tables
from tests.laws.every_verb import LATER, VERBS
from tests.laws.small_loop import TURNS, land, write_project
from tests.runs.connect_server import ROOT, client_environment, running_server

pytestmark = [pytest.mark.loop, pytest.mark.slow]

JOBS_AT = datetime(2024, 2, 14, tzinfo=UTC)

_TIMES_AND_PLACES = frozenset({"seconds", "report", "data_docs", "page", "run_id", "tracking_uri", "bundle_id"})
"""What an answer says of when and where it was made; a bundle's id is a hash of files that name their run."""

_MADE_AGAIN = {"ops/publishes": ("bundle_id",)}


@dataclass(frozen=True)
class Ran:
    """A project on which every verb was called.

    Attributes:
        config: The project.
        said: What each verb answered.
    """

    config: Config
    said: list[dict[str, Any]]


def _run(config: Config, environment: dict[str, str]) -> Ran:
    log = config.root / "said.jsonl"
    with log.open("wb") as out, (config.root / "errors.txt").open("wb") as errors:
        command = [sys.executable, "-m", "tests.laws.every_verb", str(config.root)]
        done = subprocess.run(command, env=environment, cwd=ROOT, stdout=out, stderr=errors, timeout=3000)
    assert done.returncode == 0, (config.root / "errors.txt").read_text(encoding="utf-8")[-3000:]
    return Ran(config, [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()])


def _project(root: Path) -> Config:
    config = write_project(root)
    land(config, TURNS[0])
    return config


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("connect")) as address:
        yield address


@pytest.fixture(scope="module")
def remote(server: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return _run(_project(tmp_path_factory.mktemp("remote")), client_environment(server))


@pytest.fixture(scope="module")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    return _run(_project(tmp_path_factory.mktemp("classic")), {**os.environ, "PYTHONPATH": path})


def test_every_verb_ends_over_connect_as_it_is_to_end(remote: Ran) -> None:
    ended = [(tuple(each["verb"]), each["exit_code"]) for each in remote.said]
    assert ended == list(VERBS)


def test_every_verb_answers_over_connect_what_it_answers_in_a_classic_session(remote: Ran, classic: Ran) -> None:
    for there, here in zip(remote.said, classic.said, strict=True):
        left_out = (
            _TIMES_AND_PLACES if "--as-of" in there["verb"] else _TIMES_AND_PLACES | {"as_of"}
        )  # then the clock's
        assert _plain(there["answer"], left_out) == _plain(here["answer"], left_out), there["verb"]


def test_the_tables_models_and_announcements_are_equal(remote: Ran, classic: Ran) -> None:
    assert tables(remote.config) == tables(classic.config)
    for table in tables(remote.config):
        here, there = (_rows(each.config, table) for each in (classic, remote))
        assert_same_rows(here, there, table)
    assert_same_models(classic.config, remote.config)
    assert announced(classic.config) == announced(remote.config)


def test_nothing_that_was_handed_over_or_written_aside_is_left(remote: Ran) -> None:
    workspace = remote.config.workspace
    assert list(workspace.glob("checkpoints/**/handed")) == []
    assert list(workspace.glob(".staged*")) + list(workspace.glob(".seen_by_both*")) == []


def test_every_job_runs_over_connect(remote: Ran, server: str) -> None:
    land(remote.config, JOBS_AT, after=datetime.fromisoformat(LATER))
    command = [sys.executable, "-m", "tests.laws.every_job", str(remote.config.root), JOBS_AT.isoformat(), LATER]
    done = subprocess.run(command, env=client_environment(server), cwd=ROOT, capture_output=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:].decode()
    said = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert {each["job"] for each in said} == {path.stem for path in (ROOT / "jobs").glob("*.py")}
    codes = {each["job"]: each["exit_code"] for each in said}
    assert codes == dict.fromkeys(codes, 0), [each for each in said if each["exit_code"]]


def _rows(config: Config, table: str) -> list[dict[str, Any]]:
    left_out = _MADE_AGAIN.get(table, ())
    return [{key: value for key, value in row.items() if key not in left_out} for row in rows(config, table)]


def _plain(said: Any, left_out: frozenset[str]) -> Any:
    """An answer without times and places; numbers as far as partitions do not matter."""
    if isinstance(said, dict):
        return {key: _plain(each, left_out) for key, each in said.items() if key not in left_out}
    if isinstance(said, list):
        return [_plain(each, left_out) for each in said]
    return pytest.approx(said, rel=1e-9, abs=1e-12) if isinstance(said, float) else said
