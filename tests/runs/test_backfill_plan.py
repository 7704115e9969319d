"""Training sets and predictions that met other rows are named with their numbers, and stay what they were."""

from __future__ import annotations

import shutil
from bisect import bisect_right
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from lakeloop.config.loading import load_config
from lakeloop.runs.backfill import run_backfill
from lakeloop.runs.backfill_plan import plan_backfill
from lakeloop.runs.backfill_scope import Asked
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import ingest
from lakeloop.runs.ledger import run_step
from lakeloop.runs.manifests import find_expired, read_manifests
from tests.laws.small_loop import TURNS
from tests.shared import finished_project

pytestmark = pytest.mark.loop

NEXT_DAY = TURNS[1] + timedelta(days=1)
FEATURES = ("mean_is_late_6h", "count_is_late_6h", "mean_is_late_2d", "count_is_late_2d")
# Both were known ten minutes after; they landed a day after the last turn.
LATE = "order,shop,delivered_ts,delay_minutes\n999001,A,2024-01-22T10:00:00Z,99\n999002,B,2024-01-28T10:00:00Z,99\n"
Row = dict[str, Any]


def rows(root: Path, table: str) -> list[Row]:
    found: list[Row] = DeltaTable(str(root / "workspace" / table)).to_pyarrow_table().to_pylist()
    return found


def met(log: list[Row], shop: str, at: datetime) -> tuple[Any, ...] | None:
    """Look up the state of a shop as anyone may."""
    states = sorted((row["available_ts"], [row[name] for name in FEATURES]) for row in log if row["shop"] == shop)
    place = bisect_right([each[0] for each in states], at)
    return None if place == 0 else (states[place - 1][0], *states[place - 1][1])


@pytest.mark.slow
def test_whoever_met_other_rows_is_named(tmp_path: Path) -> None:
    root = Path(shutil.copytree(finished_project().root, tmp_path / "project"))
    config = load_config(root)
    (config.workspace / "landing/deliveries/late.csv").write_text(LATE)
    context = Context(config, NEXT_DAY)
    run_step(context, "ingest", ingest)
    asked = Asked("shop_delays", TURNS[0] - timedelta(days=9), TURNS[1])
    before = {name: rows(root, name) for name in ("gold/shop_delays", "predictions/late", "training_sets/late")}

    plan = plan_backfill(context, asked)
    assert plan.first_difference == "2024-01-22T11:00:00Z"
    assert plan.last_difference is not None
    assert "2024-01-30T00:00:00Z" < plan.last_difference < "2024-01-30T11:00:00Z"  # when the later one leaves
    result = run_backfill(context, asked)
    assert result.changed is not None
    assert (result.changed.training_sets, result.changed.predictions) == (plan.training_sets, plan.predictions)

    old, new = before["gold/shop_delays"], rows(root, "gold/shop_delays")
    shops = {row["order"]: row["shop"] for row in rows(root, "bronze/orders")}

    def touched(row: Row) -> bool:
        shop, at = shops[row["order"]] if "order" in row else row["shop"], row["prediction_ts"]
        return met(old, shop, at) != met(new, shop, at)

    predictions = sum(touched(row) for row in before["predictions/late"])
    assert [(each.model, each.rows) for each in plan.predictions] == [("late", predictions)]
    manifests = read_manifests(context, "late")
    wanted = [
        (
            each.training_set_id,
            sum(touched(row) for row in before["training_sets/late"] if row["training_set_id"] == each.training_set_id),
        )
        for each in manifests
    ]
    assert [(each.training_set_id, each.rows_touched) for each in plan.training_sets] == wanted
    assert predictions > 0
    assert all(count > 0 for _, count in wanted)

    estimate = plan_backfill(context, asked, estimate=True)
    assert estimate.rows_after == plan.rows_after
    for least, most in zip(plan.training_sets, estimate.training_sets, strict=True):
        assert least.rows_touched <= most.rows_touched

    assert len(rows(root, "predictions/late")) == len(before["predictions/late"])
    assert [find_expired(context, each.inputs) for each in manifests] == [(), ()]  # what they pinned can be read
