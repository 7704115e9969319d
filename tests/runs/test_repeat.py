"""A training done again on a pinned set; the set's rows are made here, the tracking store is real."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient

from lakeloop.errors import ConflictError, NotReadyError
from lakeloop.runs import repeat
from lakeloop.runs.context import Context
from lakeloop.runs.repeat import changed_keys, repeat_training
from lakeloop.runs.train import fit_and_register, training_run_key
from lakeloop.statuses import RepeatStatus
from tests.laws.small_loop import TURNS
from tests.runs.searches import declare, make_data

SEED = 7


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A version, and the rows it was trained on."""
    config = declare(tmp_path_factory.mktemp("trained"), search={"C": [0.1, 1.0]}, tuning={"trials": 2})
    data, context = make_data(config), Context(config, TURNS[0])
    key = training_run_key(context, config.models["late"], data.training_set, SEED)
    fit_and_register(context, config.models["late"], replace(data, sampling={"sample_seed": SEED}), key, SEED)
    return config, data


def pin(monkeypatch, config, data) -> Context:
    """Let the set be found as if it had been pinned."""
    manifest = SimpleNamespace(training_set_id="set-of-rows", model="late", as_of=TURNS[0], seed=SEED)
    monkeypatch.setattr(repeat, "find_manifest", lambda *_: manifest)
    monkeypatch.setattr(repeat, "pinned_model", lambda context, _: context.config.models["late"])
    monkeypatch.setattr(repeat, "pinned_set", lambda _: data.training_set)
    monkeypatch.setattr(repeat, "read_training_data", lambda *_, seed: replace(data, sampling={"sample_seed": seed}))
    context = Context(config, TURNS[1])
    monkeypatch.setattr(context.lake, "writing", nullcontext)
    return context


def runs_of(config) -> int:
    client = MlflowClient(config.tracking_uri)
    return len(client.search_runs([each.experiment_id for each in client.search_experiments()]))


def test_the_same_seed_gives_the_metrics_that_were_recorded_and_records_nothing(trained, monkeypatch):
    config, data = trained
    before = runs_of(config)
    found = repeat_training(pin(monkeypatch, config, data), "set-of-rows")
    assert (found.status, found.version, found.candidates) == (RepeatStatus.REPRODUCED, "1", 2)
    assert {"validation_log_loss", "holdout_log_loss"} <= {each.metric for each in found.metrics}
    assert all(each.recorded == pytest.approx(each.now, rel=1e-9) for each in found.metrics)
    assert (found.packages, found.failure(), runs_of(config)) == ((), None, before)


def test_other_rows_give_other_metrics_and_each_is_named(trained, monkeypatch):
    config, data = trained
    other = replace(data, label=1.0 - data.label)
    found = repeat_training(pin(monkeypatch, config, other), "set-of-rows")
    assert found.status is RepeatStatus.DIFFERENT
    failure = found.failure()
    assert isinstance(failure, ConflictError)
    assert "holdout_average_precision" in str(failure)
    assert "was recorded with version 1, it is" in str(failure)


def test_another_declaration_with_a_seed_that_was_used_says_what_differs(trained, monkeypatch, tmp_path):
    config, data = trained
    late = config.models["late"]
    estimator = late.estimator.model_copy(update={"params": {"max_iter": 50}})
    other = replace(config, models={"late": late.model_copy(update={"estimator": estimator})})
    with pytest.raises(ConflictError, match=r"version 1 was trained by another one: estimator\.params\.max_iter"):
        repeat_training(pin(monkeypatch, other, data), "set-of-rows")


def test_another_seed_is_a_new_version_that_no_gate_judges_and_is_compared_with_next_time(trained, monkeypatch):
    config, data = trained
    context = pin(monkeypatch, config, data)
    found = repeat_training(context, "set-of-rows", 8)
    assert (found.status, found.version, found.seed, found.metrics) == (RepeatStatus.NEW, "2", 8, ())
    version = context.registry.list_versions("late")[-1]
    assert (version.tags["seed"], version.tags["training_set_id"]) == ("8", "set-of-rows")
    assert context.registry.alias("late", "challenger") is None
    assert version.tags["sample_seed"] == "8"  # the sample is drawn by the seed of the training
    again = repeat_training(context, "set-of-rows", 8)
    assert (again.status, again.version, again.packages) == (RepeatStatus.REPRODUCED, "2", ())


def test_a_set_that_only_the_registry_knows_says_when_it_was_pinned_and_what_differs(trained):
    config, _ = trained
    with pytest.raises(NotReadyError) as error:
        repeat_training(Context(config, TURNS[1]), "set-of-rows")
    assert [str(each) for each in error.value.failures] == [
        "training set: there is none with the id set-of-rows",
        "recorded: version 1 was trained on it, as of 2024-01-25T00:00:00Z",
    ]
    assert "each with --as-of 2024-01-25T00:00:00Z, pin it in this workspace" in error.value.remedy
    orders = config.sources["orders"]
    other = replace(config, sources={**config.sources, "orders": orders.model_copy(update={"rules": ()})})
    with pytest.raises(NotReadyError, match="declarations: not as they were: source orders"):
        repeat_training(Context(other, TURNS[1]), "set-of-rows")


def test_keys_that_one_declaration_lacks_differ() -> None:
    assert changed_keys({"a": {"b": 1}}, {"a": {"b": 1, "c": None}}) == []
    assert changed_keys({"a": {"b": 1}}, {"a": 2}) == ["a"]
    assert changed_keys({}, {"a": {"b": 1}}) == ["a"]
