"""The only module that imports mlflow: runs, model versions, aliases, loading models.

A model version is found or made by its run key, the hash of everything it is made from, so that a training that is run
again gives the version that is there. Aliases are a cache of the promotions ledger.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, SparkSession

from lakeloop.errors import ConflictError, EnvironmentProblemError, Failure, NotReadyError

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
for _noisy in ("mlflow", "alembic"):
    logging.getLogger(_noisy).setLevel(logging.ERROR)

import mlflow  # noqa: E402 - the settings above are read on import
import mlflow.data.meta_dataset  # noqa: E402
import mlflow.pyfunc  # noqa: E402
import mlflow.sklearn  # noqa: E402
from mlflow.data.delta_dataset_source import DeltaDatasetSource  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402

CHAMPION, CHALLENGER = "champion", "challenger"
_RUN_KEY, _CONTENT_HASH = "lakeloop.run_key", "lakeloop.content_hash"
_ARTIFACTS = "lakeloop"
_REQUIREMENTS = ("mlflow", "scikit-learn", "skops", "numpy", "pandas", "lakeloop")


@dataclass(frozen=True)
class ModelVersion:
    """A version in the registry.

    Attributes:
        model: Registered name.
        version: Its number, as text.
        run_id: Run that logged it.
        run_key: Hash of what it is made from.
        tags: Everything recorded with it.
    """

    model: str
    version: str
    run_id: str
    run_key: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class DatasetInput:
    """The training set a run used.

    Attributes:
        name: Name shown in MLflow.
        path: Table, by path or by name in a catalog.
        delta_version: Its Delta version.
        digest: Content hash.
        in_catalog: Whether `path` is a name in a catalog.
    """

    name: str
    path: str
    delta_version: int
    digest: str
    in_catalog: bool = False


class Training:
    """An open training run with its candidates.

    Args:
        registry: The registry.
        model: Registered name.
        run_key: Hash of what the version is made from.
        run_id: The open MLflow run.
    """

    def __init__(self, registry: Registry, model: str, run_key: str, run_id: str) -> None:
        self._registry, self._model, self._run_key, self.run_id = registry, model, run_key, run_id

    def log_candidate(self, index: int, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Log a candidate as a nested run.

        Args:
            index: Its place in the search.
            params: Its parameters.
            metrics: Its metrics on the validation stretch.
        """
        with mlflow.start_run(run_name=f"candidate {index}", nested=True, tags={_RUN_KEY: self._run_key}):
            mlflow.log_params(dict(params))
            mlflow.log_metrics(_finite(metrics))

    def log_summary(
        self, params: Mapping[str, Any], metrics: Mapping[str, float], documents: Mapping[str, Any]
    ) -> None:
        """Log what describes the chosen candidate.

        Args:
            params: Its parameters, and the training set's id.
            metrics: Its metrics on the holdout.
            documents: File name -> JSON-safe content, kept as artifacts.
        """
        mlflow.log_params(dict(params))
        mlflow.log_metrics(_finite(metrics))
        for name, content in documents.items():
            mlflow.log_text(json.dumps(content, sort_keys=True), f"{_ARTIFACTS}/{name}")

    def log_model(
        self,
        pipeline: Any,
        example: pd.DataFrame,
        output: Any,
        *,
        probabilities: bool,
        trusted_types: Sequence[str],
        tags: Mapping[str, str],
    ) -> ModelVersion:
        """Log the chosen pipeline in skops format and register it.

        Args:
            pipeline: The fitted pipeline.
            example: A few input rows, for the signature.
            output: What the pipeline answers for them.
            probabilities: Whether the model answers with class probabilities.
            trusted_types: Types that skops may load.
            tags: Recorded with the version.

        Returns:
            The new version.
        """
        info = mlflow.sklearn.log_model(
            pipeline,
            name="model",
            signature=infer_signature(example, output),
            serialization_format="skops",
            skops_trusted_types=list(trusted_types),
            pyfunc_predict_fn="predict_proba" if probabilities else "predict",
            pip_requirements=[f"{name}=={installed_version(name)}" for name in _REQUIREMENTS],
        )
        return self._registry.register(self._model, self._run_key, self.run_id, info, tags)


class Registry:
    """MLflow of one project.

    Args:
        tracking_uri: Tracking address; also of the registry.
        project: Name of the project, the first part of experiment names.
        artifact_root: Folder for artifacts, where the tracking store is a local database.
    """

    def __init__(self, tracking_uri: str, project: str, artifact_root: Path | None = None) -> None:
        if tracking_uri.startswith("sqlite:///"):
            Path(tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self._project, self._artifact_root = project, artifact_root
        try:
            mlflow.set_tracking_uri(tracking_uri)
            mlflow.set_registry_uri(tracking_uri)
            self._client = mlflow.MlflowClient(tracking_uri, tracking_uri)
            self._client.search_experiments(max_results=1)
        except Exception as failure:
            raise EnvironmentProblemError(
                "MLflow",
                [Failure(tracking_uri, str(failure).splitlines()[0] if str(failure) else type(failure).__name__)],
                "correct tracking_uri in project.yml, or start the tracking server",
            ) from failure

    def _experiment(self, model: str) -> str:
        name = f"{self._project}/{model}"
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = None if self._artifact_root is None else (self._artifact_root / model).as_uri()
        return str(self._client.create_experiment(name, artifact_location=location))

    def find_version(self, model: str, run_key: str) -> ModelVersion | None:
        """Find the version made from exactly these things; None when there is none."""
        found = self._client.search_model_versions(f"name = '{model}' and tags.`{_RUN_KEY}` = '{run_key}'")
        versions = sorted((_version(each) for each in found), key=lambda each: int(each.version))
        return versions[0] if versions else None

    def get_version(self, model: str, version: str) -> ModelVersion:
        """Give a version.

        Raises:
            NotReadyError: If the registry does not have it.
        """
        try:
            return _version(self._client.get_model_version(model, version))
        except MlflowException as missing:
            raise NotReadyError(
                f"model {model}",
                [Failure(f"version {version}", "is not in the registry")],
                "restore it, or let `lakeloop train` make a new version",
            ) from missing

    @contextmanager
    def training(self, model: str, run_key: str, dataset: DatasetInput, tags: Mapping[str, str]) -> Iterator[Training]:
        """Open the training run; runs that an earlier, broken attempt left are deleted first.

        Args:
            model: Registered name.
            run_key: Hash of what the version is made from.
            dataset: The training set.
            tags: Recorded with the run.

        Yields:
            The open training.
        """
        experiment = self._experiment(model)
        for run in self._client.search_runs([experiment], f"tags.`{_RUN_KEY}` = '{run_key}'"):
            self._client.delete_run(run.info.run_id)
        while mlflow.active_run() is not None:
            mlflow.end_run("KILLED")
        with mlflow.start_run(
            experiment_id=experiment, run_name=f"train {tags.get('as_of', '')}", tags={_RUN_KEY: run_key, **tags}
        ) as run:
            source = DeltaDatasetSource(
                path=None if dataset.in_catalog else dataset.path,
                delta_table_name=dataset.path if dataset.in_catalog else None,
                delta_table_version=dataset.delta_version,
            )
            logged = mlflow.data.meta_dataset.MetaDataset(source, name=dataset.name, digest=dataset.digest[:32])
            mlflow.log_input(logged, context="training")
            yield Training(self, model, run_key, run.info.run_id)

    def register(self, model: str, run_key: str, run_id: str, info: Any, tags: Mapping[str, str]) -> ModelVersion:
        """Register a logged model; name, run key and checksum come with the version in one write."""
        if not any(each.name == model for each in self._client.search_registered_models(f"name = '{model}'")):
            self._client.create_registered_model(model)
        content = _hash_folder(Path(mlflow.artifacts.download_artifacts(info.model_uri)))
        everything = {_RUN_KEY: run_key, _CONTENT_HASH: content, **tags}
        made = self._client.create_model_version(model, info.model_uri, run_id, tags=everything, model_id=info.model_id)
        return _version(made)

    def set_alias(self, model: str, alias: str, version: str | None) -> bool:
        """Let an alias name a version, or nobody.

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
        """Tell which version an alias names."""
        try:
            return str(self._client.get_model_version_by_alias(model, alias).version)
        except MlflowException:
            return None

    def read_document(self, version: ModelVersion, name: str) -> Any:
        """Read a JSON document logged with a version's run."""
        return json.loads(mlflow.artifacts.load_text(f"runs:/{version.run_id}/{_ARTIFACTS}/{name}"))

    def load_pipeline(self, version: ModelVersion) -> Any:
        """Load the pipeline of a version after checking its recorded checksum.

        Raises:
            ConflictError: If the files are not those that were registered.
        """
        return mlflow.sklearn.load_model(str(self._verified(version)))

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

    def _verified(self, version: ModelVersion) -> Path:
        """Give the local folder of a version's files; skops trusts what the files say, so they are checked first."""
        folder = Path(mlflow.artifacts.download_artifacts(f"models:/{version.model}/{version.version}"))
        if _hash_folder(folder) != version.tags.get(_CONTENT_HASH):
            raise ConflictError(
                f"model {version.model} version {version.version}",
                [Failure("checksum", "its files are not those that were registered")],
                "restore the files, or train a new version",
            )
        return folder


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {str(name): float(value) for name, value in metrics.items() if np.isfinite(value)}


def _version(found: Any) -> ModelVersion:
    tags = dict(found.tags)
    return ModelVersion(found.name, str(found.version), str(found.run_id), tags.get(_RUN_KEY, ""), tags)


def _hash_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        if path.name == "registered_model_meta":  # written by MLflow on download
            continue
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
