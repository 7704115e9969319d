"""Estimates beside what was realised, on the small loop."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable

from lakeloop import schemas
from lakeloop.drift.estimated_performance import VersionCalibration, estimate_performance
from lakeloop.errors import ConflictError
from lakeloop.runs.monitor_counts import SCORE_BINS, count_outcomes
from lakeloop.runs.read_references import read_references
from lakeloop.statuses import EstimateStatus
from lakeloop.training.evidence import METRICS_FILE
from tests.shared import finished_context

pytestmark = pytest.mark.loop


def test_every_scored_row_of_a_window_is_estimated_on_once():
    context = finished_context()
    estimated = context.lake.own_rows(schemas.ESTIMATED_PERFORMANCE, None)
    realised = context.lake.own_rows(schemas.PERFORMANCE, None)
    windows = {row["window"]["end"]: row for row in estimated}
    assert {row["window"]["end"] for row in realised} == set(windows)
    for row in realised:
        if row["slice_key"] is None:
            beside = windows[row["window"]["end"]]
            assert beside["rows"] == row["rows"] + row["rows_void"] + beside["rows_open"]
            assert (beside["model_version"], beside["as_of"]) == (row["model_version"], row["as_of"])
            assert row["status"] not in set(EstimateStatus)
    assert {row["status"] for row in estimated} <= set(EstimateStatus)


def test_the_counts_of_scores_are_those_of_the_predictions():
    context = finished_context()
    model, address = context.config.models["late"], context.lake.address("predictions", "late")
    scores = [row["score"] for row in DeltaTable(address.path).to_pyarrow_table(columns=["score"]).to_pylist()]
    counted = count_outcomes(context, model, context.lake.read_uncut(address), target_rate=0.5)
    found = estimate_performance(counted.scores, VersionCalibration(0.01, True), 0.5)
    assert found.rows == len(scores)
    assert found.metrics["mean_outcome"] == pytest.approx(sum(scores) / len(scores))
    assert found.metrics["brier"] == pytest.approx(
        sum(p * (1 - p) for p in scores) / len(scores), abs=1 / SCORE_BINS**2
    )
    assert sum(rows for _, rows in counted.pending) == len(scores) - found_closed(counted)


def found_closed(counted):
    return sum(counted.cells["rows"].to_pylist()) + sum(rows for _, rows in counted.void)


def test_a_version_without_the_document_is_unknown(monkeypatch):
    context = finished_context()
    model, read_document = context.config.models["late"], type(context.registry).read_document
    judged = context.lake.own_rows(schemas.PROMOTIONS, None)[0]
    version = context.registry.get_version("late", judged["model_version"], judged["run_key"])
    assert read_references(context, model, version).calibration.error is not None

    def gone(registry, version, name):
        if name == METRICS_FILE:
            raise ConflictError("model late version 1", [], "none")
        return read_document(registry, version, name)

    monkeypatch.setattr(type(context.registry), "read_document", gone)
    found = read_references(context, model, version)
    assert (found.calibration, found.lost) == (VersionCalibration(None, False), ())
