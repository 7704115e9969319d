from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.svm import LinearSVC

from lakeloop.config.estimator import Estimator
from lakeloop.config.metric import Metric, Task
from lakeloop.errors import ConfigError, DistributionError, NotReadyError, UsageError
from lakeloop.training.fitting import LabelledRows, predict_scores
from lakeloop.training.preprocessing import build_pipeline
from lakeloop.training.search import Candidate, candidates, choose_best, fit_candidates
from tests.training.declarations import COLUMNS, declare_model, make_rows

FOREST = {
    "class": "sklearn.ensemble.RandomForestClassifier",
    "params": {"n_estimators": 5},
    "search": {"max_depth": [2, 4]},
}


def declare_search(**search: list[object]) -> Estimator:
    return Estimator.model_validate({"class": "sklearn.linear_model.Ridge", "search": search})


def test_candidates_come_in_declared_order_the_first_parameter_slowest() -> None:
    assert candidates(declare_search(b=[2, 1], a=["x", None])) == (
        {"b": 2, "a": "x"},
        {"b": 2, "a": None},
        {"b": 1, "a": "x"},
        {"b": 1, "a": None},
    )


def test_without_a_search_there_is_one_candidate() -> None:
    assert candidates(declare_search()) == ({},)


def test_too_many_candidates_and_none_are_refused() -> None:
    with pytest.raises(UsageError, match=r"estimator\.search: got 6 combinations; allowed: at most 4"):
        candidates(declare_search(a=[1, 2, 3], b=[1, 2]))
    with pytest.raises(UsageError, match=r"estimator\.search\.a: got no values"):
        candidates(declare_search(a=[]))


def fit(model, seed: int = 0) -> Iterator[Candidate]:
    return fit_candidates(model, COLUMNS, LabelledRows(*make_rows(300)), LabelledRows(*make_rows(100, seed=1)), seed)


def test_candidates_are_fitted_one_at_a_time_with_metrics_on_the_validation_rows() -> None:
    fitted = fit(declare_model(estimator=FOREST))
    first = next(fitted)
    assert first.params == {"max_depth": 2}
    assert first.pipeline[-1].get_params()["max_depth"] == 2
    assert first.fit_seconds > 0
    validation, y_validation = make_rows(100, seed=1)
    scores = predict_scores(Task.CLASSIFICATION, first.pipeline, validation)
    assert first.metrics[Metric.BRIER] == pytest.approx(np.mean((scores - y_validation) ** 2))
    assert [candidate.params for candidate in fitted] == [{"max_depth": 4}]


def test_shared_preprocessing_gives_what_each_pipeline_gives_fitted_alone() -> None:
    model = declare_model(estimator=FOREST)
    (rows, label), (others, _) = make_rows(300), make_rows(100, seed=1)
    for candidate in fit(model):
        alone = build_pipeline(model, COLUMNS, candidate.params, 0).fit(rows, label)
        expected = predict_scores(Task.CLASSIFICATION, alone, others)
        assert predict_scores(Task.CLASSIFICATION, candidate.pipeline, others).tolist() == expected.tolist()


def test_same_rows_and_seed_give_the_same_metrics_and_another_seed_others() -> None:
    model = declare_model(estimator=FOREST)
    first, again, other = ([candidate.metrics for candidate in fit(model, seed)] for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_a_regression_is_fitted_and_scored() -> None:
    model = declare_model(
        task="regression",
        estimator={"class": "sklearn.linear_model.Ridge"},
        gate={"metric": "mean_absolute_error", "non_inferior_by": 1.0},
    )
    rows, _ = make_rows(200)
    doubled = LabelledRows(rows, rows["distance"] * 2.0)
    (candidate,) = fit_candidates(model, COLUMNS, doubled, doubled, 0)
    assert candidate.metrics[Metric.R2] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([True] * 300, NotReadyError, "train: all 300 labels are True"),
        ([1.0] * 299 + [np.nan], DistributionError, "1 of 300 values are missing"),
    ],
)
def test_labels_that_cannot_be_learned_from_are_refused(labels, error, message: str) -> None:
    train, validation = LabelledRows(make_rows(300)[0], labels), LabelledRows(*make_rows(100, seed=1))
    with pytest.raises(error, match=message):
        next(fit_candidates(declare_model(), COLUMNS, train, validation, 0))


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (
            FOREST | {"search": {"max_depth": ["deep"]}},
            "{'max_depth': 'deep'}: The 'max_depth' parameter of RandomForest",
        ),
        ({"class": "sklearn.linear_model.LogisticRegression"}, "Input X contains NaN"),
    ],
)
def test_what_an_estimator_refuses_is_a_mistake_of_the_model_s_file(estimator: dict[str, object], said: str) -> None:
    rows, late = make_rows(300)
    rows["distance"] = np.nan
    model = declare_model(estimator=estimator, preprocess=[{"columns": ["*"], "steps": ["pass"]}])
    both = LabelledRows(rows, late)
    with pytest.raises(ConfigError) as raised:
        next(fit_candidates(model, ("distance",), both, both, 0, file="conf/base/models/late.yml"))
    (mistake,) = raised.value.issues
    assert (mistake.file, mistake.where) == ("conf/base/models/late.yml", "estimator")
    assert said in mistake.got


def test_parts_without_rows_are_not_ready() -> None:
    rows, late = make_rows(10)
    some, none = LabelledRows(rows, late), LabelledRows(rows[:0], late[:0])
    with pytest.raises(NotReadyError, match="validation: no rows"):
        next(fit_candidates(declare_model(), COLUMNS, some, none, 0))
    with pytest.raises(NotReadyError, match="train: no rows"):
        next(fit_candidates(declare_model(), COLUMNS, none, some, 0))


@pytest.mark.parametrize(
    ("labels", "expected"), [([True, False, False, True], 0.5), ([False] * 4, 0.0), ([True] * 4, 1.0)]
)
def test_the_score_is_the_probability_of_true(labels: list[bool], expected: float) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})
    constant = DummyClassifier(strategy="prior").fit(frame, labels)
    assert predict_scores(Task.CLASSIFICATION, constant, frame).tolist() == [expected] * 4


def test_a_classifier_without_probabilities_is_refused() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    with pytest.raises(UsageError, match="got no predict_proba"):
        predict_scores(Task.CLASSIFICATION, LinearSVC().fit(frame, [True, False]), frame)


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        (Metric.LOG_LOSS, [0.6, 0.5, 0.7], 1),
        (Metric.ROC_AUC, [0.6, 0.5, 0.7], 2),
        (Metric.R2, [-0.5, 0.1], 1),
        (Metric.LOG_LOSS, [0.5, 0.5], 0),
        (Metric.LOG_LOSS, [np.nan, 0.9], 1),
        (Metric.ROC_AUC, [np.nan, 0.1], 1),
    ],
)
def test_the_best_candidate_is_chosen(metric: Metric, values: list[float], best: int) -> None:
    fitted = [Candidate({"index": index}, None, {metric: value}, 0.0) for index, value in enumerate(values)]
    assert choose_best(fitted, metric).params == {"index": best}


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_nothing_to_choose_from_is_not_ready(values: list[float]) -> None:
    fitted = [Candidate({}, None, {Metric.LOG_LOSS: value}, 0.0) for value in values]
    with pytest.raises(NotReadyError, match=f"{len(values)} candidates, none with a value of log_loss"):
        choose_best(fitted, Metric.LOG_LOSS)
