"""Fits on a standalone cluster: a model that its workers fit together, and trials that are a task each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lakeloop.config import load_config
from lakeloop.config.columns import model_columns
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.promotions import read_promotions
from lakeloop.runs.train import fit_and_register
from lakeloop.runs.training_data import read_training_data
from lakeloop.runs.training_set import find_training_set, make_training_set
from lakeloop.runs.turn import run_turn
from lakeloop.training.fitting import fit_estimator, predict_scores, prepare_rows
from tests.laws.small_loop import TURNS, land, write_project
from tests.runs.cluster import ROOT, environment, running_cluster
from tests.shared import shared_session

pytestmark = [
    pytest.mark.loop,
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.needs(find_spec("xgboost") is not None, "xgboost", "pip install 'lakeloop[xgboost]'"),
]

LOCAL_FIT = """  class: sklearn.linear_model.LogisticRegression
  search: {C: [0.1, 1.0]}
"""
ON_SPARK = """  class: xgboost.XGBClassifier
  distributed: true
  params: {n_estimators: 10, max_depth: 2}
"""
TRIALS = {"class": "sklearn.linear_model.LogisticRegression", "search": {"C": [0.1, 1.0]}}
SETTINGS = """spark:
  spark.master: %s
  spark.driver.memory: 512m
  spark.executor.memory: 512m
  spark.executor.cores: 1
  spark.cores.max: 2
  spark.scheduler.minRegisteredResourcesRatio: 1.0
  spark.sql.shuffle.partitions: 2
"""


TRAIN = """
import sys
from datetime import datetime
from pathlib import Path
from lakeloop.config import load_config
from lakeloop.runs import search
from lakeloop.runs.context import Context
from lakeloop.runs.train import train
from tests.runs.test_on_a_cluster import fit_trials

true_run = search.run_on_spark

def run_on_spark(spark, rows, trials, **named):
    print(len(trials), "trials on", spark.conf.get("spark.master"), flush=True)
    return true_run(spark, rows, trials, **named)

search.run_on_spark = run_on_spark
context = Context(load_config(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2]))
train(context, "late")
fit_trials(context, "auto")
"""


def fit_trials(context: Context, parallel: str) -> ModelVersion:
    """Do a search of two trials on the set that is pinned; no gate is asked."""
    late = context.config.models["late"]
    search = {**TRIALS, "tuning": {"parallel": parallel}}
    model = late.model_copy(update={"estimator": type(late.estimator).model_validate(search)})
    data = read_training_data(context, model, find_training_set(context, "late"))
    return fit_and_register(context, model, data, f"two trials, {parallel}")[0]


def pin_a_set(root: Path) -> None:
    """What comes before the training, by the session of the other tests."""
    config = write_project(root)
    land(config, TURNS[0])
    model = root / "conf/base/models/late.yml"
    declared = model.read_text(encoding="utf-8")
    assert LOCAL_FIT in declared
    model.write_text(declared.replace(LOCAL_FIT, ON_SPARK), encoding="utf-8")
    shared_session()
    context = Context(load_config(root), TURNS[0])
    run_turn(context, [])
    make_training_set(context, "late")


def test_the_workers_train_and_what_is_registered_is_what_a_fit_here_gives(tmp_path: Path) -> None:
    root = tmp_path / "project"
    pin_a_set(root)
    project = root / "conf/base/project.yml"
    local = project.read_text(encoding="utf-8")
    with running_cluster(tmp_path, workers=2) as cluster:
        project.write_text(local + SETTINGS % cluster.address, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, str(root), TURNS[0].isoformat()],
            env=environment(),
            cwd=ROOT,
            capture_output=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr[-3000:].decode()
        assert len(list(tmp_path.glob("work_*/app-*/*/stderr"))) == 2, "an executor on each worker"
        assert f"2 trials on {cluster.address}\n" in done.stdout.decode()
    project.write_text(local, encoding="utf-8")

    context = Context(load_config(root), TURNS[0])
    late = context.config.models["late"]
    here_alone = late.model_copy(update={"estimator": late.estimator.model_copy(update={"distributed": False})})
    judged = read_promotions(context, "late")[-1]
    version = context.registry.get_version("late", judged.version, judged.run_key)
    rows = int(version.tags["train_rows"])
    recorded = {name: version.tags[name] for name in ("distributed_workers", "distributed_rows", "preprocessing_rows")}
    assert recorded == {"distributed_workers": "2", "distributed_rows": str(rows), "preprocessing_rows": str(rows)}
    assert context.registry.read_document(version, "sampling.json")["preprocessing_fraction"] == 1.0

    data = read_training_data(context, late, find_training_set(context, "late"), to_fit=False)
    columns = model_columns(context.config, late)
    prepared = prepare_rows(late, columns, data.rows("train"), data.rows("validation"), context.config.project.seed)
    here = fit_estimator(here_alone, prepared, {}, context.config.project.seed).pipeline
    there = context.registry.load_pipeline(version)
    holdout = data.frame[data.part("holdout")]
    scores = [predict_scores(late.task, each, holdout) for each in (here, there)]
    assert abs(scores[0] - scores[1]).max() < 1e-6
    assert scores[0].std() > 0.01  # they tell rows apart

    found = [each for each in context.registry.list_versions("late") if each.run_key == "two trials, auto"]
    of_cluster, of_threads = (_trials_of(context, each) for each in (*found, fit_trials(context, "threads")))
    assert [each[:3] for each in of_cluster] == [(0, {"C": 0.1}, "FINISHED"), (1, {"C": 1.0}, "FINISHED")]
    assert [each[:3] for each in of_threads] == [each[:3] for each in of_cluster]
    for (*_, metrics), (*_, expected) in zip(of_cluster, of_threads, strict=True):
        assert {"validation_log_loss", "validation_roc_auc"} <= set(metrics)
        assert metrics == pytest.approx(expected, rel=1e-9)


def _trials_of(context: Context, version: ModelVersion) -> list[tuple[int, Mapping[str, Any], str, dict[str, float]]]:
    """What the nested runs of a version's training tell."""
    trials = context.registry.trials(context.registry.training_of(version))
    return [(each.number, each.params, each.state, dict(each.metrics)) for each in trials]
