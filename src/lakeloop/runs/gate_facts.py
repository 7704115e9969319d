"""What the gate is told of the world around the scores: inputs, leakage audit, a fresh process, the clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lakeloop.config.columns import input_columns, resolve_features
from lakeloop.config.grid_references import MADE
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.audit import audit_training_set
from lakeloop.runs.context import Context
from lakeloop.runs.load_and_score import ScoreRequest, write_rows
from lakeloop.runs.recalibration_rows import read_example
from lakeloop.runs.training_set import TrainingSet
from lakeloop.statuses import GateStatus
from lakeloop.training.fitting import predict_scores
from lakeloop.training.gate import AuditFacts, GateFacts, InputFacts, LatencyFacts, LoadFacts

FRESH_ROWS = 20
"""Rows that a fresh process scores: the first of the pinned holdout, by their ids."""

FRESH_SECONDS = 300
"""Seconds after which a fresh process is given up; it takes a few, most of them to import MLflow."""

_CALLS = 50
_MOST_SECONDS = 10.0
"""Seconds of timing after which no further call is begun."""
_PREDICTION_TS = "prediction_ts"


def find_facts(
    context: Context,
    model: Model,
    version: ModelVersion,
    training_set: TrainingSet,
    pipeline: Any,
    frame: pd.DataFrame,
) -> GateFacts:
    """Look at everything the gate asks for beside the scores.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The challenger.
        training_set: What it was trained on.
        pipeline: The challenger as the registry gave it to this process.
        frame: Rows of the holdout, as the pipeline takes them.

    Returns:
        What was found; what the gate does not ask for is None.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> from lakeloop.runs.training_data import read_training_data
    >>> from lakeloop.runs.training_set import find_training_set
    >>> model, pinned = context.config.models["late"], find_training_set(context, "late")
    >>> newest = read_promotions(context, "late")[-1]
    >>> version = context.registry.get_version("late", newest.version, newest.run_key)
    >>> frame = read_training_data(context, model, pinned).frame
    >>> facts = find_facts(context, model, version, pinned, context.registry.load_pipeline(version), frame)
    >>> facts.inputs.columns["items"], facts.audit, facts.latency
    ('int', None, None)
    """
    gate = model.gate
    return GateFacts(
        inputs=_find_inputs(context, model, version),
        audit=_find_audit(context, training_set.training_set_id) if gate.leakage_audit else None,
        loading=score_in_fresh_process(context, model, version, pipeline, frame) if gate.fresh_process else None,
        latency=_find_latency(model, pipeline, frame),
    )


def find_correction_facts(context: Context, model: Model, version: ModelVersion, set_id: str) -> GateFacts:
    """Look at everything the gate asks for of a version that was made by correcting another's scores.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The corrected version.
        set_id: Training set of its parent, whose fitted steps it shares.

    Returns:
        What was found; what the gate does not ask for is None.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> newest = read_promotions(context, "late")[-1]
    >>> version = context.registry.get_version("late", newest.version, newest.run_key)
    >>> found = find_correction_facts(context, context.config.models["late"], version, newest.training_set_id)
    >>> found.inputs.columns["items"], found.loading is None  # the model's gate asks for no fresh process
    ('int', True)
    """
    gate = model.gate
    example, pipeline = read_example(context, model), context.registry.load_pipeline(version)
    return GateFacts(
        inputs=_find_inputs(context, model, version),
        audit=_find_audit(context, set_id) if gate.leakage_audit else None,
        loading=score_in_fresh_process(context, model, version, pipeline, example) if gate.fresh_process else None,
        latency=_find_latency(model, pipeline, example),
    )


def _find_inputs(context: Context, model: Model, version: ModelVersion) -> InputFacts:
    """Find the columns that a version's inputs are read from, in the gold tables and the spine's source as they are.

    Args:
        context: Project and lake.
        model: The model's declaration.
        version: The version.

    Returns:
        Its signature, and the type of each column; None for one that is in no table.
    """
    columns: dict[str, str | None] = {}
    spine = _types(context, "bronze", model.predict.from_)
    wanted = {each.column: each for each in resolve_features(context.config, model)}
    gold = {each.table: _types(context, "gold", each.table) for each in wanted.values()}
    for name in input_columns(context.config, model):
        if model.predict.every is not None and name in MADE:
            columns[name] = "timestamp" if spine else None
        elif name in wanted:
            columns[name] = gold[wanted[name].table].get(wanted[name].feature)
        else:
            columns[name] = "timestamp" if name == _PREDICTION_TS and spine else spine.get(name)
    return InputFacts(context.registry.input_types(version), columns)


def _types(context: Context, layer: str, name: str) -> dict[str, str]:
    address = context.lake.address(layer, name)
    if not context.lake.exists(address):
        return {}
    return {field.name: field.dataType.simpleString() for field in context.lake.columns(address).fields}


def _find_audit(context: Context, set_id: str) -> AuditFacts | None:
    """Audit the training set, or take what its audit found before.

    Args:
        context: Project and lake.
        set_id: The training set.

    Returns:
        What was found.
    """
    result = audit_training_set(context, set_id)
    failed, unjudged = (
        tuple(each.name for each in result.findings if each.status is status)
        for status in (GateStatus.FAIL, GateStatus.INSUFFICIENT)
    )
    return AuditFacts(failed, unjudged, result.checks)


def _find_latency(model: Model, pipeline: Any, frame: pd.DataFrame) -> LatencyFacts | None:
    asked = model.gate.latency
    if asked is None:
        return None
    return time_calls(model.task, pipeline, frame, asked.rows, len(model.label.classes))


def score_in_fresh_process(
    context: Context,
    model: Model,
    version: ModelVersion,
    pipeline: Any,
    frame: pd.DataFrame,
    *,
    seconds: float = FRESH_SECONDS,
) -> LoadFacts:
    """Let a fresh process load the version by the registry and score rows, and compare with the scores made here.

    Args:
        context: Project and registry.
        model: The model's declaration.
        version: The version.
        pipeline: The version as it was loaded in this process.
        frame: Rows as the pipeline takes them; the first `FRESH_ROWS` are scored.
        seconds: After which the process is given up.

    Returns:
        How it fared; a failure is told by its first line.

    >>> from lakeloop.model_versions import ModelVersion
    >>> version = ModelVersion("late", "1", "run", "key", {})
    >>> score_in_fresh_process(context, shops.models["late"], version, None, pd.DataFrame())  # nothing to score
    LoadFacts(rows=0, largest_difference=None, problem=None)
    """
    rows = frame.head(FRESH_ROWS)  # bounded: of rows that are here already
    if not len(rows):
        return LoadFacts(0, None)
    request = ScoreRequest(
        context.config.tracking_uri,
        context.config.project.project,
        str(context.config.workspace / "mlartifacts"),
        model.model,
        version.version,
        version.run_key,
        model.task.value,
        context.config.project.registry.model_dump(mode="json", by_alias=True),
        len(model.label.classes),
    )
    context.progress(f"gate {model.model}: loading version {version.version} in a fresh process")
    try:
        ours = predict_scores(model.task, pipeline, rows, len(model.label.classes))
        theirs = np.array(_ask(request.line() + write_rows(rows), seconds), dtype=np.float64)
    except _FreshProcessError as failure:
        return LoadFacts(len(rows), None, str(failure))
    return compare_scores(ours, theirs)


class _FreshProcessError(Exception):
    """What a fresh process could not do, in a line."""


def _ask(request: bytes, seconds: float) -> list[Any]:
    # The path of this process is the other's, so that it finds the same code where it was not installed but sent along.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    command = [sys.executable, "-m", "lakeloop.runs.load_and_score"]
    try:
        done = subprocess.run(  # noqa: S603 - this very program
            command, input=request, capture_output=True, timeout=seconds, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise _FreshProcessError(f"the fresh process had not answered after {seconds:g} seconds") from None
    except OSError as failure:
        raise _FreshProcessError(f"no fresh process could be started: {failure.strerror}") from failure
    lines = done.stdout.decode(errors="replace").splitlines()
    try:
        found = json.loads(lines[-1])
        problem = found.get("problem")
        scores: list[Any] | None = (
            None if problem is not None else np.asarray(found["scores"], dtype=np.float64).tolist()
        )
    except (IndexError, KeyError, TypeError, ValueError, AttributeError):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        kind = said[-1].partition(":")[0] if said else "no output"
        problem, scores = f"the fresh process ended with code {done.returncode}: {kind}", None
    if scores is None:
        raise _FreshProcessError(str(problem))
    return scores


def compare_scores(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> LoadFacts:
    """Compare the scores of two processes.

    Args:
        ours: Scores made in this process, shape (n_rows,); of several classes shape (n_rows, n_classes).
        theirs: Scores of the same rows made in the other one.

    Returns:
        The greatest distance; a problem where they are not as many, or one is no number.

    >>> compare_scores(np.array([0.5, 0.25]), np.array([0.5, 0.75])).largest_difference
    0.5
    >>> compare_scores(np.array([0.5]), np.array([np.nan])).problem
    '1 of 1 scores of the fresh process are no numbers'
    >>> compare_scores(np.array([0.5]), np.array([])).problem
    'the fresh process gave 0 scores for 1 rows'
    """
    if ours.shape != theirs.shape:
        several = f" over {ours.shape[1]} classes" if ours.ndim > 1 else ""
        told = f"the fresh process gave {theirs.size} scores for {len(ours)} rows{several}"
        return LoadFacts(len(ours), None, told)
    bad = int(np.count_nonzero(~np.isfinite(theirs)))
    if bad:
        return LoadFacts(len(ours), None, f"{bad} of {theirs.size} scores of the fresh process are no numbers")
    # Sums in another order differ in the last digit: rounded, the evidence of the same training is the same.
    return LoadFacts(len(ours), round(float(np.abs(ours - theirs).max()), 12) if ours.size else None)


def time_calls(
    task: Task,
    pipeline: Any,
    frame: pd.DataFrame,
    rows: int,
    classes: int = 0,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> LatencyFacts | None:
    """Time calls of the loaded pipeline, with one row and with as many as are asked for.

    Args:
        task: Kind of label.
        pipeline: The pipeline.
        frame: Rows as it takes them; they are repeated where they are too few.
        rows: Rows of a call.
        classes: Number of declared classes of a multiclass label.
        clock: Seconds that pass.

    Returns:
        Percentiles of the calls, the first one left out because it pays for what later ones find ready; None without
        rows.

    >>> from sklearn.dummy import DummyRegressor
    >>> ticks = iter(range(1000))
    >>> pipeline = DummyRegressor().fit([[0.0]], [1.0])
    >>> found = time_calls(Task.REGRESSION, pipeline, pd.DataFrame({"x": [0.0]}), 3, clock=lambda: next(ticks) / 1000)
    >>> found.rows, round(found.p50_ms, 6), round(found.one_row_p95_ms, 6)
    (3, 1.0, 1.0)
    """
    if not len(frame):
        return None

    def time_rows(several: pd.DataFrame) -> list[float]:
        return _time(lambda: predict_scores(task, pipeline, several, classes), clock)

    one = time_rows(frame.iloc[[0]])
    many = one if rows == 1 else time_rows(frame.iloc[np.arange(rows) % len(frame)])
    p50, p95, one_p50, one_p95 = (
        float(np.percentile(seconds, share)) * 1000 for seconds in (many, one) for share in (50, 95)
    )
    return LatencyFacts(rows, min(len(many), len(one)), p50, p95, one_p50, one_p95)


def _time(call: Callable[[], object], clock: Callable[[], float]) -> list[float]:
    call()
    seconds: list[float] = []
    while not seconds or (len(seconds) < _CALLS and sum(seconds) < _MOST_SECONDS):
        started = clock()
        call()
        seconds.append(clock() - started)
    return seconds
