"""The past that is scored again: backtests beside what was predicted, which stays."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lakeloop.config import load_config
from lakeloop.errors import UsageError
from lakeloop.runs.context import Context
from lakeloop.runs.score import score
from lakeloop.runs.score_again import Range, score_range
from lakeloop.statuses import Outcome
from tests.laws.compare import assert_same_rows, rows
from tests.laws.small_loop import TURNS
from tests.shared import finished_project

PREDICTIONS = "predictions/late"
FIRST, LAST = TURNS
STRETCH = (LAST - timedelta(days=3), LAST - timedelta(days=1))


@pytest.fixture
def context(spark, tmp_path) -> Context:
    """A finished project, to be changed; version 1 predicted in its second turn, which promoted version 2."""
    root = tmp_path / "copy"
    shutil.copytree(finished_project().root, root)
    return Context(load_config(root), LAST)


def predictions(context: Context, **only: Any) -> list[dict[str, Any]]:
    found = rows(context.config, PREDICTIONS)
    return [row for row in found if all(row[name] == value for name, value in only.items())]


def test_the_champion_scores_the_past_as_backtests_beside_what_was_predicted(context):
    before = predictions(context)
    result = score_range(context, "late", Range(*STRETCH))
    new = predictions(context, model_version="2")
    assert (result.model_version, result.outcome, result.rows) == ("2", Outcome.WRITTEN, len(new))
    in_stretch = [row for row in before if STRETCH[0] < row["prediction_ts"] <= STRETCH[1]]
    assert sorted(row["prediction_id"] for row in new) == sorted(row["prediction_id"] for row in in_stretch)
    assert {(row["purpose"], row["revision"]) for row in new} == {("backtest", 1)}
    assert_same_rows(predictions(context, model_version="1"), before, PREDICTIONS)  # nothing recorded has changed
    assert score_range(context, "late", Range(*STRETCH)).outcome is Outcome.SKIPPED
    later = score(context.at(LAST), "late")  # what was asked for again answers nothing that is due
    assert later.outcome is Outcome.SKIPPED


def test_a_version_that_has_predicted_scores_again_only_when_asked_to(context):
    asked = Range(*STRETCH, version="1")
    assert score_range(context, "late", asked).rows == 0
    again = score_range(context, "late", replace(asked, again=True))
    revised = predictions(context, model_version="1", revision=1)
    assert again.rows == len(revised) > 0
    assert {row["purpose"] for row in revised} == {"backtest"}
    first = {row["prediction_id"]: row["score"] for row in predictions(context, model_version="1", revision=0)}
    assert {row["prediction_id"]: row["score"] for row in revised} == pytest.approx(
        {name: value for name, value in first.items() if name in {row["prediction_id"] for row in revised}}
    )


@pytest.mark.parametrize(
    ("asked", "where", "got"),
    [
        (Range(STRETCH[1], STRETCH[0]), "--backfill", "2024-02-03T00:00:00Z to 2024-02-01T00:00:00Z"),
        (Range(STRETCH[0], LAST + timedelta(days=1)), "--backfill", "TO 2024-02-05T00:00:00Z, after --as-of"),
        (Range(*STRETCH, version="9"), "--version", "'9'"),
    ],
)
def test_a_stretch_or_a_version_that_is_none_is_refused(context, asked, where, got):
    with pytest.raises(UsageError) as refused:
        score_range(context, "late", asked)
    assert refused.value.where == where
    assert refused.value.got.startswith(got)
