"""A fit on Spark gives the model that a fit in this process gives, and its rows never come here."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from pyspark.sql import DataFrame

from lakeloop.config.estimator import Estimator
from lakeloop.config.metric import Metric, Task
from lakeloop.config.model import Model
from lakeloop.errors import ConfigError, UsageError
from lakeloop.runs.distributed_fit import SpreadFit, check_can_spread, spread_fit
from lakeloop.training.fitting import LabelledRows, fit_estimator, predict_scores, prepare_rows
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.sampling import Sample
from tests.shared import shared_session
from tests.training.declarations import COLUMNS, declare_model, fit_grid, make_rows

pytestmark = pytest.mark.needs(find_spec("xgboost") is not None, "xgboost", "pip install 'lakeloop[xgboost]'")

ROWS = 600
FITTED = {"class": "xgboost.XGBClassifier", "params": {"n_estimators": 15, "max_depth": 3, "verbosity": 0}}
NEAR = 1e-6
"""How near the scores of the two fits are: histograms are summed in another order."""


def ids(count: int) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(count)]


def stored(rows: pd.DataFrame, label: Any, part: str = "train") -> DataFrame:
    """Rows as a training set has them: instants as instants, whole numbers as such."""
    columns = rows.assign(
        departure_ts=pd.to_datetime(rows["departure_ts"], unit="s", utc=True),
        weather__wind=rows["weather__wind"].astype("Float64"),
        prediction_id=ids(len(rows)),
        label=np.asarray(label),
        _split=part,
    )
    schema = (
        "carrier string, distance bigint, weather__wind double, weather__gust double, departure_ts timestamp, "
        "prediction_id string, label "
        + ("boolean" if np.asarray(label).dtype == np.bool_ else "double")
        + ", _split string"
    )
    return shared_session().createDataFrame(columns, schema)


def spread(frame: DataFrame, rows: pd.DataFrame, task: Task, workers: int = 1) -> SpreadFit:
    inputs = tuple(rows.columns)
    training = frame.select("prediction_id", "label", *inputs)
    return SpreadFit(training, inputs, task, len(rows), workers)


def scores(model: Model, train: LabelledRows, others: pd.DataFrame) -> np.ndarray[Any, Any]:
    prepared = prepare_rows(model, COLUMNS, train, LabelledRows(*make_rows(100, seed=1)), seed=7)
    fitted = fit_estimator(model, prepared, {}, seed=7)
    return predict_scores(model.task, fitted.pipeline, others)


@pytest.mark.slow
def test_one_worker_and_two_give_what_a_fit_in_this_process_gives() -> None:
    model = declare_model(estimator=FITTED)
    rows, label = make_rows(ROWS)
    others, _ = make_rows(200, seed=2)
    here = scores(model, LabelledRows(rows, label), others)
    frame = stored(rows, label)
    for workers, order in ((1, frame), (2, frame.orderBy("distance").repartition(3))):
        there = scores(model, LabelledRows(rows, label, fit_elsewhere=spread(order, rows, model.task, workers)), others)
        assert np.abs(here - there).max() < NEAR
    assert here.std() > 0.1  # they tell rows apart


def test_the_preprocessing_of_a_sample_prepares_all_rows() -> None:
    """Fitted here on 100 rows, there on 600: as the steps of the 100 and all rows fitted in this process."""
    model = declare_model(estimator=FITTED)
    rows, label = make_rows(ROWS)
    sample = LabelledRows(rows.head(100), label.head(100), fit_elsewhere=spread(stored(rows, label), rows, model.task))
    prepared = prepare_rows(model, COLUMNS, sample, LabelledRows(*make_rows(100, seed=1)), seed=7)
    there = fit_estimator(model, prepared, {}, seed=7).pipeline
    expected = Estimator.model_validate(FITTED)
    assert there[-1].get_params()["n_estimators"] == expected.params["n_estimators"]
    from xgboost import XGBClassifier

    alone = XGBClassifier(**expected.params, random_state=7).fit(prepared.steps.transform(rows), label)
    wanted = alone.predict_proba(prepared.steps.transform(rows))[:, 1]
    assert np.abs(predict_scores(model.task, there, rows) - wanted).max() < NEAR


def test_every_candidate_of_a_search_is_fitted_there_and_loads_by_skops() -> None:
    model = declare_model(estimator=FITTED | {"distributed": True, "search": {"max_depth": [1, 3]}})
    rows, label = make_rows(ROWS)
    train = LabelledRows(rows.head(100), label.head(100), fit_elsewhere=spread(stored(rows, label), rows, model.task))
    shallow, deep = fit_grid(model, COLUMNS, train, LabelledRows(*make_rows(100, seed=1)), 7)
    assert [shallow.pipeline[-1].max_depth, deep.pipeline[-1].max_depth] == [1, 3]
    assert shallow.metrics[Metric.LOG_LOSS] != deep.metrics[Metric.LOG_LOSS]
    assert list(deep.pipeline.named_steps) == ["on_demand", "preprocessing", "estimator"]
    assert "carrier_UA" in deep.pipeline[-1].get_booster().feature_names
    again = skops.io.loads(skops.io.dumps(deep.pipeline), trusted=list(TRUSTED_TYPES))
    assert (again.predict_proba(rows) == deep.pipeline.predict_proba(rows)).all()


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_several_classes_are_fitted_there_too(workers: int) -> None:
    label_of = declare_model().label.model_dump(by_alias=True) | {"classes": ["on_time", "late", "never"]}
    model = declare_model(task="multiclass", label=label_of, estimator=FITTED)
    rows, _ = make_rows(ROWS)
    validation, _ = make_rows(100, seed=1)

    def places(frame: pd.DataFrame) -> Any:
        return np.digitize(frame["weather__wind"].fillna(10.0), [9.0, 13.0]).astype(np.float64)

    parts = LabelledRows(validation, places(validation))

    def fit(train: LabelledRows) -> Any:
        return fit_estimator(model, prepare_rows(model, COLUMNS, train, parts, seed=7), {}, seed=7).pipeline

    here, frame = fit(LabelledRows(rows, places(rows))), stored(rows, places(rows))
    there = fit(LabelledRows(rows, places(rows), fit_elsewhere=spread(frame, rows, model.task, workers)))
    assert [*there.classes_] == [0, 1, 2]
    ours, theirs = (predict_scores(model.task, each, rows, 3) for each in (here, there))
    assert np.abs(ours - theirs).max() < 1e-5
    again = skops.io.loads(skops.io.dumps(there), trusted=list(TRUSTED_TYPES))
    assert (predict_scores(model.task, again, rows, 3) == theirs).all()


def test_a_regression_is_fitted_there_too() -> None:
    model = declare_model(
        task="regression",
        estimator=FITTED | {"class": "xgboost.XGBRegressor"},
        gate={"metric": "mean_absolute_error", "non_inferior_by": 0.1},
    )
    rows, _ = make_rows(ROWS)
    label = rows["distance"] / 100 + rows["weather__wind"].fillna(0)
    validation, _ = make_rows(100, seed=1)
    parts = LabelledRows(validation, validation["distance"] / 100)

    def fit(train: LabelledRows) -> Any:
        prepared = prepare_rows(model, COLUMNS, train, parts, seed=7)
        return predict_scores(model.task, fit_estimator(model, prepared, {}, seed=7).pipeline, rows)

    here = fit(LabelledRows(rows, label))
    there = fit(LabelledRows(rows, label, fit_elsewhere=spread(stored(rows, label), rows, model.task, 2)))
    assert np.abs(here - there).max() < 1e-3  # of predictions near 20


def test_a_sample_of_the_training_rows_alone_is_fitted_on() -> None:
    rows, label = make_rows(ROWS)
    frame = stored(rows, label).unionByName(stored(rows, label, "holdout"))
    sample = Sample(0.6, seed=7)
    fit = spread_fit(frame, tuple(rows.columns), sample, Task.CLASSIFICATION)
    kept = {row.prediction_id for row in fit.training.collect()}
    assert kept == {each for each in ids(ROWS) if sample.holds(each)}
    assert (fit.rows, fit.workers) == (len(kept), 2)  # this session has two cores
    assert spread_fit(frame.limit(150), tuple(rows.columns), Sample(1.0, seed=7), Task.CLASSIFICATION).workers == 1


def test_what_the_estimator_does_not_take_is_a_mistake_of_the_declaration() -> None:
    model = declare_model(estimator=FITTED | {"params": {"n_estimators": 5, "max_depth": "deep"}})
    rows, label = make_rows(ROWS)
    train = LabelledRows(rows, label, fit_elsewhere=spread(stored(rows, label), rows, model.task))
    with pytest.raises(ConfigError, match="max_depth"):
        scores(model, train, rows)


def test_a_sample_is_never_fitted_on_in_place_of_all_rows() -> None:
    model = declare_model(estimator=FITTED | {"distributed": True})
    rows = LabelledRows(*make_rows(100))
    with pytest.raises(AssertionError, match="are a sample"):
        fit_estimator(model, prepare_rows(model, COLUMNS, rows, rows, seed=7), {}, seed=7)


def test_a_session_of_connect_is_refused_with_what_to_do() -> None:
    session = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session"})()
    with pytest.raises(UsageError) as refused:
        check_can_spread(SimpleNamespace(spark=session))  # type: ignore[arg-type]  # of its kind only the session counts
    assert "got a session of Spark Connect" in str(refused.value)
    assert "declare split.sample" in str(refused.value)
