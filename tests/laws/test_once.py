"""Law 3: a job that is stopped at any write and run again leaves what one clean run leaves."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import deltalake
import pytest
from pyspark.sql import DataFrameWriter
from pyspark.sql.streaming import DataStreamWriter

from lakeloop.cli.verbs import STEPS
from lakeloop.config import Config, load_config
from lakeloop.registry import CHALLENGER, CHAMPION
from lakeloop.runs.context import Context
from lakeloop.runs.ledger import run_step
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import roll_back
from lakeloop.runs.recalibrate import recalibrate
from lakeloop.runs.report import write_report
from lakeloop.runs.train import train
from lakeloop.runs.turn import run_turn
from lakeloop.statuses import Outcome
from tests.laws.compare import announced, assert_same_models, assert_same_run
from tests.laws.effects import Effects, Stops, delta_rs_ends, listening, spark_ends
from tests.laws.small_loop import TURNS, land, write_project

pytestmark = pytest.mark.loop

# Every job of a turn has an effect of its own among those that were seen.
_JOBS = {"ingest", "quality", "features", "score", "monitor", "flags", "decide", "training_set", "train", "promote"}

BACK, LATER = (TURNS[-1] + timedelta(days=days) for days in (1, 2))


def _commits(workspace: Path) -> list[str]:
    return sorted(path.relative_to(workspace).as_posix() for path in workspace.glob("*/*/_delta_log/*.json"))


def test_the_libraries_ends_are_found():
    assert {(DataFrameWriter, "save"), (DataFrameWriter, "saveAsTable"), (DataStreamWriter, "start")} <= set(
        spark_ends()
    )
    assert (DataFrameWriter, "option") not in spark_ends()
    assert {(deltalake.DeltaTable, "create"), (deltalake.DeltaTable, "merge")} <= set(delta_rs_ends())
    assert "write_deltalake" in {name for _, name in delta_rs_ends()}
    assert (deltalake.DeltaTable, "to_pyarrow_table") not in delta_rs_ends()


def test_nothing_appears_in_the_workspace_that_was_not_seen_coming(clean_run):
    assert clean_run.unannounced == set()
    assert {step.removeprefix("runs.").partition(".")[0] for each in clean_run.effects for step in each.by} >= _JOBS


@pytest.mark.slow
def test_a_turn_stopped_before_every_effect_leaves_what_a_clean_one_leaves(clean_run, tmp_path):
    stops = Stops(every_time=False)
    _stop_and_compare(clean_run.config, clean_run.first, tmp_path, stops)
    missed = {each.target for each in clean_run.effects} - {each.target for each in stops.stopped_at}
    assert {each for each in missed if not each.startswith("mlartifacts/")} == set()


def test_a_turn_stopped_before_one_effect_in_eight_leaves_what_a_clean_one_leaves(clean_run, tmp_path):
    stops = Stops(every_time=False, one_in=8)
    _stop_and_compare(clean_run.config, clean_run.first, tmp_path, stops)
    layers = {each.target.partition("/")[0] for each in stops.stopped_at}
    assert {"gold", "monitoring", "ops"} <= layers


def _stop_and_compare(clean: Config, first: Path, root: Path, stops: Stops) -> None:
    """Stop the second turn; the first has ended."""
    stopped = load_config(Path(shutil.copytree(first, root / "stopped")))
    land(stopped, TURNS[1], after=TURNS[0])
    with listening(Effects(stopped.workspace, stops)):
        stops.run(lambda: run_turn(Context(stopped, TURNS[1]), ["late"]), at_most=200)
    assert_same_run(clean, stopped)

    before = _commits(stopped.workspace)
    again = run_turn(Context(stopped, TURNS[1]), ["late"]).models[0].monitor  # a turn that was done changes nothing
    assert again is not None
    assert (again.outcome, again.windows, "log_loss" in again.metrics) == (Outcome.SKIPPED, 3, True)  # and still tells
    assert _commits(stopped.workspace) == before
    assert_same_models(clean, stopped)
    assert announced(clean) == announced(stopped)


def test_a_training_repeated_at_an_earlier_instant_leaves_the_aliases(landed_turn_by_turn):
    context = Context(landed_turn_by_turn, TURNS[0])
    repeated = train(context, "late")
    aliases = context.registry.alias("late", CHAMPION), context.registry.alias("late", CHALLENGER)
    assert (repeated.model_version, repeated.outcome, aliases) == ("1", Outcome.SKIPPED, ("2", None))


@pytest.mark.slow
def test_every_job_stopped_before_every_effect_leaves_what_clean_ones_leave(landed_turn_by_turn, tmp_path):
    """Both turns, verb by verb, and each transaction and file of the tracking store by itself."""
    stopped = write_project(tmp_path)
    stops = Stops(every_time=True)
    with listening(Effects(stopped.workspace, stops)):
        for before, turn in zip((None, *TURNS), TURNS, strict=False):
            land(stopped, turn, **({} if before is None else {"after": before}))
            context = Context(stopped, turn)
            for step in STEPS:
                if step.verb == "recalibrate" or (before is None and step.verb in ("score", "monitor")):
                    continue  # no part of a turn; nobody is champion yet
                name, model = step.verb.replace("-", "_"), "late" if step.per_model else None
                stops.run(lambda: run_step(context.at(turn), name, step.load(), model), at_most=300)  # noqa: B023
            stops.run(lambda: run_step(context.at(turn), "report", write_report), at_most=20)  # noqa: B023
    assert any(each.target == "report.html" for each in stops.stopped_at)
    assert_same_run(landed_turn_by_turn, stopped, but=("ops/runs",))  # a verb's row names the verb


@pytest.mark.slow
def test_a_recalibration_stopped_before_every_effect_leaves_what_a_clean_one_leaves(clean_run, tmp_path):
    rolled_back = Path(shutil.copytree(clean_run.config.root, tmp_path / "rolled_back"))
    roll_back(Context(load_config(rolled_back), BACK), "late", Asked("ada", "the second answers too late"))
    clean, stopped = (load_config(Path(shutil.copytree(rolled_back, tmp_path / name))) for name in ("clean", "stopped"))
    run_step(Context(clean, LATER), "recalibrate", recalibrate, "late")
    stops = Stops(every_time=True)
    with listening(Effects(stopped.workspace, stops)):
        stops.run(lambda: run_step(Context(stopped, LATER), "recalibrate", recalibrate, "late"), at_most=100)
    assert {"ops/promotions", "mlflow.db"} <= {each.target for each in stops.stopped_at}
    assert_same_run(clean, stopped)
    assert_same_models(clean, stopped)
