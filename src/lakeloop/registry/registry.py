"""MLflow of one project: its runs, its model versions, and who is named by their aliases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import mlflow.data.meta_dataset
import mlflow.models
import mlflow.pyfunc
import mlflow.sklearn
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from pyspark.sql import Column, SparkSession

from lakeloop.config.registry import RegistrySettings
from lakeloop.model_versions import DatasetInput, ModelVersion, hash_model_files, lost_version
from lakeloop.registry.answers import ExplainingClient, explaining, explaining_loss
from lakeloop.registry.loading import assert_loadable, assert_own_files, load_files
from lakeloop.registry.names import (
    ARTIFACTS,
    CONTENT_HASH_TAG,
    JUDGED_HASH_TAG,
    JUDGED_TAG,
    RUN_KEY_TAG,
    experiment_name,
    registered_name,
    version_address,
)
from lakeloop.registry.store import answer_quickly, make_store
from lakeloop.registry.training_run import Training
from lakeloop.registry.training_runs import LoggedTraining, read_training, read_trainings, read_trials
from lakeloop.registry.trial_runs import LoggedTrial, discard_runs, find_runs, log_trial, read_finished
from lakeloop.tracking_store import local_database, prepare_store, unreachable
from lakeloop.training.preprocessing import TRUSTED_TYPES


class Registry:
    """MLflow of one project.

    Args:
        tracking_uri: Tracking address; also of the registry.
        project: Name of the project, the first part of experiment names.
        artifact_root: Folder for artifacts, where the tracking store is a local database.
        settings: Where the registry is, how models are named in it, whether pickle may be loaded.
        trusted_types: Types that may be in a pipeline that is loaded, besides those that skops trusts itself.

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

    def __init__(
        self,
        tracking_uri: str,
        project: str,
        artifact_root: Path | None = None,
        *,
        settings: RegistrySettings | None = None,
        trusted_types: Sequence[str] = TRUSTED_TYPES,
    ) -> None:
        settings = settings or RegistrySettings()
        self._schema, self._allow_pickle, self._trusted = settings.schema_, settings.allow_pickle, trusted_types
        self._registry_uri = settings.uri or tracking_uri
        prepare_store(tracking_uri, artifact_root)
        self._project = project
        database = local_database(tracking_uri)
        self._artifact_root = artifact_root if database is not None else None
        self._tracking_uri = tracking_uri
        try:
            if database is not None:
                make_store(database)
            with answer_quickly():
                self._put_in_force()
                self._client: Any = ExplainingClient(tracking_uri, self._registry_uri)
                self._client.search_experiments(max_results=1)
        except Exception as failure:
            raise unreachable(tracking_uri, str(failure) or type(failure).__name__) from failure

    def _put_in_force(self) -> None:
        """Let MLflow's own functions speak to this store: its address is one per process, registries may be several."""
        mlflow.set_tracking_uri(self._tracking_uri)
        mlflow.set_registry_uri(self._registry_uri)

    def _experiment(self, model: str) -> str:
        name = experiment_name(self._project, model, self._tracking_uri)
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
        return next((each for each in self.list_versions(model) if each.run_key == run_key), None)

    def list_versions(self, model: str) -> tuple[ModelVersion, ...]:
        """List the versions of a model, oldest first; none of a model that is not registered."""
        name, found, token = self._name(model), [], None
        while token != "":
            page = self._client.search_model_versions(f"name = '{name}'", page_token=token)
            found += page
            token = page.token or ""
        if self._schema is not None:  # a search in Unity Catalog tells no tags
            found = [self._client.get_model_version(name, each.version) for each in found]
        return tuple(sorted((_version(model, each) for each in found), key=lambda each: int(each.version)))

    def finish_run(self, version: ModelVersion) -> None:
        """End the run of a version whose process was stopped after registering it, and delete earlier attempts."""
        run = self._client.get_run(version.run_id)
        if run.info.status != "FINISHED":
            self._client.set_terminated(version.run_id, "FINISHED")
        same = find_runs(self._client, [run.info.experiment_id], f"tags.`{RUN_KEY_TAG}` = '{version.run_key}'")
        left = [
            each for each in same if version.run_id not in (each.info.run_id, each.data.tags.get(MLFLOW_PARENT_RUN_ID))
        ]
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
            found = _version(model, self._client.get_model_version(self._name(model), version))
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
                allow_pickle=self._allow_pickle,
            )
        except BaseException:
            with answer_quickly(), suppress(Exception):  # what is told is what went wrong first
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
        found = self._client.get_experiment_by_name(experiment_name(self._project, model, self._tracking_uri))
        if found is None:
            return []
        versions = {each.run_id: each.version for each in self.list_versions(model)}
        return read_trainings(self._client, found.experiment_id, versions, last)

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

    def trials(self, training: LoggedTraining) -> list[LoggedTrial]:
        """Read the trials of a training run, in their order."""
        return read_trials(self._client, training.experiment_id, training.run_id)

    def _register(self, model: str, run_key: str, run_id: str, info: Any, tags: Mapping[str, str]) -> ModelVersion:
        """Register a logged model; name, run key and checksum come with the version in one write."""
        name = self._name(model)
        try:
            self._client.get_registered_model(name)
        except MlflowException as missing:
            if missing.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self._client.create_registered_model(name)
        with explaining(self._tracking_uri):
            content = hash_model_files(Path(mlflow.artifacts.download_artifacts(info.model_uri)))
        everything = {RUN_KEY_TAG: run_key, CONTENT_HASH_TAG: content, **tags}
        made = self._client.create_model_version(name, info.model_uri, run_id, tags=everything, model_id=info.model_id)
        return _version(model, made)

    def set_alias(self, model: str, alias: str, version: str | None) -> bool:
        """Let an alias name a version, or nobody.

        Args:
            model: Registered name.
            alias: `champion`, `challenger` or `previous`.
            version: Number of the version; None takes the alias away.

        Returns:
            Whether it was changed.
        """
        current = self.alias(model, alias)
        if current == version:
            return False
        if version is None:
            self._client.delete_registered_model_alias(self._name(model), alias)
        else:
            self._client.set_registered_model_alias(self._name(model), alias, version)
        return True

    def alias(self, model: str, alias: str) -> str | None:
        """Tell which version an alias names.

        Args:
            model: Registered name.
            alias: `champion`, `challenger` or `previous`.

        Returns:
            The number of the version, as text; None when it names nobody.
        """
        try:
            return str(self._client.get_model_version_by_alias(self._name(model), alias).version)
        except MlflowException:
            return None

    def read_document(self, version: ModelVersion, name: str) -> Any:
        """Read a JSON document logged with a version's run.

        Raises:
            ConflictError: If the run or the document is gone.
            EnvironmentProblemError: If the tracking store does not answer.
        """
        self._put_in_force()
        with explaining_loss(self._client, version, f"{name} of run {version.run_id} cannot be read"):
            return json.loads(mlflow.artifacts.load_text(f"runs:/{version.run_id}/{ARTIFACTS}/{name}"))

    def load_pipeline(self, version: ModelVersion) -> Any:
        """Load the pipeline of a version after checking its files.

        Raises:
            ConflictError: If the files are not those that were registered, or hold what may not be loaded.
        """
        return load_files(self.verify(version), self._trusted)

    def input_types(self, version: ModelVersion) -> dict[str, str] | None:
        """Read the inputs of a version's signature.

        Args:
            version: The version.

        Returns:
            Input -> its type, as MLflow names it (`string`, `double`); None when it has no signature of named columns.

        Raises:
            ConflictError: If the files are not those that were registered.
        """
        signature = mlflow.models.Model.load(str(self.verify(version))).signature
        if signature is None or signature.inputs is None or not signature.inputs.has_input_names():
            return None
        return {str(each.name): str(getattr(each.type, "name", each.type)) for each in signature.inputs.inputs}

    def load_judged(self, version: ModelVersion) -> Any:
        """Load the pipeline that a gate judges: that of the version, unless it was fitted through the holdout.

        Raises:
            ConflictError: If the files are not those that were logged.
        """
        judged = version.tags.get(JUDGED_TAG)
        if judged is None:
            return self.load_pipeline(version)
        assert_own_files(replace(version, source=judged))
        return load_files(self._checked(version, judged, version.tags.get(JUDGED_HASH_TAG)), self._trusted)

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
            spark, str(self.verify(version)), result_type=result, env_manager="local"
        )
        return udf

    def verify(self, version: ModelVersion) -> Path:
        """Check that a version may be loaded, without loading it.

        Args:
            version: The version.

        Returns:
            The local folder of its files.

        Raises:
            ConflictError: If its files are gone, come from elsewhere, are not those that were registered, or hold what
                may not be loaded.
            EnvironmentProblemError: If the tracking store does not answer.
        """
        if self._schema is None:  # Unity Catalog keeps all files itself
            assert_own_files(version)
        address = version_address(version.model, version.version, self._schema)
        return self._checked(version, address, version.tags.get(CONTENT_HASH_TAG))

    def _checked(self, version: ModelVersion, address: str, content: str | None) -> Path:
        """Give the local folder of files whose checksum, format and types are as they have to be."""
        self._put_in_force()
        with explaining_loss(self._client, version, "its files are gone"):
            folder = Path(mlflow.artifacts.download_artifacts(address))
        assert_loadable(folder, version, self._trusted, content=content, allow_pickle=self._allow_pickle)
        return folder

    def _name(self, model: str) -> str:
        return registered_name(model, self._schema)


def _version(model: str, found: Any) -> ModelVersion:
    tags = dict(found.tags)
    source = str(found.source or "")
    return ModelVersion(model, str(found.version), str(found.run_id), tags.get(RUN_KEY_TAG, ""), tags, source)
