"""Counts of rows in memory are those that Spark makes of the recorded predictions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from lakeloop.runs.context import Context
from lakeloop.runs.history.kept import Kept
from lakeloop.runs.history.outcome_counts import count_known_outcomes
from lakeloop.runs.history.scored import ScoredHistory
from lakeloop.runs.monitor_counts import count_outcomes
from lakeloop.runs.promotions import read_promotions
from tests.shared import finished_context

RATE = 0.6

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def context() -> Context:
    return finished_context()


@pytest.fixture(scope="module")
def history(context: Context, tmp_path_factory: pytest.TempPathFactory) -> ScoredHistory:
    first, newest = read_promotions(context, "late")
    turns, kept = [first.as_of, newest.as_of], Kept(tmp_path_factory.mktemp("kept"))
    return ScoredHistory(context, context.config.models["late"], turns, first.trained_through, first.as_of, kept)


def cells(table: pa.Table) -> list[dict[str, object]]:
    keys = [("block", "ascending"), ("score_bin", "ascending"), ("label", "ascending")]
    present = [key for key in keys if key[0] in table.column_names]
    return table.sort_by(present).to_pylist()


def test_counts_are_those_of_spark(context, history):
    model = context.config.models["late"]
    recorded = context.lake.read_uncut(context.lake.address("predictions", "late"))
    by_id = {row["prediction_id"]: row["score"] for row in recorded.select("prediction_id", "score").collect()}
    real = count_outcomes(context, model, recorded, RATE)
    ids = history.rows(context.as_of).table["prediction_id"].to_pylist()
    scores = np.array([by_id[each] for each in ids])
    found = count_known_outcomes(model, scores, history.labels(context.as_of), np.ones(len(scores), dtype=bool), RATE)
    assert (found.void, found.pending, found.never) == (real.void, real.pending, real.never)
    assert sum(rows for _, rows in found.pending) > 0  # of the last day
    for mine, theirs in ((found.cells, real.cells), (found.scores, real.scores)):
        assert mine.schema.names == theirs.schema.names
        for one, other in zip(cells(mine), cells(theirs), strict=True):
            numbers = [name for name in other if name != "block"]
            assert one["block"] == other["block"]
            assert [one[name] for name in numbers] == pytest.approx([other[name] for name in numbers], rel=1e-9)
    assert found.delays.keys() == real.delays.keys()


def test_rows_that_are_not_chosen_are_not_counted(context, history):
    model, labels = context.config.models["late"], history.labels(context.as_of)
    nobody = np.zeros(len(labels.label), dtype=bool)
    found = count_known_outcomes(model, np.full(len(nobody), 0.5), labels, nobody, RATE)
    assert (found.cells.num_rows, found.void, found.pending) == (0, (), ())


def test_rows_and_labels_are_kept_and_found_again(context, history, tmp_path):
    first, newest = read_promotions(context, "late")
    model, turns = context.config.models["late"], [first.as_of, newest.as_of]
    made = [ScoredHistory(context, model, turns, first.trained_through, first.as_of, Kept(tmp_path)) for _ in range(2)]
    for each in made:
        assert each.rows(context.as_of).table.equals(history.rows(context.as_of).table)
        np.testing.assert_array_equal(each.labels(context.as_of).label, history.labels(context.as_of).label)
