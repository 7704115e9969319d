"""Training runs of a model beside one another: what was chosen, how good it was, and where MLflow shows it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lakeloop.config.metric import Metric
from lakeloop.config.model import Model
from lakeloop.discovery.text import count_of
from lakeloop.errors import Failure, NotReadyError
from lakeloop.registry import LoggedTraining, LoggedTrial
from lakeloop.reporting.results import describe_result
from lakeloop.runs.context import Context
from lakeloop.runs.promotions import read_whole_ledger
from lakeloop.statuses import LedgerEvent

_SHORT = 12
_LEAST_PREFIX = 6
_RECORDED = frozenset(
    (
        *("candidates", "failed_candidates", "feature_set", "folds", "iterations"),
        *("training_set_id", "rows", "estimator", "refit"),
        *(f"{kind}_{what}" for kind in ("sample", "preprocessing") for what in ("fraction", "seed", "rows")),
        *("train_rows", "distributed_rows", "distributed_workers"),
    )
)
"""What a training run records beside the parameters that were chosen."""


@dataclass(frozen=True)
class ComparedRun:
    """A training run.

    Attributes:
        version: The version it made; None where it made none.
        outcome: What the gate said of the version last: promoted, rejected, held; None where it did not judge. What a
            person did after it is in the model's history.
        as_of: Logical now of the training.
        state: How the run ended.
        training_set_id: What it was trained on.
        content_hash: Hash of its rows.
        git_commit: Commit of the project folder; `unknown` without one.
        seed: Its seed.
        feature_set: The feature set that was chosen; None where none are declared.
        params: The parameters that were chosen.
        candidates: Trials of the search.
        validation: The metric on the validation part.
        holdout: The metric on the holdout.
        run_id: Its run in MLflow.
        link: Where MLflow shows it; None for a local store.
    """

    version: str | None
    outcome: str | None
    as_of: str | None
    state: str
    training_set_id: str | None
    content_hash: str | None
    git_commit: str | None
    seed: str | None
    feature_set: str | None
    params: Mapping[str, str]
    candidates: int | None
    validation: float | None
    holdout: float | None
    run_id: str
    link: str | None


@dataclass(frozen=True)
class ComparedTrial:
    """A trial of a training run.

    Attributes:
        number: Its place in the search.
        state: FINISHED or FAILED.
        feature_set: Its feature set.
        params: Its parameters.
        validation: The metric on the validation rows; the mean over the folds where there are several.
        fit_seconds: Wall time of its fits.
        reason: Why it failed.
        run_id: Its run in MLflow.
    """

    number: int
    state: str
    feature_set: str | None
    params: Mapping[str, object]
    validation: float | None
    fit_seconds: float
    reason: str | None
    run_id: str | None


@dataclass(frozen=True)
class Comparison:
    """Training runs of a model, newest first.

    Attributes:
        model: The model.
        metric: What they are compared by.
        runs: The runs.
        trials: Trials of the run that was asked for, best first; empty without one.
        of_run: The run whose trials these are.
        tracking_uri: Where they are recorded, without credentials.
    """

    model: str
    metric: str
    runs: tuple[ComparedRun, ...]
    trials: tuple[ComparedTrial, ...]
    of_run: str | None
    tracking_uri: str


def compare_runs(
    context: Context, name: str, *, last: int = 10, metric: Metric | None = None, trials_of: str | None = None
) -> Comparison:
    """Read the newest training runs of a model.

    Args:
        context: Project, lake and logical now.
        name: The model.
        last: Most runs.
        metric: What to compare by; the gate's metric without one.
        trials_of: A run whose trials are wanted: its version, its id, or the beginning of its id.

    Returns:
        The runs, newest first.

    Raises:
        NotReadyError: If the model was never trained, or there is no such run.
        EnvironmentProblemError: If the tracking store does not answer.

    >>> compared = compare_runs(context, "late", trials_of="2")
    >>> [(each.version, each.outcome, each.params, each.candidates) for each in compared.runs]
    [('2', 'promoted', {'C': '1.0'}, 2)]
    >>> [each.params for each in compared.trials]
    [{'C': 1.0}, {'C': 0.1}]
    """
    model: Model = context.config.models[name]
    chosen = metric or model.gate.metric
    ledger = read_whole_ledger(context, name)
    outcomes = {each.version: each.outcome for each in ledger if each.event is LedgerEvent.GATE}
    wanted = last if trials_of is None else max(last, 1000)  # an older run may be named
    trainings = context.registry.trainings(name, wanted)
    if not trainings:
        found = Failure("runs", "MLflow has no training run of it")
        raise NotReadyError(f"model {name}", [found], "`lakeloop train --as-of INSTANT` trains it")
    of = None if trials_of is None else _find_run(name, trainings, trials_of)
    shown = trainings[:last] if of is None else [of]
    trials = () if of is None else _order(context.registry.trials(of), chosen)
    return Comparison(
        name,
        str(chosen),
        tuple(_compared(context, each, outcomes, chosen) for each in shown),
        trials,
        None if of is None else of.run_id,
        context.config.shown_tracking_uri,
    )


def _find_run(name: str, trainings: Sequence[LoggedTraining], wanted: str) -> LoggedTraining:
    exact = [each for each in trainings if wanted in (each.version, each.run_id)]
    begin = [each for each in trainings if len(wanted) >= _LEAST_PREFIX and each.run_id.startswith(wanted)]
    found = exact or begin
    if len(found) != 1:
        problem = f"{len(found)} runs begin with {wanted}" if found else f"there is none of the version or id {wanted}"
        remedy = f"`lakeloop compare {name}` lists the runs with their versions and ids"
        raise NotReadyError(f"model {name}", [Failure("run", problem)], remedy)
    return found[0]


def _compared(context: Context, training: LoggedTraining, outcomes: Mapping[str, str], metric: Metric) -> ComparedRun:
    params, tags = training.params, training.tags
    candidates = params.get("candidates")
    return ComparedRun(
        training.version,
        outcomes.get(training.version or ""),
        tags.get("as_of"),
        training.state,
        tags.get("training_set_id"),
        tags.get("content_hash"),
        tags.get("git_commit"),
        tags.get("seed"),
        params.get("feature_set"),
        {key: value for key, value in sorted(params.items()) if key not in _RECORDED},
        None if candidates is None else int(candidates),
        training.metrics.get(f"validation_{metric}"),
        training.metrics.get(f"holdout_{metric}"),
        training.run_id,
        run_link(context.config.shown_tracking_uri, training.experiment_id, training.run_id),
    )


def _order(trials: Sequence[LoggedTrial], metric: Metric) -> tuple[ComparedTrial, ...]:
    from lakeloop.training.metrics import HIGHER_IS_BETTER

    sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0
    compared = [
        ComparedTrial(
            each.number,
            each.state,
            each.feature_set,
            each.params,
            each.metrics.get(f"validation_{metric}"),
            each.fit_seconds,
            each.reason,
            each.run_id,
        )
        for each in trials
    ]
    with_value = [each for each in compared if each.validation is not None]
    without = [each for each in compared if each.validation is None]
    return (*sorted(with_value, key=lambda each: sign * (each.validation or 0.0)), *without)


def run_link(tracking_uri: str, experiment_id: str, run_id: str) -> str | None:
    """Tell where MLflow shows a run.

    Args:
        tracking_uri: Address of the store.
        experiment_id: Id of its experiment.
        run_id: Id of the run.

    Returns:
        An address for a browser; None where the store has no pages of its own.

    >>> run_link("https://mlflow.example/", "3", "abc"), run_link("sqlite:///mlflow.db", "3", "abc")
    ('https://mlflow.example/#/experiments/3/runs/abc', None)
    """
    if not tracking_uri.startswith(("http://", "https://")):
        return None
    return f"{tracking_uri.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"


def describe_comparison(compared: Comparison, *, width: int | None = None) -> str:
    """Write a comparison for a person.

    Args:
        compared: The comparison.
        width: Columns of the terminal: a table that is wider becomes records, a line per field.

    Returns:
        Lines of plain text. A run is named by its address, or by its id with the call that shows it.

    >>> lines = describe_comparison(compare_runs(context, "late"), width=200).splitlines()
    >>> lines[0]
    'late: 2 training runs, newest first, by log_loss'
    >>> lines[1].split()[:2], lines[2].split()[:2], lines[-1][:24]
    (['version', 'outcome'], ['2', 'promoted'], 'To see them in a browser')
    """
    counted = count_of(len(compared.runs), "training run")
    title = f"{compared.model}: {counted}, newest first, by {compared.metric}"
    has_sets = any(each.feature_set is not None for each in compared.runs)
    rows = [_row(each, has_sets=has_sets) for each in compared.runs]
    room = None if width is None else width - 2
    lines = [title, textwrap.indent(describe_result(rows, room), "  ")]
    if compared.of_run is not None:
        title = f"{count_of(len(compared.trials), 'trial')} of run {compared.of_run}, best first"
        with_sets = any(each.feature_set is not None for each in compared.trials)
        with_reason = any(each.reason is not None for each in compared.trials)
        of_trials = [_trial_row(each, has_sets=with_sets, has_reasons=with_reason) for each in compared.trials]
        lines += ["", title, textwrap.indent(describe_result(of_trials, room), "  ")] if of_trials else ["", title]
    if all(each.link is None for each in compared.runs):
        lines += ["", f"To see them in a browser: mlflow ui --backend-store-uri {compared.tracking_uri}"]
    return "\n".join(lines)


def _row(run: ComparedRun, *, has_sets: bool) -> dict[str, object]:
    return {
        "version": run.version,
        "outcome": run.outcome or (run.state.lower() if run.state != "FINISHED" else "not judged"),
        "as of": run.as_of,
        "training set": (run.training_set_id or "")[:_SHORT] or None,
        "seed": run.seed,
        **({"feature set": run.feature_set} if has_sets else {}),
        "params": dict(run.params),
        "candidates": run.candidates,
        "validation": run.validation,
        "holdout": run.holdout,
        "run": run.link or run.run_id,
    }


def _trial_row(trial: ComparedTrial, *, has_sets: bool, has_reasons: bool) -> dict[str, object]:
    return {
        "trial": trial.number,
        "state": trial.state,
        **({"feature set": trial.feature_set} if has_sets else {}),
        "params": dict(trial.params),
        "validation": trial.validation,
        "seconds": trial.fit_seconds,
        **({"reason": trial.reason} if has_reasons else {}),
        "run": (trial.run_id or "")[:_SHORT],
    }
