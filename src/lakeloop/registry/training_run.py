"""What a training logs: candidates as nested runs, a summary, and the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, Schema
from pandas.api.types import is_numeric_dtype
from sklearn.pipeline import Pipeline

from lakeloop.model_versions import ModelVersion, hash_model_files
from lakeloop.registry.answers import explaining
from lakeloop.registry.loading import SKOPS
from lakeloop.registry.names import ARTIFACTS, JUDGED_HASH_TAG, JUDGED_TAG
from lakeloop.registry.trial_runs import LoggedTrial
from lakeloop.training.storable import find_unstorable, unstorable_error

_MODEL_FILE = "the model's file"
_REQUIREMENTS = ("mlflow", "scikit-learn", "skops", "numpy", "pandas", "lakeloop")


class Training:
    """An open training run with its candidates.

    Args:
        run_key: Hash of what the version is made from.
        run_id: The open MLflow run.
        register: Makes a version of a logged model, with tags.
        log: Logs a trial as a nested run.
        known: Number -> trial that an earlier attempt finished; they are logged again, not fitted again.
        tracking_uri: Address of the store, for messages.
        allow_pickle: Whether a pipeline that skops may not load is stored as pickle.

    >>> import mlflow
    >>> client = mlflow.MlflowClient(context.config.tracking_uri)
    >>> logged = client.get_run(client.get_model_version("late", "1").run_id)
    >>> logged.info.run_name, logged.info.status
    ('train 2024-01-25T00:00:00Z', 'FINISHED')
    >>> logged.data.params["candidates"], logged.inputs.dataset_inputs[0].dataset.name
    ('2', 'training_sets.late')
    """

    def __init__(
        self,
        run_key: str,
        run_id: str,
        register: Callable[[Any, Mapping[str, str]], ModelVersion],
        log: Callable[[LoggedTrial], str],
        known: Mapping[int, LoggedTrial],
        tracking_uri: str,
        *,
        allow_pickle: bool = False,
    ) -> None:
        self._allow_pickle = allow_pickle
        self._run_key, self.run_id, self._register = run_key, run_id, register
        self._log, self.known, self._tracking_uri = log, dict(known), tracking_uri

    def log_trial(self, trial: LoggedTrial) -> None:
        """Log a trial as a nested run.

        Args:
            trial: The trial, with its metrics on the validation rows.
        """
        self._log(trial)

    def log_summary(
        self, params: Mapping[str, Any], metrics: Mapping[str, float], documents: Mapping[str, Any]
    ) -> None:
        """Log what describes the chosen candidate.

        Args:
            params: Its parameters, and the training set's id.
            metrics: Its metrics on the holdout.
            documents: File name -> content, kept as artifacts: JSON-safe in a `.json`, text in any other.
        """
        with explaining(self._tracking_uri):
            mlflow.log_params(dict(params))
            mlflow.log_metrics(_finite(metrics))
            for name, content in documents.items():
                text = json.dumps(content, sort_keys=True) if name.endswith(".json") else str(content)
                mlflow.log_text(text, f"{ARTIFACTS}/{name}")

    def log_model(
        self,
        pipeline: Any,
        example: pd.DataFrame,
        output: Any,
        *,
        probabilities: bool,
        trusted_types: Sequence[str],
        packages: Sequence[str] = (),
        tags: Mapping[str, str],
        judged: Any = None,
    ) -> ModelVersion:
        """Log the chosen pipeline in skops format and register it; as pickle where that is needed and allowed.

        Args:
            pipeline: The fitted pipeline.
            example: A few input rows, for the signature: columns of doubles and of texts.
            output: What the pipeline answers for them.
            probabilities: Whether the model answers with class probabilities.
            trusted_types: Types that skops may load.
            packages: Installed packages that the model needs besides those that every model needs.
            tags: Recorded with the version.
            judged: The pipeline that the gate judges in its place, where this one has seen the holdout.

        Returns:
            The new version.

        Raises:
            ConfigError: If the pipeline holds what skops may not load, and pickle is not allowed.
        """
        signature = make_signature(example, output)
        if judged is not None:
            logged = self._log_model(judged, "judged", signature, probabilities, trusted_types, packages)
            with explaining(self._tracking_uri):
                content = hash_model_files(Path(mlflow.artifacts.download_artifacts(logged.model_uri)))
            tags = {**tags, JUDGED_TAG: logged.model_uri, JUDGED_HASH_TAG: content}
        return self._register(
            self._log_model(pipeline, "model", signature, probabilities, trusted_types, packages), tags
        )

    def _log_model(
        self,
        pipeline: Any,
        name: str,
        signature: Any,
        probabilities: bool,
        trusted_types: Sequence[str],
        packages: Sequence[str],
    ) -> Any:
        is_pickled = self._allow_pickle and bool(find_unstorable(pipeline))
        needed = (*_REQUIREMENTS, *packages, *(("cloudpickle",) if is_pickled else ()))
        with explaining(self._tracking_uri):
            try:
                return mlflow.sklearn.log_model(
                    pipeline,
                    name=name,
                    signature=signature,
                    serialization_format="cloudpickle" if is_pickled else SKOPS,
                    skops_trusted_types=None if is_pickled else list(trusted_types),
                    pyfunc_predict_fn="predict_proba" if probabilities else "predict",
                    pip_requirements=[f"{each}=={installed_version(each)}" for each in dict.fromkeys(needed)],
                )
            except MlflowException:
                types = find_unstorable(pipeline)
                if not types:  # it is of the store
                    raise
                made = type(pipeline[-1]) if isinstance(pipeline, Pipeline) else type(pipeline)
                raise unstorable_error(f"{made.__module__}.{made.__name__}", types, _MODEL_FILE) from None


def make_signature(example: pd.DataFrame, output: Any) -> ModelSignature:
    """Make a model's signature from the types of its columns: a few rows may lack every value of one.

    Args:
        example: Input rows: columns of doubles and of texts.
        output: What the model answers for them.

    Returns:
        The signature: every input a string or a double.

    >>> rows = pd.DataFrame({"tail": pd.Series([None, None], dtype=object), "seats": [1.0, 2.0]})
    >>> [(each.name, each.type.name) for each in make_signature(rows, np.zeros(2)).inputs.inputs]
    [('tail', 'string'), ('seats', 'double')]
    """
    inputs = [
        ColSpec(DataType.double if is_numeric_dtype(example[name]) else DataType.string, str(name)) for name in example
    ]
    return ModelSignature(Schema(inputs), infer_signature(model_output=output).outputs)


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {str(name): float(value) for name, value in metrics.items() if np.isfinite(value)}
