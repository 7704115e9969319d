"""MLflow of one project: its runs, its model versions, and who is named by their aliases."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import mlflow
import mlflow.data.meta_dataset
import mlflow.pyfunc
import mlflow.sklearn
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from pyspark.sql import Column, SparkSession

from lakeloop.errors import ConflictError, Failure
from lakeloop.model_versions import DatasetInput, ModelVersion, hash_model_files, lost_version
from lakeloop.registry.answers import ExplainingClient, explaining
from lakeloop.registry.names import ARTIFACTS, CONTENT_HASH_TAG, JUDGED_HASH_TAG, JUDGED_TAG, RUN_KEY_TAG
from lakeloop.registry.training_run import Training
from lakeloop.registry.training_runs import LoggedTraining, read_training, read_trainings, read_trials
from lakeloop.registry.trial_runs import LoggedTrial, discard_runs, find_runs, log_trial, read_finished
from lakeloop.tracking_store import local_database, prepare_store, unreachable


class Registry:
    """MLflow of one project.

    Args:
        tracking_uri: Tracking address; also of the registry.
        project: Name of the project, the first part of experiment names.
        artifact_root: Folder for artifacts, where the tracking store is a local database.

    Raises:
        EnvironmentProblemError: If there is no tracking store at the address.

    >>> from lakeloop.registry.names import CHAMPION
    >>> from lakeloop.schemas import PROMOTIONS
    >>> recorded = context.lake.own_rows(PROMOTIONS, context.as_of)
    >>> run_keys = {row["model_version"]: row["run_key"] for row in recorded}
    >>> context.registry.alias("late", CHAMPION)
    '2'
    >>> found = context.registry.find_version("late", run_keys["2"])
    >>> found.version, found == context.registry.get_version("late", "2", run_keys["2"])
    ('2', True)
    >>> context.registry.set_alias("late", CHAMPION, "2")  # it does so already
    False
    """

    def __init__(self, tracking_uri: str, project: str, artifact_root: Path | None = None) -> None:
        prepare_store(tracking_uri, artifact_root)
        self._project = project
        database = local_database(tracking_uri)
        self._artifact_root = artifact_root if database is not None else None
        self._tracking_uri = tracking_uri
        try:
            if database is not None:
                _make_store(database)
            with _answer_quickly():
                self._put_in_force()
                self._client: Any = ExplainingClient(tracking_uri)
                self._client.search_experiments(max_results=1)
        except Exception as failure:
            raise unreachable(tracking_uri, str(failure) or type(failure).__name__) from failure

    def _put_in_force(self) -> None:
        """Let MLflow's own functions speak to this store: its address is one per process, registries may be several."""
        mlflow.set_tracking_uri(self._tracking_uri)
        mlflow.set_registry_uri(self._tracking_uri)

    def _experiment(self, model: str) -> str:
        name = f"{self._project}/{model}"
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = None if self._artifact_root is None else (self._artifact_root / model).as_uri()
        return str(self._client.create_experiment(name, artifact_location=location))

    def find_version(self, model: str, run_key: str) -> ModelVersion | None:
        """Find the version made from exactly these things.

        Args:
            model: Registered name.
            run_key: Hash of what the version is made from.

        Returns:
            The version, the first of several; None when there is none.
        """
        found = self._client.search_model_versions(f"name = '{model}' and tags.`{RUN_KEY_TAG}` = '{run_key}'")
        versions = sorted((_version(each) for each in found), key=lambda each: int(each.version))
        return versions[0] if versions else None

    def finish_run(self, version: ModelVersion) -> None:
        """End the run of a version whose process was stopped after registering it, and delete earlier attempts."""
        run = self._client.get_run(version.run_id)
        if run.info.status != "FINISHED":
            self._client.set_terminated(version.run_id, "FINISHED")
        same = find_runs(self._client, [run.info.experiment_id], f"tags.`{RUN_KEY_TAG}` = '{version.run_key}'")
        left = [each for each in same if version.run_id not in (each.info.run_id, _parent_of(each))]
        discard_runs(self._client, left)

    def get_version(self, model: str, version: str, run_key: str) -> ModelVersion:
        """Give a version the promotions ledger names.

        Args:
            model: Registered name.
            version: Its number.
            run_key: Hash of what it is made from, as the ledger has it.

        Raises:
            ConflictError: If the registry does not have it, or has another one under its number.
            EnvironmentProblemError: If the tracking store does not answer.
        """
        try:
            found = _version(self._client.get_model_version(model, version))
        except MlflowException as missing:
            if missing.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise unreachable(self._tracking_uri, str(missing)) from missing
            raise lost_version(model, version, "ops.promotions names it, the registry does not have it") from missing
        if found.run_key != run_key:
            raise lost_version(model, version, "the registry has another one under this number")
        return found

    @contextmanager
    def training(self, model: str, run_key: str, dataset: DatasetInput, tags: Mapping[str, str]) -> Iterator[Training]:
        """Open the training run; it knows the trials that earlier, broken attempts finished.

        The runs of these attempts stay until this one has ended, so that nothing is lost when it breaks, too.

        Args:
            model: Registered name.
            run_key: Hash of what the version is made from.
            dataset: The training set.
            tags: Recorded with the run.

        Yields:
            The open training.

        Raises:
            EnvironmentProblemError: If the tracking store does not answer, or artifacts cannot be written.
        """
        self._put_in_force()
        experiment = self._experiment(model)
        earlier = list(find_runs(self._client, [experiment], f"tags.`{RUN_KEY_TAG}` = '{run_key}'"))
        source = DeltaDatasetSource(
            path=None if dataset.in_catalog else dataset.path,
            delta_table_name=dataset.path if dataset.in_catalog else None,
            delta_table_version=dataset.delta_version,
        )
        logged = mlflow.data.meta_dataset.MetaDataset(source, name=dataset.name, digest=dataset.digest[:32])
        with explaining(self._tracking_uri):
            while mlflow.active_run() is not None:
                mlflow.end_run("KILLED")
            name, all_tags = f"train {tags.get('as_of', '')}", {RUN_KEY_TAG: run_key, **tags}
            run_id = mlflow.start_run(experiment_id=experiment, run_name=name, tags=all_tags).info.run_id
        try:
            with explaining(self._tracking_uri):
                mlflow.log_input(logged, context="training")
            yield Training(
                run_key,
                run_id,
                lambda info, tags: self._register(model, run_key, run_id, info, tags),
                lambda trial: log_trial(self._client, experiment, run_id, run_key, trial),
                read_finished(earlier),
                self._tracking_uri,
            )
        except BaseException:
            with _answer_quickly(), suppress(Exception):  # what is told is what went wrong first
                mlflow.end_run("FAILED")
            raise
        with explaining(self._tracking_uri):
            mlflow.end_run()
        discard_runs(self._client, earlier)

    def trainings(self, model: str, last: int) -> list[LoggedTraining]:
        """Read the newest training runs of a model.

        Args:
            model: Registered name.
            last: Most runs.

        Returns:
            The runs, newest first; none of a model that was never trained.
        """
        found = self._client.get_experiment_by_name(f"{self._project}/{model}")
        return [] if found is None else read_trainings(self._client, found.experiment_id, model, last)

    def training_of(self, version: ModelVersion) -> LoggedTraining:
        """Read the training run of a version.

        Raises:
            ConflictError: If the run is gone.
        """
        try:
            return read_training(self._client.get_run(version.run_id), version.version)
        except MlflowException as gone:
            found = f"its run {version.run_id} cannot be read"
            raise lost_version(version.model, version.version, found) from gone

    def versions(self, model: str) -> list[ModelVersion]:
        """List the versions of a model, the oldest first."""
        found = self._client.search_model_versions(f"name = '{model}'")
        return sorted((_version(each) for each in found), key=lambda each: int(each.version))

    def trials(self, training: LoggedTraining) -> list[LoggedTrial]:
        """Read the trials of a training run, in their order."""
        return read_trials(self._client, training.experiment_id, training.run_id)

    def _register(self, model: str, run_key: str, run_id: str, info: Any, tags: Mapping[str, str]) -> ModelVersion:
        """Register a logged model; name, run key and checksum come with the version in one write."""
        if not any(each.name == model for each in self._client.search_registered_models(f"name = '{model}'")):
            self._client.create_registered_model(model)
        with explaining(self._tracking_uri):
            content = hash_model_files(Path(mlflow.artifacts.download_artifacts(info.model_uri)))
        everything = {RUN_KEY_TAG: run_key, CONTENT_HASH_TAG: content, **tags}
        made = self._client.create_model_version(model, info.model_uri, run_id, tags=everything, model_id=info.model_id)
        return _version(made)

    def set_alias(self, model: str, alias: str, version: str | None) -> bool:
        """Let an alias name a version, or nobody.

        Args:
            model: Registered name.
            alias: `champion` or `challenger`.
            version: Number of the version; None takes the alias away.

        Returns:
            Whether it was changed.
        """
        current = self.alias(model, alias)
        if current == version:
            return False
        if version is None:
            self._client.delete_registered_model_alias(model, alias)
        else:
            self._client.set_registered_model_alias(model, alias, version)
        return True

    def alias(self, model: str, alias: str) -> str | None:
        """Tell which version an alias names.

        Args:
            model: Registered name.
            alias: `champion` or `challenger`.

        Returns:
            The number of the version, as text; None when it names nobody.
        """
        try:
            return str(self._client.get_model_version_by_alias(model, alias).version)
        except MlflowException:
            return None

    def read_document(self, version: ModelVersion, name: str) -> Any:
        """Read a JSON document logged with a version's run.

        Raises:
            ConflictError: If the run or the document is gone.
        """
        self._put_in_force()
        try:
            return json.loads(mlflow.artifacts.load_text(f"runs:/{version.run_id}/{ARTIFACTS}/{name}"))
        except (MlflowException, OSError, ValueError) as gone:
            found = f"{name} of run {version.run_id} cannot be read"
            raise lost_version(version.model, version.version, found) from gone

    def load_pipeline(self, version: ModelVersion) -> Any:
        """Load the pipeline of a version after checking its recorded checksum.

        Raises:
            ConflictError: If the files are not those that were registered.
        """
        return mlflow.sklearn.load_model(str(self._verified(version)))

    def load_judged(self, version: ModelVersion) -> Any:
        """Load the pipeline that a gate judges: that of the version, unless it was fitted through the holdout.

        Raises:
            ConflictError: If the files are not those that were logged.
        """
        judged = version.tags.get(JUDGED_TAG)
        if judged is None:
            return self.load_pipeline(version)
        return mlflow.sklearn.load_model(str(self._verified(version, judged, version.tags.get(JUDGED_HASH_TAG))))

    def scoring_udf(self, spark: SparkSession, version: ModelVersion, *, probabilities: bool) -> Callable[..., Column]:
        """Make a Spark function of a version.

        Args:
            spark: The session.
            version: The version.
            probabilities: Whether the model answers with class probabilities.

        Returns:
            A function of a struct column of the model's inputs; a double, or an array of probabilities.
        """
        result = "array<double>" if probabilities else "double"
        udf: Callable[..., Column] = mlflow.pyfunc.spark_udf(
            spark, str(self._verified(version)), result_type=result, env_manager="local"
        )
        return udf

    def _verified(self, version: ModelVersion, uri: str | None = None, content: str | None = None) -> Path:
        """Give the local folder of a version's files; skops trusts what the files say, so they are checked first."""
        self._put_in_force()
        try:
            folder = Path(mlflow.artifacts.download_artifacts(uri or f"models:/{version.model}/{version.version}"))
        except (MlflowException, OSError) as gone:
            raise lost_version(version.model, version.version, "its files are gone") from gone
        if hash_model_files(folder) != (content or version.tags.get(CONTENT_HASH_TAG)):
            raise ConflictError(
                f"model {version.model} version {version.version}",
                [Failure("checksum", "its files are not those that were registered")],
                "restore the files, or train a new version",
            )
        return folder


@contextmanager
def _answer_quickly() -> Iterator[None]:
    """Ask once and briefly: MLflow would try a wrong address for minutes. What a person has set holds."""
    asked = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
    mine = {name: value for name, value in asked.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            del os.environ[name]


def _make_store(path: Path) -> None:
    """Make the database of a local tracking store where it is missing, and put it in its place when it is whole.

    Its tables are made by many migrations: a process that is stopped among them would leave a store that never opens.
    """
    if path.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    SqlAlchemyStore(f"sqlite:///{part}", path.with_name("mlartifacts").as_uri()).engine.dispose()
    part.replace(path)


def _parent_of(run: Any) -> str | None:
    parent: str | None = run.data.tags.get(MLFLOW_PARENT_RUN_ID)
    return parent


def _version(found: Any) -> ModelVersion:
    tags = dict(found.tags)
    return ModelVersion(found.name, str(found.version), str(found.run_id), tags.get(RUN_KEY_TAG, ""), tags)
