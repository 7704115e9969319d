"""Search over parameters and feature sets: trials are asked for in batches, fitted by whoever runs them, and judged."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from lakeloop.config.columns import matching_columns
from lakeloop.config.estimator import Estimator, Parameter
from lakeloop.config.metric import Metric
from lakeloop.config.tuning import Distribution, Tuner
from lakeloop.errors import Failure, NotReadyError, UsageError
from lakeloop.statuses import TrialState
from lakeloop.training.drawing import DrawnTrials
from lakeloop.training.metrics import HIGHER_IS_BETTER
from lakeloop.training.trials import Trial, TrialResult

Run = Callable[[Sequence[Trial]], Iterable[TrialResult]]
"""Fits a batch of trials; results in their order."""


def candidates(estimator: Estimator) -> tuple[dict[str, Parameter], ...]:
    """List the combinations of a grid's parameters.

    Args:
        estimator: The declaration with its `search`.

    Returns:
        One dictionary per combination, the first parameter varying slowest; one empty dictionary without a search.

    Raises:
        UsageError: If a parameter has no values or a range, or there are more combinations than `tuning.trials`.

    >>> spec = {"class": "sklearn.linear_model.Ridge", "search": {"alpha": [1.0, 2.0], "positive": [True]}}
    >>> candidates(Estimator.model_validate(spec))
    ({'alpha': 1.0, 'positive': True}, {'alpha': 2.0, 'positive': True})
    """
    lists: dict[str, tuple[Parameter, ...]] = {}
    for name, values in estimator.search.items():
        where = f"estimator.search.{name}"
        if isinstance(values, Distribution):
            raise UsageError(where, "a range", "a list of values", "write a list, or declare tuning: {by: optuna}")
        if not values:
            raise UsageError(where, "no values", "at least one value", "add values or remove it")
        lists[name] = values
    count = math.prod(len(values) for values in lists.values()) * max(len(estimator.feature_sets), 1)
    if count > estimator.tuning.most_trials:
        allowed = f"at most {estimator.tuning.most_trials}"
        remedy = "try fewer values, or declare tuning: {trials: N}; each is a whole fit"
        raise UsageError("estimator.search", f"{count} combinations", allowed, remedy)
    return tuple(dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values()))


def feature_columns(estimator: Estimator, columns: tuple[str, ...]) -> dict[str | None, tuple[str, ...]]:
    """Give the model columns of every feature set.

    Args:
        estimator: The declaration.
        columns: Model columns: known, on-demand and features, in order.

    Returns:
        Name -> columns, in the order of `columns`; all of them under None where no set is declared.

    Raises:
        UsageError: If a set names no column.

    >>> spec = {"class": "sklearn.linear_model.Ridge", "feature_sets": {"all": ["*"], "lean": ["weather.*"]}}
    >>> feature_columns(Estimator.model_validate(spec), ("carrier", "weather__wind"))
    {'all': ('carrier', 'weather__wind'), 'lean': ('weather__wind',)}
    """
    if not estimator.feature_sets:
        return {None: columns}
    found: dict[str | None, tuple[str, ...]] = {}
    for name, patterns in estimator.feature_sets.items():
        found[name] = matching_columns(patterns, columns)
        if not found[name]:
            where, got = f"estimator.feature_sets.{name}", "patterns that match no model column"
            raise UsageError(where, got, ", ".join(columns), "correct the patterns, or remove the set")
    return found


def grid_trials(estimator: Estimator) -> tuple[Trial, ...]:
    """List the trials of a grid: every feature set with every combination of parameters, the set varying slowest.

    Args:
        estimator: The declaration.

    Returns:
        The trials; one without parameters where nothing is searched over.

    Raises:
        UsageError: As `candidates`.

    >>> spec = {"class": "sklearn.linear_model.Ridge", "search": {"alpha": [1, 2]}, "feature_sets": {"all": ["*"]}}
    >>> [(each.number, each.params, each.feature_set) for each in grid_trials(Estimator.model_validate(spec))]
    [(0, {'alpha': 1}, 'all'), (1, {'alpha': 2}, 'all')]
    """
    sets: Sequence[str | None] = tuple(estimator.feature_sets) or (None,)
    combined = itertools.product(sets, candidates(estimator))
    return tuple(Trial(number, params, name) for number, (name, params) in enumerate(combined))


def search(
    estimator: Estimator,
    run: Run,
    metric: Metric,
    seed: int,
    *,
    known: Mapping[int, TrialResult] | None = None,
    is_over: Callable[[], bool] = lambda: False,
    limit: int | None = None,
) -> Iterator[TrialResult]:
    """Do a search, batch by batch.

    The combinations depend on the declaration, the seed and the metrics of earlier batches, never on timing: a search
    that is done again asks for the same trials, and takes those that are known as they are.

    Args:
        estimator: The declaration.
        run: Fits the trials of a batch that are not known.
        metric: What is to become better.
        seed: Of what is drawn, where the declaration has none of its own.
        known: Number -> result of a trial that was fitted before; one of other parameters is fitted again.
        is_over: Asked before every batch but the first whether to stop.
        limit: Most trials, below what is declared.

    Yields:
        The result of every trial, in order.

    Raises:
        UsageError: If the search is not what it has to be.

    >>> spec = {"class": "sklearn.linear_model.Ridge", "search": {"alpha": [1, 2, 3]}, "tuning": {"batch": 2}}
    >>> def run(trials):
    ...     print("fitting", *(each.params["alpha"] for each in trials))
    ...     return [TrialResult(each, TrialState.FINISHED, {Metric.R2: each.params["alpha"] / 4}) for each in trials]
    >>> first, second, third = search(Estimator.model_validate(spec), run, Metric.R2, seed=0)
    fitting 1 2
    fitting 3
    >>> again = search(Estimator.model_validate(spec), run, Metric.R2, seed=0, known={0: first, 1: second})
    >>> [each.metrics[Metric.R2] for each in again]
    fitting 3
    [0.25, 0.5, 0.75]
    """
    tuning, recorded = estimator.tuning, known or {}
    most = tuning.most_trials if limit is None else min(limit, tuning.most_trials)
    drawn = None
    if tuning.by is Tuner.OPTUNA:
        chosen_seed = seed if tuning.seed is None else tuning.seed
        drawn = DrawnTrials(estimator, chosen_seed, higher_is_better=metric in HIGHER_IS_BETTER)
    every = () if drawn is not None else grid_trials(estimator)[:most]
    total = most if drawn is not None else len(every)
    for begin in range(0, total, tuning.batch):
        if begin and is_over():
            return
        numbers = range(begin, min(begin + tuning.batch, total))
        batch = [drawn.ask(number) for number in numbers] if drawn is not None else [every[each] for each in numbers]
        missing = [each for each in batch if not _is_known(each, recorded)]
        fresh = iter(run(missing)) if missing else iter(())
        results = []
        for trial in batch:
            result = recorded[trial.number] if _is_known(trial, recorded) else next(fresh)
            results.append(result)
            yield result
        if drawn is not None:
            drawn.tell([(each.trial, _value_of(each, metric)) for each in results])


def _is_known(trial: Trial, recorded: Mapping[int, TrialResult]) -> bool:
    found = recorded.get(trial.number)
    return found is not None and found.trial == trial


def _value_of(result: TrialResult, metric: Metric) -> float:
    return result.metrics.get(metric, math.nan)


def assert_searched(results: Sequence[TrialResult], estimator: Estimator, metric: Metric) -> None:
    """Refuse a search of which too much failed to be believed.

    Args:
        results: Results of all its trials.
        estimator: The declaration, with the share that may fail.
        metric: What the choice is made by.

    Raises:
        ConfigError: If the estimator refused the declaration in every trial.
        NotReadyError: If no trial has a value of the metric, or more failed than may.

    >>> failed = TrialResult(Trial(0, {}), TrialState.FAILED, reason="RuntimeError: no")
    >>> try:
    ...     assert_searched([failed], Estimator.model_validate({"class": "sklearn.linear_model.Ridge"}), Metric.R2)
    ... except NotReadyError as error:
    ...     print(error.failures[0])
    trial 0: RuntimeError: no
    """
    failed = [each for each in results if each.state is TrialState.FAILED]
    refused = [each.refused for each in failed if each.refused is not None]
    if results and len(refused) == len(results):
        raise refused[0]
    valued = [each for each in results if math.isfinite(_value_of(each, metric))]
    if valued and len(failed) <= estimator.tuning.max_failed * len(results):
        return
    told = [Failure(f"trial {each.trial.number}", each.reason or "it has no reason") for each in failed]
    if not failed or not valued:
        told.append(Failure(str(metric), f"{len(results)} candidates, none with a value of {metric}"))
        remedy = (
            "validate on more closed days" if not failed else "correct what the trials failed of; nothing was chosen"
        )
    else:
        share = f"{len(failed)} of {len(results)} trials failed, {estimator.tuning.max_failed:g} of them may"
        told.insert(0, Failure("failed", share))
        remedy = "correct what they failed of, narrow the search, or raise estimator.tuning.max_failed"
    raise NotReadyError("the search", told, remedy)


def choose_best(results: Iterable[TrialResult], metric: Metric) -> TrialResult:
    """Choose what has the best value of a metric.

    Args:
        results: What came of the trials, in order.
        metric: Lower is better for losses and errors, higher for roc_auc, average_precision and r2.

    Returns:
        The best one; of equal ones the first. One without a finite value is never chosen.

    Raises:
        NotReadyError: If there is none with a value.

    >>> ended = [(Trial(0, {}), TrialState.FINISHED, {Metric.LOG_LOSS: loss}) for loss in (0.6, 0.5)]
    >>> worse, better = (TrialResult(*each) for each in ended)
    >>> choose_best([worse, better], Metric.LOG_LOSS) is better
    True
    """
    everyone = tuple(results)
    judged = [each for each in everyone if math.isfinite(each.metrics.get(metric, math.nan))]
    if not judged:
        detail = f"{len(everyone)} candidates, none with a value of {metric}"
        raise NotReadyError("the search", [Failure(str(metric), detail)], "validate on more closed days")
    sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0
    return min(judged, key=lambda each: sign * each.metrics[metric])
