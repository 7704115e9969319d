"""A model that answers for every shop every day, from the landed file to the prediction."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from lakeloop import schemas
from lakeloop.config.loading import load_config
from lakeloop.config.project import Engine
from lakeloop.runs import engine, training_rows
from lakeloop.runs.audit import audit_training_set
from lakeloop.runs.backfill_plan import plan_backfill
from lakeloop.runs.backfill_scope import Asked
from lakeloop.runs.content import read_content
from lakeloop.runs.context import Context
from lakeloop.runs.diff import diff_sets
from lakeloop.runs.features import build_features
from lakeloop.runs.manifests import read_manifests
from lakeloop.runs.model_inputs import gold_inputs
from lakeloop.runs.promotions import PROMOTED
from lakeloop.runs.rebuild import rebuild_training_set
from lakeloop.runs.score import ScoreResult, score
from lakeloop.runs.spine import spine_as_of
from lakeloop.runs.training_rows import build_in_process, build_on_spark
from lakeloop.runs.training_set import make_training_set
from lakeloop.runs.turn import ModelTurn, run_turn
from lakeloop.runs.vacuum import vacuum
from lakeloop.statuses import GateStatus, LeakCheck, Outcome, RebuildStatus
from tests.factories import instant, rows_of

pytestmark = pytest.mark.loop

FIRST, SECOND = instant("2024-01-25 00:00"), instant("2024-02-01 00:00")
SHOPS = [f"s{number}" for number in range(8)]
FILES = {
    "project.yml": "{project: grid, timezone: UTC, retention: 400 days, seed: 7}",
    "sources/shops.yml": """
source: shops
landing: {path: landing/shops}
key: [shop, since_ts]
event_ts: since_ts
available_ts: since_ts
history: {trusted_until: 2030-01-01}
columns:
  shop: {type: string}
  region: {type: string}
  since_ts: {type: timestamp}
gate: {min_rows: 0}
""",
    "sources/sales.yml": """
source: sales
landing: {path: landing/sales}
key: [shop, period_ts]
event_ts: day_ts + interval 1 day
available_ts: day_ts + interval 25 hours
history: {trusted_until: 2030-01-01}
columns:
  shop: {type: string}
  day_ts: {type: timestamp}
  sold: {type: double}
derive:
  period_ts: {as: day_ts, type: timestamp}
gate: {min_rows: 0}
""",
    "features/last_sales.yml": """
feature_table: last_sales
entity: [shop]
from: sales
attributes: {sold: {as: sold}}
""",
    "models/busy.yml": """
model: busy
predict:
  from: shops
  every: 1 day
  id: [shop, period_ts]
  at: period_ts - interval 2 hours
  known: [region]
label:
  from: sales
  as: sold >= 10
  closes: {of: period_end_ts, at: "06:00", timezone: UTC}
features: [last_sales.*]
on_demand: {day_of_week: weekday(period_ts)}
split: {validation: 3 days, holdout: 5 days, gap: 1 day}
preprocess:
  - {columns: [region], steps: [one_hot]}
  - {columns: ["*"], steps: [impute_mean, scale]}
estimator: {class: sklearn.linear_model.LogisticRegression}
gate: {metric: log_loss, non_inferior_by: 0.05, min_blocks: 3, resamples: 100, fresh_process: false}
monitor: {window: 3 days, persistence: 1 of 1, min_rows: 10, min_blocks: 9}
decide: {schedule: 28 days}
""",
}


def write(root: Path) -> Context:
    """Seven shops known from the start; one from 10 January at 22:00 on, one of the seven moves on the 25th."""
    for name, text in FILES.items():
        path = root / "conf/base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), encoding="utf-8")
    config = load_config(root)
    known = [
        f"{shop},{'north' if number % 2 else 'south'},2023-12-31T12:00:00Z" for number, shop in enumerate(SHOPS[:7])
    ]
    known += ["s7,north,2024-01-10T22:00:00Z", "s0,north,2024-01-25T22:00:01Z"]
    _land(root, "shops", ["shop,region,since_ts", *known])
    _land(root, "sales", sales())
    assert config.landing_path(config.sources["sales"]) == root / config.project.workspace / "landing/sales"
    return Context(config, FIRST)


def sales(days: int = 24) -> list[str]:
    """What was sold up to the 24th or for other days, more in the north; nothing is told of s6 on the first days."""
    rows = ["shop,day_ts,sold"]
    for day in range(days):
        for number, shop in enumerate(SHOPS):
            drawn = random.Random(f"{day} {shop}").gauss(11.5 if number % 2 else 8.5, 0.5)
            if shop != "s6" or day > 1:
                rows.append(
                    f"{shop},{instant('2024-01-01 00:00') + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ},{drawn:.2f}"
                )
    return rows


def _land(root: Path, source: str, lines: list[str]) -> None:
    folder = root / load_config(root).project.workspace / "landing" / source
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{len(list(folder.iterdir()))}-{len(lines)}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def turns(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, ModelTurn, ScoreResult]:
    """The project after a turn that trains, and after scoring a week later, in which nothing landed."""
    assert spark
    first = write(tmp_path_factory.mktemp("grid"))
    trained, second = run_turn(first, ["busy"]).models[0], first.at(SECOND)
    assert trained.train is not None
    assert trained.train.gate.outcome == PROMOTED, trained.train.gate.reasons
    build_features(second)
    return second, trained, score(second, "busy")


def test_a_grid_is_trained_on_and_scored(turns: tuple[Context, ModelTurn, ScoreResult]) -> None:
    context, first, scored = turns
    pinned = first.training_set
    assert pinned is not None
    # Closed are the periods of 1 to 23 January; s7 is known from the period of the 11th on, s6 sold nothing twice.
    assert pinned.rows == 7 * 23 + 13 - 2
    # Predicted after the newest label was known, 24 January at 06:00, up to 1 February: periods 25 to 1.
    assert (scored.rows, scored.outcome) == (8 * 8, Outcome.WRITTEN)
    rows = rows_of(context.lake.read_uncut(context.lake.address("predictions", "busy")), "period_ts", "shop")
    assert (rows[0]["shop"], rows[0]["prediction_ts"]) == ("s0", instant("2024-01-24 22:00"))
    assert (rows[0]["period_ts"], rows[0]["period_end_ts"]) == (
        instant("2024-01-25 00:00"),
        instant("2024-01-26 00:00"),
    )
    # Of the eve: what was sold on the 23rd, known on the 24th at 01:00.
    assert (rows[0]["region"], rows[0]["day_of_week"], rows[0]["last_sales__status"]) == ("south", 3, "OK")


def test_a_second_run_changes_nothing(turns: tuple[Context, ModelTurn, ScoreResult]) -> None:
    context, first, _ = turns
    assert score(context, "busy").outcome is Outcome.SKIPPED
    again = make_training_set(context.at(FIRST), "busy")
    pinned = first.training_set
    assert pinned is not None
    assert (again.outcome, again.content_hash) == (Outcome.SKIPPED, pinned.content_hash)


def test_both_engines_pin_the_same_rows_later_too(turns: tuple[Context, ModelTurn, ScoreResult]) -> None:
    """A later call, which knows more, gives earlier periods the same rows."""
    context, first, _ = turns
    earlier, model, lake = context.at(FIRST), context.config.models["busy"], context.lake
    pinned = first.training_set
    assert pinned is not None
    versions = {each: lake.version(lake.address("bronze", each)) for each in ("shops", "sales")}
    inputs = gold_inputs(earlier, model)
    on_spark = build_on_spark(earlier, model, pinned.training_set_id, inputs, versions)
    in_process = build_in_process(earlier, model, pinned.training_set_id, inputs, versions)
    assert read_content(on_spark.rows).digest == pinned.content_hash
    assert read_content(context.spark.createDataFrame(in_process.rows)).digest == pinned.content_hash


def test_the_spine_has_what_was_known_at_its_own_instant(turns: tuple[Context, ModelTurn, ScoreResult]) -> None:
    context, _, _ = turns
    spine = spine_as_of(context, context.config.models["busy"])
    assert spine.columns == ["prediction_id", "prediction_ts", "shop", "period_ts", "region", "period_end_ts"]
    moved = rows_of(spine.where("shop = 's0' and region = 'north'"), "period_ts")
    assert moved[0]["period_ts"] == instant("2024-01-27 00:00")  # a second too late for that of the 26th
    after = spine_as_of(context, context.config.models["busy"], after=instant("2024-01-30 22:00"))
    assert [row["period_ts"] for row in rows_of(after.where("shop = 's7'"))] == [instant("2024-02-01 00:00")]
    assert after.exceptAll(spine).count() == 0


def test_a_set_on_a_grid_is_audited(turns: tuple[Context, ModelTurn, ScoreResult]) -> None:
    context, first, _ = turns
    pinned = first.training_set
    assert pinned is not None
    found = audit_training_set(context.at(FIRST), pinned.training_set_id)
    # Three days of eight shops are too few to score columns alone; whatever else is asked passes, travel in time too.
    unjudged = {(LeakCheck.SUSPICIOUS_SCORE, name) for name in ("region", "day_of_week", "last_sales__sold")}
    assert {(each.check, each.subject) for each in found.findings} == unjudged
    assert "too few rows" in str(found.failure())
    kept = {row["check"]: row["status"] for row in context.lake.own_rows(schemas.LEAKAGE, None)}
    assert kept["time_travel"] == GateStatus.PASS.value


@pytest.mark.slow
def test_a_set_on_a_grid_is_made_again_compared_and_holds_back_its_inputs(
    turns: tuple[Context, ModelTurn, ScoreResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(name: str) -> Context:
        root = Path(shutil.copytree(turns[0].config.root, tmp_path / name))
        return Context(load_config(root), FIRST + timedelta(hours=1))

    context, small, first = copy("one"), copy("two"), turns[1].training_set
    assert first is not None
    again = rebuild_training_set(context.at(FIRST), "busy")
    assert (again.status, again.rows_rebuilt) == (RebuildStatus.REPRODUCED, first.rows)

    in_process = make_training_set(context, "busy")
    # Below a budget that gold alone exceeds Spark does it: the grid is not counted for that, and the rows are the same.
    counted: list[str] = []

    def spine(*given: Any, **named: Any) -> DataFrame:
        counted.extend([] if "version" in named else ["counted"])  # what is read for the rows names its version
        return spine_as_of(*given, **named)

    monkeypatch.setattr(training_rows, "spine_as_of", spine)
    monkeypatch.setattr(engine, "MIB", 1)
    project = small.config.project.model_copy(update={"memory_budget_mib": 1})
    by_spark = make_training_set(Context(replace(small.config, project=project), small.as_of), "busy")
    assert counted == []
    assert (by_spark.training_set_id, by_spark.content_hash) == (in_process.training_set_id, in_process.content_hash)
    joined_by = [read_manifests(each, "busy")[-1].engine for each in (context, small)]
    assert joined_by == [Engine.LOCAL.value, Engine.SPARK.value]

    found = diff_sets(context, first.training_set_id, in_process.training_set_id)
    assert (found.rows_first, found.rows_second, found.rows_changed) == (0, 0, 0)

    DeltaTable(str(context.config.workspace / "gold/last_sales")).update(updates={"sold": "sold + 1"})
    plan = vacuum(context, datetime.now(UTC) + timedelta(days=1), older_than=timedelta(0), plan=True)
    held = {(each.training_set_id, each.table, each.would_break) for each in plan.held_back}
    assert held == {(each, "gold.last_sales", True) for each in (first.training_set_id, in_process.training_set_id)}


@pytest.mark.slow
def test_a_grid_is_monitored_and_a_backfill_names_what_met_other_rows(
    turns: tuple[Context, ModelTurn, ScoreResult], tmp_path: Path
) -> None:
    root = Path(shutil.copytree(turns[0].config.root, tmp_path / "grid"))
    context = Context(load_config(root), SECOND + timedelta(days=1, hours=6))
    missed = [f"s6,2024-01-0{day}T00:00:00Z,9.5" for day in (1, 2)]
    _land(root, "sales", [*sales(days=32), *missed])
    turn = run_turn(context, ["busy"]).models[0]
    assert turn.monitor is not None
    # Labels of the periods from 25 January on are known: two windows of three days have ended.
    assert (turn.monitor.windows, turn.monitor.outcome) == (2, Outcome.WRITTEN)
    assert turn.monitor.metrics["roc_auc"] > 0.9

    plan = plan_backfill(context, Asked("last_sales", instant("2024-01-01 00:00"), context.as_of))
    assert (plan.first_difference, plan.last_difference) == ("2024-01-02T01:00:00Z", "2024-01-31T01:00:00Z")
    # s6 has a state from 2 January at 01:00 on, another a day later: the periods of the 3rd and of the 4th meet them.
    assert [(each.rows, each.rows_touched) for each in plan.training_sets] == [(7 * 23 + 13 - 2, 2)]
    # What was sold from the 25th to the 30th landed after the periods from the 27th to 1 February were predicted.
    assert [(each.model, each.rows) for each in plan.predictions] == [("busy", 6 * 8)]
