"""Trials of a search as nested runs: logged whole or not at all, and read back by a search that goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mlflow.entities import Metric, Param, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from lakeloop.registry.names import RUN_KEY_TAG

TRIAL_TAG, REASON_TAG, SECONDS_TAG = "lakeloop.trial", "lakeloop.reason", "lakeloop.fit_seconds"
FINISHED, FAILED = "FINISHED", "FAILED"
_PARAM_LENGTH = 500
_PAGE = 1000


@dataclass(frozen=True)
class LoggedTrial:
    """A trial as it is logged.

    Attributes:
        number: Its place in the search.
        params: Its parameters.
        feature_set: Its feature set; None where none are declared.
        state: FINISHED or FAILED.
        metrics: Name -> value, those that are finite.
        fit_seconds: Wall time of its fits.
        reason: Why it failed, in a line.
        run_id: Its run; None while it is not logged.
    """

    number: int
    params: Mapping[str, Any]
    feature_set: str | None
    state: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    fit_seconds: float = 0.0
    reason: str | None = None
    run_id: str | None = None


def log_trial(client: Any, experiment: str, parent: str, run_key: str, trial: LoggedTrial) -> str:
    """Log a trial as a nested run; it is FINISHED or FAILED only when everything of it is there.

    Args:
        client: MLflow's client.
        experiment: Id of the experiment.
        parent: Id of the training run.
        run_key: Hash of what the version is made from.
        trial: The trial.

    Returns:
        The id of its run.

    >>> from mlflow import MlflowClient
    >>> client = MlflowClient(f"sqlite:///{getfixture('tmp_path')}/mlflow.db")
    >>> trial = LoggedTrial(0, {"C": 0.1}, None, "FAILED", reason="RuntimeError: no")
    >>> run = client.get_run(log_trial(client, "0", "the parent's id", "the key", trial))
    >>> run.info.status, run.data.params, run.data.tags["lakeloop.reason"]
    ('FAILED', {'C': '0.1'}, 'RuntimeError: no')
    """
    said = {"number": trial.number, "params": dict(trial.params), "feature_set": trial.feature_set}
    tags = {
        RUN_KEY_TAG: run_key,
        MLFLOW_PARENT_RUN_ID: parent,
        TRIAL_TAG: json.dumps(said, sort_keys=True),
        SECONDS_TAG: f"{trial.fit_seconds:.3f}",
        **({} if trial.reason is None else {REASON_TAG: trial.reason}),
    }
    info = client.create_run(experiment, tags=tags, run_name=f"candidate {trial.number}").info
    shown = dict(trial.params) | ({} if trial.feature_set is None else {"feature_set": trial.feature_set})
    params = [Param(name, str(value)[:_PARAM_LENGTH]) for name, value in shown.items()]
    found = {name: float(value) for name, value in trial.metrics.items() if np.isfinite(value)}
    metrics = [Metric(name, value, info.start_time, 0) for name, value in found.items()]
    client.log_batch(info.run_id, metrics=metrics, params=params)
    client.set_terminated(info.run_id, trial.state)
    return str(info.run_id)


def read_trial(run: Run) -> LoggedTrial | None:
    """Read a nested run.

    Args:
        run: The run.

    Returns:
        The trial; None where the run is none, or was not ended.

    >>> from mlflow.entities import RunData, RunInfo, RunTag
    >>> info = RunInfo("abc", "0", "me", "FINISHED", 0, 1, "active", None, "abc")
    >>> said = RunTag("lakeloop.trial", '{"number": 3, "params": {"C": 1.0}, "feature_set": null}')
    >>> run = Run(info, RunData(tags=[said]))
    >>> found = read_trial(run)
    >>> found.number, found.params, found.state
    (3, {'C': 1.0}, 'FINISHED')
    """
    written = run.data.tags.get(TRIAL_TAG)
    if written is None or run.info.status not in (FINISHED, FAILED):
        return None
    said = json.loads(written)
    return LoggedTrial(
        said["number"],
        said["params"],
        said["feature_set"],
        run.info.status,
        dict(run.data.metrics),
        float(run.data.tags.get(SECONDS_TAG, 0)),
        run.data.tags.get(REASON_TAG),
        run.info.run_id,
    )


def read_finished(runs: Iterable[Run]) -> dict[int, LoggedTrial]:
    """Read what earlier attempts finished; what failed is tried again.

    Args:
        runs: Runs of those attempts, in any order.

    Returns:
        Number -> trial.

    >>> from mlflow.entities import RunData, RunInfo, RunTag
    >>> info = RunInfo("abc", "0", "me", "FINISHED", 0, 1, "active", None, "abc")
    >>> said = RunTag("lakeloop.trial", '{"number": 3, "params": {"C": 1.0}, "feature_set": null}')
    >>> run = Run(info, RunData(tags=[said]))
    >>> list(read_finished([run]))
    [3]
    """
    trials = (read_trial(run) for run in runs)
    return {each.number: each for each in trials if each is not None and each.state == FINISHED}


def find_runs(client: Any, experiments: Sequence[str], condition: str) -> Iterator[Run]:
    """Find runs, however many.

    Args:
        client: MLflow's client.
        experiments: Ids of the experiments.
        condition: MLflow's filter.

    Yields:
        The runs, newest first.

    >>> from mlflow.store.entities import PagedList
    >>> class TwoPages:
    ...     def search_runs(self, experiments, condition, max_results, page_token):
    ...         return PagedList(["third"], None) if page_token else PagedList(["first", "second"], "more")
    >>> list(find_runs(TwoPages(), ["0"], ""))
    ['first', 'second', 'third']
    """
    token = None
    while True:
        page = client.search_runs(list(experiments), condition, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def discard_runs(client: Any, runs: Iterable[Run]) -> None:
    """Delete runs of attempts that came to nothing, with the models they logged and nobody registered.

    Args:
        client: MLflow's client.
        runs: The runs.

    >>> from types import SimpleNamespace
    >>> run = SimpleNamespace(info=SimpleNamespace(run_id="abc"), outputs=None)
    >>> discard_runs(SimpleNamespace(delete_run=print), [run])
    abc
    """
    for run in runs:
        for logged in run.outputs.model_outputs if run.outputs is not None else ():
            client.delete_logged_model(logged.model_id)
        client.delete_run(run.info.run_id)
