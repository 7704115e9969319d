"""Training runs as they are recorded, for those who compare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from lakeloop.registry.names import RUN_KEY_TAG
from lakeloop.registry.trial_runs import LoggedTrial, find_runs, read_trial


@dataclass(frozen=True)
class LoggedTraining:
    """A training run.

    Attributes:
        run_id: Its id.
        experiment_id: Id of its experiment.
        state: FINISHED, FAILED, KILLED or RUNNING.
        started: Wall-clock start, UTC.
        run_key: Hash of what its version is made from.
        version: Number of the version it made; None where it made none.
        params: What was recorded of the choice.
        metrics: Name -> value.
        tags: Everything else that was recorded.
    """

    run_id: str
    experiment_id: str
    state: str
    started: datetime
    run_key: str
    version: str | None
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def read_trainings(client: Any, experiment: str, versions: Mapping[str, str], last: int) -> list[LoggedTraining]:
    """Read the newest training runs of a model.

    Args:
        client: MLflow's client.
        experiment: Id of the model's experiment.
        versions: Run -> number of the version it made.
        last: Most runs.

    Returns:
        The runs, newest first.

    >>> from mlflow import MlflowClient
    >>> client = MlflowClient(context.config.tracking_uri)
    >>> experiment = client.get_experiment_by_name("shops/late").experiment_id
    >>> versions = {each.run_id: each.version for each in context.registry.list_versions("late")}
    >>> [(each.version, each.state) for each in read_trainings(client, experiment, versions, 5)]
    [('2', 'FINISHED'), ('1', 'FINISHED')]
    """
    found = client.search_runs(
        [experiment],
        "tags.training_set_id LIKE '%'",  # trials have none
        max_results=last,
        order_by=["attributes.start_time DESC"],
    )
    return [read_training(run, versions.get(run.info.run_id)) for run in found]


def read_training(run: Run, version: str | None) -> LoggedTraining:
    """Read a training run.

    Args:
        run: The run.
        version: Number of the version it made.

    Returns:
        What it tells.

    >>> from mlflow import MlflowClient
    >>> version = context.registry.list_versions("late")[0]
    >>> run = MlflowClient(context.config.tracking_uri).get_run(version.run_id)
    >>> read_training(run, "1") == context.registry.training_of(version)
    True
    """
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")}
    return LoggedTraining(
        run.info.run_id,
        str(run.info.experiment_id),
        run.info.status,
        datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        tags.get(RUN_KEY_TAG, ""),
        version,
        dict(run.data.params),
        dict(run.data.metrics),
        tags,
    )


def read_trials(client: Any, experiment: str, run_id: str) -> list[LoggedTrial]:
    """Read the trials of a training run.

    Args:
        client: MLflow's client.
        experiment: Id of the model's experiment.
        run_id: The training run.

    Returns:
        The trials, in their order.

    >>> from mlflow import MlflowClient
    >>> client = MlflowClient(context.config.tracking_uri)
    >>> experiment = client.get_experiment_by_name("shops/late").experiment_id
    >>> newest = read_trainings(client, experiment, {}, 1)[0]
    >>> [(each.number, each.params, each.state) for each in read_trials(client, experiment, newest.run_id)]
    [(0, {'C': 0.1}, 'FINISHED'), (1, {'C': 1.0}, 'FINISHED')]
    """
    nested = find_runs(client, [experiment], f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}'")
    trials = (read_trial(run) for run in nested)
    return sorted((each for each in trials if each is not None), key=lambda each: each.number)
