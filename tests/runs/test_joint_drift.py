"""Joint drift on the small loop: recorded beside the verdicts, with what is usual, and the same by both engines."""

from __future__ import annotations

import json

import pytest

from lakeloop.config.columns import model_columns
from lakeloop.config.project import Engine
from lakeloop.drift.domain_classifier import DomainOptions
from lakeloop.runs import joint_drift
from lakeloop.runs.joint_drift import JOINT, measure_joint_drift
from lakeloop.runs.promotions import read_promotions
from lakeloop.runs.windows import ended_windows
from tests.shared import finished_context

pytestmark = pytest.mark.loop


@pytest.fixture
def asked():
    context = finished_context()
    model = context.config.models["late"]
    monitor = model.monitor.model_copy(update={"joint_drift": True})
    champion = read_promotions(context, "late")[0]
    windows = ended_windows(champion.as_of, context.as_of, monitor.window, "UTC")
    return context, model.model_copy(update={"monitor": monitor}), champion, windows


def test_a_window_with_few_rows_has_a_status_and_no_figure(asked):
    context, model, champion, windows = asked
    (row,) = measure_joint_drift(context, model, champion, windows[:1])
    assert (row["status"], row["verdict"], row["statistic"], row["threshold"]) == (
        "TOO_FEW_ROWS",
        "UNKNOWN",
        None,
        None,
    )
    assert row["column_name"] == JOINT


def test_a_window_is_recorded_beside_what_is_usual(asked, monkeypatch):
    context, model, champion, windows = asked
    options = DomainOptions(min_rows=20, max_rows=200, max_stretches=4, rounds=5)
    monkeypatch.setattr(joint_drift, "_OPTIONS", options)
    first, second = measure_joint_drift(context, model, champion, windows[:2])
    assert (first["status"], first["verdict"]) == ("OK", "RECORDED")
    assert 0 <= first["statistic"] <= 1
    told = json.loads(first["evidence"])
    assert told["window_rows"] == first["count"] > 50
    assert first["threshold"] == told["usual"]["bound"] == second["threshold"]
    monkeypatch.setattr(joint_drift, "choose_engine", lambda *_: Engine.SPARK)
    (by_spark,) = measure_joint_drift(context, model, champion, windows[:1])
    assert by_spark["count"] == first["count"]
    assert by_spark["statistic"] == pytest.approx(first["statistic"], abs=0.2)  # rows come in another order


def test_an_instant_is_left_out_because_it_alone_tells_any_window_apart(asked, monkeypatch):
    context, model, champion, windows = asked
    options = DomainOptions(min_rows=20, max_rows=200, max_stretches=4, rounds=5)
    monkeypatch.setattr(joint_drift, "_OPTIONS", options)
    expected = measure_joint_drift(context, model, champion, windows[:1])
    columns = model_columns(context.config, model)
    monkeypatch.setattr(joint_drift, "model_columns", lambda *_: (*columns, "prediction_ts"))
    assert measure_joint_drift(context, model, champion, windows[:1]) == expected
