"""What of a choice serves: fitted through the holdout or not, and after how many rounds; what is recorded of it."""

from __future__ import annotations

from dataclasses import replace

import mlflow
import numpy as np
import pytest
from sklearn.base import clone

from lakeloop.runs.compare import compare_runs
from lakeloop.runs.context import Context
from lakeloop.tables import Lake
from tests.laws.small_loop import TURNS
from tests.runs.searches import declare, fit_and_register, make_data


def test_what_serves_is_fitted_through_the_holdout_and_what_is_judged_is_not(tmp_path):
    config = declare(tmp_path, search={"C": [1.0]})
    late = config.models["late"]
    refit = late.model_copy(update={"split": late.split.model_copy(update={"refit": True})})
    config = replace(config, models={"late": refit})
    data = make_data(config)
    version, _ = fit_and_register(config, data)
    registry = Context(config, TURNS[0]).registry
    serves, judged = registry.load_pipeline(version), registry.load_judged(version)
    plain = declare(tmp_path / "plain", search={"C": [1.0]})
    without, _ = fit_and_register(plain, data)
    expected = Context(plain, TURNS[0]).registry.load_judged(without)  # without a refit it is the version itself
    assert np.array_equal(judged.predict_proba(data.frame), expected.predict_proba(data.frame))
    everything = clone(judged).fit(data.frame, data.label > 0)
    assert serves.predict_proba(data.frame) == pytest.approx(everything.predict_proba(data.frame), rel=1e-9)
    assert not np.array_equal(serves.predict_proba(data.frame), judged.predict_proba(data.frame))
    assert version.tags["trained_through"] == data.training_set.data_through.isoformat()
    told_of = registry.training_of(version)
    plainly = Context(plain, TURNS[0]).registry.training_of(without)
    assert told_of.metrics == plainly.metrics  # of what was judged
    assert told_of.params["refit"] == "True"


def test_what_is_fitted_through_the_holdout_takes_as_many_rounds_as_what_was_judged(tmp_path):
    boosted = {"class": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 200}, "search": {}}
    config = declare(tmp_path, **boosted, early_stopping={"rounds": 3})
    late = config.models["late"]
    refit = late.model_copy(update={"split": late.split.model_copy(update={"refit": True})})
    version, _ = fit_and_register(replace(config, models={"late": refit}), make_data(config))
    context = Context(config, TURNS[0])
    serves, judged = context.registry.load_pipeline(version)[-1], context.registry.load_judged(version)[-1]
    assert serves.n_iter_ == judged.n_iter_ < 200
    recorded = context.registry.training_of(version)
    assert recorded.params["iterations"] == str(judged.n_iter_)
    card = mlflow.artifacts.load_text(f"runs:/{version.run_id}/lakeloop/model_card.md")
    assert f"\n- Rounds: `{judged.n_iter_}`, stopped when the loss on the validation part no longer fell\n" in card


def test_the_rounds_recorded_are_those_of_the_fit_that_serves_not_of_a_fold(tmp_path, monkeypatch):
    boosted = {"class": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 60}, "search": {}}
    config = declare(tmp_path, **boosted, early_stopping={"rounds": 3}, tuning={"folds": 2})
    data = make_data(config)
    version, _ = fit_and_register(config, data)
    registry = Context(config, TURNS[0]).registry
    rounds = registry.load_pipeline(version)[-1].n_iter_
    assert 0 < rounds < 60
    assert registry.training_of(version).params["iterations"] == str(rounds)
    of = {"sample_fraction": 0.3, "sample_seed": 7, "sample_rows": 60, "train_rows": 200}
    whole = declare(tmp_path, **boosted, early_stopping=None)
    plain, _ = fit_and_register(whole, replace(data, sampling=of), "key-of-all-rounds")
    assert registry.load_pipeline(plain)[-1].n_iter_ == 60
    assert "iterations" not in registry.training_of(plain).params
    monkeypatch.setattr(Lake, "own_rows", lambda *_: [])
    compared = compare_runs(Context(whole, TURNS[0]), "late")
    assert [(each.version, dict(each.params)) for each in compared.runs] == [("2", {}), ("1", {})]  # nothing was chosen
