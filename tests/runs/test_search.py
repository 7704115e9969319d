"""A training's search with its tracking store: what is logged, what an attempt that broke leaves, how it goes on."""

from __future__ import annotations

import errno
import json

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression

from lakeloop.cli.machine import explain_machine_failure
from lakeloop.errors import ConfigError, EnvironmentProblemError, NotReadyError
from lakeloop.registry.answers import ExplainingClient
from lakeloop.runs import search as searches
from lakeloop.runs.compare import compare_runs, describe_comparison
from lakeloop.runs.context import Context
from tests.laws.small_loop import TURNS
from tests.runs.searches import RUN_KEY, client_of, declare, fit_and_register, make_data, runs_of, told

SETS = {"all": ["*"], "lean": ["items"]}


@pytest.fixture
def fragile(monkeypatch):
    """Lets the estimator fail from some value of C on."""
    true_fit = LogisticRegression.fit

    def fit(self, *given, **named):
        if self.C > 5:
            raise RuntimeError(f"no convergence at {self.C:g}")
        return true_fit(self, *given, **named)

    monkeypatch.setattr(LogisticRegression, "fit", fit)


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A search of two parameters and two feature sets on three cuts, which nothing stopped."""
    config = declare(tmp_path_factory.mktemp("clean"), feature_sets=SETS, tuning={"folds": 3, "batch": 1})
    data = make_data(config)
    fit_and_register(config, data)
    return config, data


def test_every_trial_is_a_nested_run_and_the_parent_tells_the_choice(clean):
    config, _ = clean
    parent, *trials = sorted(runs_of(config), key=lambda each: each.data.tags.get("lakeloop.trial", ""))
    assert [json.loads(each.data.tags["lakeloop.trial"]) for each in trials] == [
        {"number": number, "params": {"C": c}, "feature_set": name}
        for number, (name, c) in enumerate([("all", 0.1), ("all", 1.0), ("lean", 0.1), ("lean", 1.0)])
    ]
    assert {each.data.tags["mlflow.parentRunId"] for each in trials} == {parent.info.run_id}
    best = min(trials, key=lambda each: each.data.metrics["validation_log_loss"])
    chosen = json.loads(best.data.tags["lakeloop.trial"])
    assert (parent.data.params["C"], parent.data.params["feature_set"]) == (
        str(chosen["params"]["C"]),
        chosen["feature_set"],
    )
    assert (parent.data.params["candidates"], parent.data.params["folds"]) == ("4", "3")
    assert parent.data.metrics["cv_log_loss"] == best.data.metrics["validation_log_loss"]
    assert parent.data.metrics["validation_log_loss"] == best.data.metrics["fold_3_log_loss"]  # the split's own cut
    assert {"holdout_log_loss", "validation_roc_auc"} <= set(parent.data.metrics)


def test_the_version_takes_every_input_whatever_its_feature_set(clean):
    config, data = clean
    registry = Context(config, TURNS[0]).registry
    version = registry.find_version("late", RUN_KEY)
    inputs = mlflow.models.get_model_info(f"models:/late/{version.version}").signature.inputs.input_names()
    assert inputs == list(data.frame.columns)
    assert version.tags["feature_set"] == client_of(config).get_run(version.run_id).data.params["feature_set"]


@pytest.mark.parametrize("done", [0, 3, 4])
def test_a_search_that_was_killed_goes_on_and_leaves_what_a_clean_one_leaves(clean, tmp_path, monkeypatch, done):
    _, data = clean
    config = declare(tmp_path, feature_sets=SETS, tuning={"folds": 3, "batch": 1})
    fitted = []
    true_fit = searches.fit_trial

    def fit(rows, trial, **named):
        fitted.append(trial.number)
        if len(fitted) == done + 1:
            raise Killed
        return true_fit(rows, trial, **named)

    def stop(*_, **__):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(searches, "fit_trial", fit)
        patched.setattr(searches, "assert_searched", stop)  # after the last trial
        with pytest.raises(Killed):
            fit_and_register(config, data)
    with monkeypatch.context() as patched:
        patched.setattr(searches, "fit_trial", fit)
        fitted.extend([-1, -1])  # nothing is killed any more
        version, candidates = fit_and_register(config, data)
    assert (version.version, candidates) == ("1", 4)
    assert fitted[fitted.index(-1) + 2 :] == list(range(done, 4))
    assert told(config) == told(clean[0])


def test_a_search_killed_twice_goes_on_from_the_further_of_the_two(clean, tmp_path, monkeypatch):
    _, data = clean
    config = declare(tmp_path, feature_sets=SETS, tuning={"folds": 3, "batch": 1})
    fitted = []
    true_fit = searches.fit_trial

    def fit(rows, trial, **named):
        if len(fitted) in (2, 3):
            fitted.append(-1)
            raise Killed
        fitted.append(trial.number)
        return true_fit(rows, trial, **named)

    monkeypatch.setattr(searches, "fit_trial", fit)
    for _ in range(2):
        with pytest.raises(Killed):
            fit_and_register(config, data)
    fit_and_register(config, data)
    assert fitted == [0, 1, -1, -1, 2, 3]
    assert told(config) == told(clean[0])


def test_a_trial_that_raises_is_a_failed_run_and_the_search_goes_on(fragile, tmp_path):
    config = declare(tmp_path, search={"C": [0.1, 9.0]})
    version, candidates = fit_and_register(config, make_data(config))
    states = {each.info.run_name: (each.info.status, each.data.tags.get("lakeloop.reason")) for each in runs_of(config)}
    assert states["candidate 0"] == ("FINISHED", None)
    assert states["candidate 1"] == ("FAILED", "RuntimeError: no convergence at 9")
    assert (candidates, client_of(config).get_run(version.run_id).data.params["failed_candidates"]) == (2, "1")


def test_a_search_without_a_finished_trial_registers_nothing_and_tries_again(fragile, tmp_path):
    config = declare(tmp_path, search={"C": [8.0, 9.0]})
    data = make_data(config)
    with pytest.raises(NotReadyError, match="trial 0: RuntimeError: no convergence at 8") as raised:
        fit_and_register(config, data)
    assert "trial 1: RuntimeError: no convergence at 9" in str(raised.value)
    assert Context(config, TURNS[0]).registry.find_version("late", RUN_KEY) is None
    assert {each.info.run_name: each.info.status for each in runs_of(config)} == {
        "candidate 0": "FAILED",
        "candidate 1": "FAILED",
        "train 2024-01-25T00:00:00Z": "FAILED",
    }
    mended = declare(tmp_path, search={"C": [0.1, 9.0]})
    fit_and_register(mended, data)
    assert [each[:2] for each in told(mended)] == [
        ("candidate 0", "FINISHED"),
        ("candidate 1", "FAILED"),
        ("train 2024-01-25T00:00:00Z", "FINISHED"),
    ]


def test_a_value_that_every_trial_is_refused_for_is_a_mistake_of_the_file(tmp_path):
    config = declare(tmp_path, search={"C": [-1.0, -2.0]})
    with pytest.raises(ConfigError, match="'C' parameter of LogisticRegression"):
        fit_and_register(config, make_data(config))


def test_trials_drawn_by_optuna_are_recorded_and_drawn_again_after_a_kill(tmp_path, monkeypatch):
    spec = {
        "search": {"C": {"low": 0.01, "high": 10.0, "log": True}},
        "feature_sets": SETS,
        "tuning": {"by": "optuna", "trials": 6, "batch": 2},
    }
    whole, stopped = declare(tmp_path / "whole", **spec), declare(tmp_path / "stopped", **spec)
    data = make_data(whole)
    fit_and_register(whole, data)
    true_fit, fitted = searches.fit_trial, []

    def fit(rows, trial, **named):
        if trial.number == 3 and 3 not in fitted:
            fitted.append(3)
            raise Killed
        fitted.append(trial.number)
        return true_fit(rows, trial, **named)

    monkeypatch.setattr(searches, "fit_trial", fit)
    monkeypatch.setattr(searches.os, "cpu_count", lambda: 1)
    with pytest.raises(Killed):
        fit_and_register(stopped, data)
    fit_and_register(stopped, data)
    assert fitted == [0, 1, 2, 3, 3, 4, 5]
    assert told(stopped) == told(whole)


def _calls(config, data) -> list[str]:
    """Names of the calls of MLflow's client that a training makes, each once, in order."""
    made: list[str] = []
    true = ExplainingClient.__getattr__

    def noting(self, name):
        made.append(name)
        return true(self, name)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ExplainingClient, "__getattr__", noting)
        fit_and_register(config, data)
    return list(dict.fromkeys(made))


def test_a_store_that_goes_down_at_any_call_leaves_nothing_half_registered(tmp_path):
    whole, config = (declare(tmp_path / name, search={"C": [1.0]}) for name in ("whole", "down"))
    data = make_data(whole)
    calls = _calls(whole, data)
    assert {"create_run", "log_batch", "set_terminated", "create_model_version"} <= set(calls)
    true = ExplainingClient.__getattr__
    for broken in calls:
        is_down = False

        def failing(self, name, broken=broken):
            nonlocal is_down
            is_down = is_down or name == broken
            if not is_down:
                return true(self, name)
            other = ExplainingClient(self.__dict__["_tracking_uri"])
            other.__dict__.update(_client=_Down(), _tracking_uri="https://me:secret@mlflow.example")
            return true(other, name)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(ExplainingClient, "__getattr__", failing)
            with pytest.raises(EnvironmentProblemError, match="start the tracking server") as raised:
                fit_and_register(config, data)
        assert "secret" not in str(raised.value)
        assert not client_of(config).search_model_versions("name = 'late'")
    fit_and_register(config, data)
    assert told(config) == told(whole)


def test_a_store_that_goes_down_after_the_version_is_there_is_tidied_by_the_next_call(tmp_path):
    config = declare(tmp_path, search={"C": [1.0]})
    data = make_data(config)
    true = ExplainingClient.__getattr__
    failed = "create_registered_model"  # the first attempt leaves a run

    def failing(self, name):
        return true(self, name) if name != failed else _Down().call

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ExplainingClient, "__getattr__", failing)
        with pytest.raises(MlflowException):
            fit_and_register(config, data)
        failed = "delete_run"  # the second ends, and cannot delete it
        with pytest.raises(MlflowException):
            fit_and_register(config, data)
    registry = Context(config, TURNS[0]).registry
    version = registry.find_version("late", RUN_KEY)
    assert len(told(config)) == 4
    registry.finish_run(version)
    assert [each[:2] for each in told(config)] == [
        ("candidate 0", "FINISHED"),
        ("train 2024-01-25T00:00:00Z", "FINISHED"),
    ]


class _Down:
    """Stands for the client of a server that is gone."""

    @staticmethod
    def call(*_, **__):
        raise MlflowException("API request failed: [Errno 111] Connection refused'))")

    def __getattr__(self, name):
        return self.call


DOWN = MlflowException("no answer")
FULL = OSError(errno.ENOSPC, "No space left on device", "/data/mlartifacts/x")


@pytest.mark.parametrize(
    ("function", "failure"),
    [
        ("start_run", DOWN),
        ("log_input", DOWN),
        ("log_params", DOWN),
        ("log_metrics", DOWN),
        ("log_text", DOWN),
        ("log_text", FULL),
        ("sklearn.log_model", DOWN),
        ("sklearn.log_model", FULL),
    ],
)
def test_what_cannot_be_logged_is_told_with_a_remedy_and_done_by_the_next_call(
    shared_down, monkeypatch, function, failure
):
    config, data = shared_down
    module, _, name = f"mlflow.{function}".rpartition(".")

    def fail(*_, **__):
        raise failure

    with monkeypatch.context() as patched:
        patched.setattr(f"{module}.{name}", fail)
        with pytest.raises(EnvironmentProblemError) as raised:
            fit_and_register(config, data)
    assert raised.value.__cause__ is failure
    assert (explain_machine_failure(raised.value) is not None) == (failure is FULL)
    assert Context(config, TURNS[0]).registry.find_version("late", RUN_KEY) is None
    assert all(each.info.status != "RUNNING" for each in runs_of(config))


@pytest.fixture(scope="module")
def shared_down(tmp_path_factory):
    config = declare(tmp_path_factory.mktemp("down"), search={"C": [1.0]})
    return config, make_data(config)


def test_after_all_that_one_clean_call_is_enough(shared_down):
    config, data = shared_down
    fit_and_register(config, data)
    assert [each[:2] for each in told(config)] == [
        ("candidate 0", "FINISHED"),
        ("train 2024-01-25T00:00:00Z", "FINISHED"),
    ]


def test_runs_are_compared_without_spark(clean, monkeypatch):
    config, _ = clean
    context = Context(config, TURNS[0])
    monkeypatch.setattr(type(context.lake), "own_rows", lambda *_: [])
    compared = compare_runs(context, "late", trials_of="1")
    (run,) = compared.runs
    assert (run.version, run.outcome, run.state, run.candidates) == ("1", None, "FINISHED", 4)
    assert [each.validation for each in compared.trials] == sorted(each.validation for each in compared.trials)
    wide, narrow = describe_comparison(compared, width=200), describe_comparison(compared, width=40)
    assert "feature set" in wide
    assert f"mlflow ui --backend-store-uri {config.tracking_uri}" in wide
    assert f"  run: {run.run_id}" in narrow.splitlines()
    with pytest.raises(NotReadyError, match="there is none of the version or id 7"):
        compare_runs(context, "late", trials_of="7")
