"""Law 3 for the one job that changes published rows: stopped anywhere and called again, it does and tells the same."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from lakeloop.config import Config, load_config
from lakeloop.reporting.results import as_plain
from lakeloop.runs.backfill import run_backfill
from lakeloop.runs.backfill_scope import Asked
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import ingest
from lakeloop.runs.ledger import run_step
from lakeloop.statuses import Outcome
from tests.laws.compare import assert_same_table, tables
from tests.laws.effects import Effects, Stops, listening
from tests.laws.small_loop import TURNS
from tests.shared import finished_project

pytestmark = [pytest.mark.loop, pytest.mark.slow]

NOW = TURNS[1] + timedelta(days=1)
ASKED = Asked("shop_delays", TURNS[0] - timedelta(days=9), TURNS[1], timedelta(days=10))
# Both were known ten minutes after; they landed a day after the last turn. Each chunk holds one of them.
LATE = "order,shop,delivered_ts,delay_minutes\n999001,A,2024-01-22T10:00:00Z,99\n999002,B,2024-01-28T10:00:00Z,99\n"


def with_late_rows(root: Path) -> Config:
    config = load_config(Path(shutil.copytree(finished_project().root, root)))
    (config.workspace / "landing/deliveries/late.csv").write_text(LATE)
    run_step(Context(config, NOW), "ingest", ingest)
    return config


def recorded(config: Config) -> list[Any]:
    """What the run ledger says of backfills that differed from what stood there."""
    ledger = DeltaTable(str(config.workspace / "ops/runs")).to_pyarrow_table().to_pylist()
    return [json.loads(row["result"])["changed"] for row in ledger if row["job"] == "backfill"]


def test_a_backfill_stopped_before_every_effect_leaves_and_tells_what_a_clean_one_does(tmp_path: Path) -> None:
    clean = with_late_rows(tmp_path / "clean")
    stopped = load_config(Path(shutil.copytree(tmp_path / "clean", tmp_path / "stopped")))
    wanted = run_backfill(Context(clean, NOW), ASKED)
    assert wanted.changed is not None
    assert (wanted.chunks, bool(wanted.changed.training_sets), bool(wanted.changed.predictions)) == (2, True, True)

    stops = Stops(every_time=True)
    with listening(Effects(stopped.workspace, stops)):
        stops.run(lambda: run_backfill(Context(stopped, NOW), ASKED), at_most=40)
    targets = [each.target for each in stops.stopped_at]
    assert targets.count("gold/shop_delays") == 2
    assert {"ops/feature_builds", "ops/runs"} <= set(targets)
    assert recorded(stopped) == recorded(clean) == [as_plain(wanted.changed)]  # the last stop comes after the ledger's
    assert tables(stopped) == tables(clean)
    for table in tables(clean):
        assert_same_table(clean, stopped, table)

    again = run_backfill(Context(stopped, NOW), ASKED)
    assert (again.outcome, again.changed) == (Outcome.SKIPPED, None)
