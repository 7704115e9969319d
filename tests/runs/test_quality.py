"""The quality gate over time: what failed is judged again, what passed takes in nothing more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.config.loading import load_config
from lakeloop.errors import ConflictError, QualityGateError
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import ingest
from lakeloop.runs.quality import check_quality, gate_attempt, read_gate
from lakeloop.runs.turn import run_turn
from lakeloop.statuses import Action
from tests.factories import SOURCE, instant, land, make_reading
from tests.laws import small_loop

JUNE = instant("2014-06-01 00:00")
JULY = instant("2014-07-01 00:00")


def open_context(root: Path, **changes: Any) -> Context:
    """A project of one source and no feature table, at the first of June."""
    source = {**SOURCE, "source": "weather", "landing": {"path": "landing/weather"}, **changes}
    del source["history"]  # a row is available from the ingest that brings it
    for file, content in {
        "project": {"project": "small", "retention": "30 days"},
        "sources/weather": source,
    }.items():
        path = root / f"conf/base/{file}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    (root / "workspace" / "landing" / "weather").mkdir(parents=True, exist_ok=True)
    return Context(load_config(root), JUNE)


def land_reading(context: Context, name: str, **changes: Any) -> None:
    land(context.config.landing_path(context.config.sources["weather"]), name, [make_reading(**changes)])


def judge(context: Context) -> tuple[int, bool | None]:
    (verdict,) = check_quality(context).sources
    return verdict.rows, verdict.passed


def suites(context: Context) -> list[tuple[int, Any]]:
    rows = context.lake.own_rows(schemas.QUALITY, None)
    return sorted((row["attempt"], row["passed"]) for row in rows if row["check"] == "suite")


def test_a_feed_that_landed_after_its_gate_failed_is_judged_by_the_same_call(
    spark: SparkSession, tmp_path: Path
) -> None:
    context = open_context(tmp_path)
    ingest(context)
    assert [judge(context), judge(context)] == [(0, False)] * 2
    assert (suites(context), gate_attempt(context)) == ([(1, False)], 1)  # the same rows are not judged twice
    land_reading(context, "late.csv")
    ingest(context)
    assert [judge(context), judge(context)] == [(1, True)] * 2
    assert (suites(context), read_gate(context)) == ([(1, False), (2, True)], True)


def strict(root: Path, **changes: Any) -> Context:
    """The same project with a rule that its accepted row breaks."""
    return open_context(root, rules=[{"rule": "range", "column": "wind_mph", "min": 1000}], **changes)


def test_a_rule_that_was_mended_is_judged_by_at_the_same_instant(spark: SparkSession, tmp_path: Path) -> None:
    context = open_context(tmp_path)
    land_reading(context, "a.csv")
    ingest(context)
    assert judge(strict(tmp_path)) == (1, False)
    assert judge(open_context(tmp_path)) == (1, True)
    assert judge(strict(tmp_path)) == (1, True)  # what passed may have been built on


def test_what_failed_is_judged_with_the_rows_of_the_next_turn(spark: SparkSession, tmp_path: Path) -> None:
    context = open_context(tmp_path)
    land_reading(context, "a.csv")
    ingest(context)
    failed = strict(tmp_path, gate={"min_rows": 0})
    assert judge(failed) == (1, False)
    assert judge(failed.at(JULY)) == (1, False)
    mended = open_context(tmp_path, gate={"min_rows": 0}).at(JULY)
    assert judge(mended) == (1, True)
    assert judge(mended.at(JULY + timedelta(days=1))) == (0, None)


def test_a_source_that_passed_takes_in_nothing_more_at_that_instant(spark: SparkSession, tmp_path: Path) -> None:
    context = open_context(tmp_path)
    land_reading(context, "a.csv")
    ingest(context)
    assert judge(context) == (1, True)
    land_reading(context, "b.csv", origin="JFK")
    with pytest.raises(ConflictError) as raised:
        ingest(context)
    assert [str(each) for each in raised.value.failures] == [
        "source weather: it has passed the quality gate at this instant"
    ]
    assert ingest(context.at(JULY)).sources[0].rows_accepted == 1
    assert judge(context.at(JULY)) == (1, True)


@pytest.mark.slow
@pytest.mark.loop
def test_a_turn_stopped_by_a_late_feed_is_done_by_the_same_call(spark: SparkSession, tmp_path: Path) -> None:
    config = small_loop.write_project(tmp_path)
    small_loop.land(config, small_loop.TURNS[0])
    deliveries = config.workspace / "landing" / "deliveries" / "until_20240125.csv"
    content = deliveries.read_bytes()
    deliveries.unlink()
    with pytest.raises(QualityGateError, match="no row became available in the turn"):
        run_turn(Context(config, small_loop.TURNS[0]), ["late"])
    deliveries.write_bytes(content)
    again = Context(config, small_loop.TURNS[0])
    (late,) = run_turn(again, ["late"]).models
    assert (late.decision.action, late.train is not None) == (Action.RETRAIN, True)
    rows = again.lake.own_rows(schemas.DECISIONS, None)
    assert sorted((row["attempt"], row["action"]) for row in rows) == [(1, "notify"), (2, "retrain")]
    assert len({row["decision_id"] for row in rows}) == 2
    flags = again.lake.own_rows(schemas.FLAGS, None)
    assert [(row["event"], row["subject"]) for row in sorted(flags, key=lambda row: row["event"])] == [
        ("raised", "deliveries"),
        ("resolved", "deliveries"),
    ]
