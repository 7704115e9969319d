from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.svm import LinearSVC

from lakeloop.config.estimator import Estimator
from lakeloop.config.metric import Metric, Task
from lakeloop.errors import ConfigError, ConfigIssue, DistributionError, NotReadyError, UsageError
from lakeloop.statuses import TrialState
from lakeloop.training.fitting import LabelledRows, predict_scores
from lakeloop.training.search import (
    assert_searched,
    candidates,
    choose_best,
    feature_columns,
    grid_trials,
    search,
)
from lakeloop.training.trials import Trial, TrialResult
from tests.training.declarations import COLUMNS, declare_model, fit_grid, make_rows

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


def fit(model, seed: int = 0) -> list[TrialResult]:
    return fit_grid(model, COLUMNS, LabelledRows(*make_rows(300)), LabelledRows(*make_rows(100, seed=1)), seed)


def test_trials_are_fitted_in_order_with_metrics_on_the_validation_rows() -> None:
    first, *others = fit(declare_model(estimator=FOREST))
    assert first.trial.params == {"max_depth": 2}
    assert first.pipeline[-1].get_params()["max_depth"] == 2
    assert first.fit_seconds > 0
    validation, y_validation = make_rows(100, seed=1)
    scores = predict_scores(Task.CLASSIFICATION, first.pipeline, validation)
    assert first.metrics[Metric.BRIER] == pytest.approx(np.mean((scores - y_validation) ** 2))
    assert [each.trial.params for each in others] == [{"max_depth": 4}]


def test_shared_preprocessing_gives_what_each_pipeline_gives_fitted_alone() -> None:
    model = declare_model(estimator=FOREST)
    (rows, label), (others, _) = make_rows(300), make_rows(100, seed=1)
    for candidate in fit(model):
        alone = clone(candidate.pipeline).fit(rows, label)
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
    (candidate,) = fit_grid(model, COLUMNS, doubled, doubled, 0)
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
        fit_grid(declare_model(), COLUMNS, train, validation, 0)


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
    results = fit_grid(model, ("distance",), both, both, 0, file="conf/base/models/late.yml")
    with pytest.raises(ConfigError) as raised:
        assert_searched(results, model.estimator, model.gate.metric)
    (mistake,) = raised.value.issues
    assert (mistake.file, mistake.where) == ("conf/base/models/late.yml", "estimator")
    assert said in mistake.got


def test_parts_without_rows_are_not_ready() -> None:
    rows, late = make_rows(10)
    some, none = LabelledRows(rows, late), LabelledRows(rows[:0], late[:0])
    with pytest.raises(NotReadyError, match="validation: no rows"):
        fit_grid(declare_model(), COLUMNS, some, none, 0)
    with pytest.raises(NotReadyError, match="train: no rows"):
        fit_grid(declare_model(), COLUMNS, none, some, 0)


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
        (Metric.LOG_LOSS, [np.inf, 0.9], 1),
        (Metric.ROC_AUC, [np.inf, 0.1], 1),
    ],
)
def test_the_best_candidate_is_chosen(metric: Metric, values: list[float], best: int) -> None:
    ended = [TrialResult(Trial(n, {}), TrialState.FINISHED, {metric: value}) for n, value in enumerate(values)]
    assert choose_best(ended, metric).trial.number == best


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_nothing_to_choose_from_is_not_ready(values: list[float]) -> None:
    ended = [TrialResult(Trial(n, {}), TrialState.FINISHED, {Metric.LOG_LOSS: v}) for n, v in enumerate(values)]
    with pytest.raises(NotReadyError, match=f"{len(values)} candidates, none with a value of log_loss"):
        choose_best(ended, Metric.LOG_LOSS)


DRAWN = {
    "class": "sklearn.linear_model.Ridge",
    "search": {
        "alpha": {"low": 0.001, "high": 10.0, "log": True},
        "max_iter": {"low": 5, "high": 50},
        "solver": ["svd", None],
    },
    "feature_sets": {"all": ["*"], "lean": ["a"]},
    "tuning": {"by": "optuna", "trials": 14, "batch": 3},
}


class Runner:
    """Judges trials by a formula, and remembers which it was given."""

    def __init__(self, *, fails: tuple[int, ...] = ()) -> None:
        self.fitted: list[int] = []
        self.batches: list[int] = []
        self.fails = fails

    def __call__(self, trials):
        self.batches.append(len(trials))
        for trial in trials:
            self.fitted.append(trial.number)
            if trial.number in self.fails:
                yield TrialResult(trial, TrialState.FAILED, reason="RuntimeError: no")
            else:
                value = abs(float(trial.params.get("alpha", 1)) - 0.05) + (trial.feature_set == "all")
                yield TrialResult(trial, TrialState.FINISHED, {Metric.LOG_LOSS: value})


def drawn(run, seed: int = 7, known=None, **changes) -> list[TrialResult]:
    estimator = Estimator.model_validate(DRAWN | changes)
    return list(search(estimator, run, Metric.LOG_LOSS, seed, known=known))


def test_a_grid_tries_every_feature_set_with_every_combination() -> None:
    estimator = Estimator.model_validate(FOREST | {"feature_sets": {"all": ["*"], "lean": ["distance"]}})
    assert [(each.number, each.params["max_depth"], each.feature_set) for each in grid_trials(estimator)] == [
        (0, 2, "all"),
        (1, 4, "all"),
        (2, 2, "lean"),
        (3, 4, "lean"),
    ]


def test_feature_sets_count_as_combinations_and_trials_raises_the_bound() -> None:
    wide = FOREST | {"search": {"max_depth": [1, 2, 3]}, "feature_sets": {"all": ["*"], "lean": ["distance"]}}
    with pytest.raises(UsageError, match=r"got 6 combinations; allowed: at most 4"):
        grid_trials(Estimator.model_validate(wide))
    assert len(grid_trials(Estimator.model_validate(wide | {"tuning": {"trials": 6}}))) == 6


def test_a_feature_set_that_names_no_column_is_refused() -> None:
    estimator = Estimator.model_validate(FOREST | {"feature_sets": {"lean": ["tides.*"]}})
    with pytest.raises(UsageError, match=r"estimator\.feature_sets\.lean: got patterns that match no model column"):
        feature_columns(estimator, COLUMNS)


def test_a_range_is_no_grid() -> None:
    with pytest.raises(UsageError, match=r"estimator\.search\.alpha: got a range"):
        grid_trials(Estimator.model_validate(DRAWN | {"tuning": {}}))


def test_drawn_trials_stay_in_their_ranges_and_whole_numbers_whole() -> None:
    results = drawn(Runner())
    assert [each.trial.number for each in results] == list(range(14))
    for each in results:
        assert 0.001 <= each.trial.params["alpha"] <= 10.0
        assert isinstance(each.trial.params["max_iter"], int)
        assert 5 <= each.trial.params["max_iter"] <= 50
    assert {each.trial.params["solver"] for each in results} == {"svd", None}
    assert {each.trial.feature_set for each in results} == {"all", "lean"}


def test_the_same_seed_draws_the_same_trials_and_another_others() -> None:
    first, again, other = (drawn(Runner(), seed) for seed in (7, 7, 8))
    assert [each.trial for each in first] == [each.trial for each in again]
    assert [each.trial for each in first] != [each.trial for each in other]
    declared = drawn(Runner(), 8, tuning=DRAWN["tuning"] | {"seed": 7})
    assert [each.trial for each in declared] == [each.trial for each in first]


def test_trials_are_handed_out_in_batches() -> None:
    run = Runner()
    drawn(run)
    assert run.batches == [3, 3, 3, 3, 2]


@pytest.mark.parametrize("done", [1, 3, 5, 13, 14])
def test_a_search_that_goes_on_fits_what_is_missing_and_draws_what_it_would_have(done: int) -> None:
    whole = drawn(Runner())
    run = Runner()
    again = drawn(run, known={each.trial.number: each for each in whole[:done]})
    assert run.fitted == list(range(done, 14))
    assert again == whole


def test_a_known_trial_of_other_parameters_is_fitted_again() -> None:
    whole = drawn(Runner())
    run = Runner()
    other = TrialResult(Trial(0, {"alpha": 3.0}), TrialState.FINISHED, {Metric.LOG_LOSS: 0.0})
    assert drawn(run, known={0: other}) == whole
    assert run.fitted[0] == 0


def test_a_search_goes_on_after_trials_that_failed() -> None:
    results = drawn(Runner(fails=(0, 4)))
    assert [each.trial.number for each in results if each.state is TrialState.FAILED] == [0, 4]
    assert len(results) == 14


def test_no_trial_is_begun_after_the_time_is_up() -> None:
    estimator, run = Estimator.model_validate(DRAWN), Runner()
    assert len(list(search(estimator, run, Metric.LOG_LOSS, 7, is_over=lambda: True))) == 3  # the first batch is done
    asked = iter([False, True])
    assert len(list(search(estimator, run, Metric.LOG_LOSS, 7, is_over=lambda: next(asked)))) == 6


def test_a_search_can_be_bounded_from_outside() -> None:
    estimator = Estimator.model_validate(DRAWN)
    bounded = list(search(estimator, Runner(), Metric.LOG_LOSS, 7, limit=5))
    assert [each.trial for each in bounded] == [each.trial for each in drawn(Runner())[:5]]


def results_of(failed: int, finished: int, value: float = 0.5) -> list[TrialResult]:
    return [
        *(TrialResult(Trial(n, {}), TrialState.FAILED, reason=f"RuntimeError: {n}") for n in range(failed)),
        *(TrialResult(Trial(failed + n, {}), TrialState.FINISHED, {Metric.LOG_LOSS: value}) for n in range(finished)),
    ]


@pytest.mark.parametrize(("failed", "finished", "holds"), [(0, 1, True), (2, 2, True), (3, 2, False), (2, 0, False)])
def test_more_failed_trials_than_declared_are_not_ready(failed: int, finished: int, holds: bool) -> None:
    estimator, results = Estimator.model_validate(FOREST), results_of(failed, finished)
    if holds:
        assert_searched(results, estimator, Metric.LOG_LOSS)
        return
    with pytest.raises(NotReadyError, match="trial 0: RuntimeError: 0"):
        assert_searched(results, estimator, Metric.LOG_LOSS)


def test_reasons_are_bounded() -> None:
    with pytest.raises(NotReadyError) as raised:
        assert_searched(results_of(40, 1), Estimator.model_validate(FOREST), Metric.LOG_LOSS)
    assert str(raised.value).splitlines()[1] == "  - failed: 40 of 41 trials failed, 0.5 of them may"
    assert "... and 31 more" in str(raised.value)


def test_trials_without_a_value_are_not_ready() -> None:
    with pytest.raises(NotReadyError, match="3 candidates, none with a value of log_loss"):
        assert_searched(results_of(0, 3, float("nan")), Estimator.model_validate(FOREST), Metric.LOG_LOSS)


def test_what_every_trial_was_refused_for_is_a_mistake_of_the_file() -> None:
    refused = ConfigError([ConfigIssue("late.yml", None, "estimator", "{'C': -1}", "values", "correct it")])
    failed = [TrialResult(Trial(n, {}), TrialState.FAILED, reason="no", refused=refused) for n in range(2)]
    with pytest.raises(ConfigError):
        assert_searched(failed, Estimator.model_validate(FOREST), Metric.LOG_LOSS)
    with pytest.raises(NotReadyError):
        assert_searched([*failed, *results_of(1, 0)], Estimator.model_validate(FOREST), Metric.LOG_LOSS)
