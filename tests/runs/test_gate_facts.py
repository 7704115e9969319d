"""What the gate is told of an artifact: loaded and scored by a fresh process, timed by this one. No Spark."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lakeloop.config.metric import Task
from lakeloop.errors import ConflictError
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.gate_facts import FRESH_ROWS, compare_scores, score_in_fresh_process, time_calls
from lakeloop.runs.load_and_score import ScoreRequest, answer, first_line, write_rows
from lakeloop.statuses import GateStatus
from lakeloop.training.fitting import predict_scores
from lakeloop.training.gate import GateFacts, LoadFacts
from lakeloop.training.gate.fact_checks import check_facts
from tests.runs.registered import ROWS, open_project, register
from tests.training.holdouts import declare_gate

Registered = tuple[Context, ModelVersion, Any]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Registered:
    context = open_project(tmp_path_factory.mktemp("registered"))
    version = register(context)
    return context, version, context.registry.load_pipeline(version)


@pytest.fixture
def tampered(registered: Registered) -> Iterator[None]:
    """One byte more in the file of the artifact, for as long as a test runs."""
    context = registered[0]
    (path,) = (context.config.workspace / "mlartifacts").rglob("model.skops")
    kept = path.with_suffix(".kept")
    shutil.copyfile(path, kept)
    path.write_bytes(path.read_bytes() + b" ")
    yield
    kept.replace(path)


def judged(facts: LoadFacts) -> GateStatus:
    return check_facts(declare_gate(), GateFacts(loading=facts))[2].status


def request_of(registered: Registered, rows: pd.DataFrame = ROWS, **changes: str) -> io.BytesIO:
    context, version, _ = registered
    config = context.config
    asked = {
        "tracking_uri": config.tracking_uri,
        "project": config.project.project,
        "artifact_root": str(config.workspace / "mlartifacts"),
        "model": version.model,
        "version": version.version,
        "run_key": version.run_key,
        "task": "classification",
    }
    return io.BytesIO(ScoreRequest(**asked | changes).line() + write_rows(rows))


def test_a_fresh_process_gives_the_same_scores(registered: Registered) -> None:
    context, version, pipeline = registered
    found = score_in_fresh_process(context, context.config.models["late"], version, pipeline, ROWS)
    assert found == LoadFacts(FRESH_ROWS, 0.0)
    assert judged(found) is GateStatus.PASS


def test_other_scores_than_those_of_this_process_fail(registered: Registered) -> None:
    scores = np.array(answer(request_of(registered))["scores"])
    assert judged(compare_scores(scores, scores)) is GateStatus.PASS
    assert judged(compare_scores(scores, scores + 1e-8)) is GateStatus.FAIL
    assert judged(compare_scores(scores, np.where(np.arange(len(scores)) == 3, np.nan, scores))) is GateStatus.FAIL
    assert judged(compare_scores(scores, scores[1:])) is GateStatus.FAIL


def test_no_rows_to_score_are_insufficient(registered: Registered) -> None:
    context, version, pipeline = registered
    found = score_in_fresh_process(context, context.config.models["late"], version, pipeline, ROWS.head(0))
    assert judged(found) is GateStatus.INSUFFICIENT


@pytest.mark.usefixtures("tampered")
def test_files_that_were_changed_are_not_loaded(registered: Registered) -> None:
    told = (
        "model late version 1: conflicts with what is recorded: checksum: its files are not those that were registered"
    )
    assert answer(request_of(registered)) == {"problem": told}
    context, version, _ = registered
    with pytest.raises(ConflictError):
        context.registry.load_pipeline(version)
    with pytest.raises(ConflictError):
        context.registry.input_types(version)


def test_a_version_that_is_another_or_gone_is_told(registered: Registered) -> None:
    assert "the registry has another one" in answer(request_of(registered, run_key="key-2"))["problem"]
    assert "does not have it" in answer(request_of(registered, version="9"))["problem"]


def test_an_artifact_that_raises_is_told_by_its_first_line_without_values(registered: Registered) -> None:
    problem = answer(request_of(registered, ROWS.assign(seats="seven")))["problem"]
    assert problem == "ValueError: could not convert string to float: (a value)"
    assert judged(LoadFacts(20, None, problem)) is GateStatus.FAIL


def test_a_quoted_name_that_is_no_value_stays() -> None:
    rows = pd.DataFrame({"origin": ["JFK", None]})
    assert first_line(KeyError("no 'origin' with 'JFK'"), rows) == "KeyError: \"no 'origin' with (a value)\""


def test_a_process_that_does_not_answer_is_given_up(registered: Registered) -> None:
    context, version, pipeline = registered
    found = score_in_fresh_process(context, context.config.models["late"], version, pipeline, ROWS, seconds=0.01)
    assert found.problem == "the fresh process had not answered after 0.01 seconds"


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("#!/bin/sh\necho 'ModuleNotFoundError: of JFK' >&2; exit 3", "ended with code 3: ModuleNotFoundError"),
        ("#!/bin/sh\ncat > /dev/null; echo nonsense", "ended with code 0: no output"),
        ("#!/bin/sh\ncat > /dev/null; echo '[1]'", "ended with code 0: no output"),
        (None, "no fresh process could be started"),
    ],
)
def test_a_process_that_dies_or_talks_nonsense_fails(
    registered: Registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, told: str
) -> None:
    python = tmp_path / "python"
    if program is not None:
        python.write_text(program, encoding="utf-8")
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    context, version, pipeline = registered
    found = score_in_fresh_process(context, context.config.models["late"], version, pipeline, ROWS)
    assert found.problem is not None
    assert told in found.problem
    assert "JFK" not in found.problem
    assert judged(found) is GateStatus.FAIL


def test_the_signature_names_the_inputs(registered: Registered) -> None:
    context, version, _ = registered
    assert context.registry.input_types(version) == {"items": "double", "seats": "double"}


def test_calls_are_timed_without_the_first(registered: Registered) -> None:
    _, _, pipeline = registered
    # Of one row: 19 calls of 2 ms and then 31 of 1 ms; of 200 rows, more than there are: 50 of 4 ms.
    lasting = iter([0.002] * 19 + [0.001] * 31 + [0.004] * 50)
    now, begins = 0.0, True

    def clock() -> float:
        nonlocal now, begins
        now += 0.0 if begins else next(lasting)
        begins = not begins
        return now

    found = time_calls(Task.CLASSIFICATION, pipeline, ROWS, 200, clock=clock)
    assert found is not None
    assert (found.rows, found.calls) == (200, 50)
    assert (found.p50_ms, found.p95_ms) == (pytest.approx(4), pytest.approx(4))
    assert (found.one_row_p50_ms, found.one_row_p95_ms) == (pytest.approx(1), pytest.approx(2))
    assert time_calls(Task.CLASSIFICATION, pipeline, ROWS.head(0), 1) is None


def test_calls_that_take_long_are_not_made_fifty_times(registered: Registered) -> None:
    _, _, pipeline = registered
    seconds = iter(range(0, 10_000, 6))
    found = time_calls(Task.CLASSIFICATION, pipeline, ROWS, 1, clock=lambda: float(next(seconds)))
    assert found is not None
    assert (found.calls, found.p95_ms) == (2, 6000)
    assert predict_scores(Task.CLASSIFICATION, pipeline, ROWS).shape == (len(ROWS),)
