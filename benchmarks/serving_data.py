"""What the servers serve: rows of 30 numbers, a model as the loop makes them, and its files as MLflow writes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lakeloop.model_versions import hash_model_files
from lakeloop.on_demand.transformer import OnDemandColumns
from lakeloop.online_store.opening import open_store
from lakeloop.online_store.store import PublishedTable, State
from lakeloop.serving.bundle import Bundle, BundleTable, bundle_id_of, write_bundle
from lakeloop.training.preprocessing import TRUSTED_TYPES

ENTITIES, FEATURES, TREES = 10_000, 30, 100
AS_OF = datetime(2024, 2, 1, tzinfo=UTC)
PROJECT, MODEL, TABLE = "benchmark", "late", "shops"
NAMES = tuple(f"x{number:02d}" for number in range(FEATURES))
COLUMNS = tuple(f"{TABLE}__{name}" for name in NAMES)
TYPES = dict.fromkeys(NAMES, "double")


def make_features(seed: int = 5) -> pd.DataFrame:
    """Make a row of numbers per entity; the index is `entity_id`."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(ENTITIES, FEATURES)), columns=list(COLUMNS))


def fit_pipeline(features: pd.DataFrame) -> Any:
    """Fit a pipeline of the steps that the loop logs: on-demand columns, preprocessing that passes, boosted trees."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    label = features[COLUMNS[0]] + 0.5 * features[COLUMNS[1]] * features[COLUMNS[2]] - features[COLUMNS[3]].abs() > -0.5
    middle = ColumnTransformer(
        [("group_0", "passthrough", list(COLUMNS))], sparse_threshold=0, verbose_feature_names_out=False
    ).set_output(transform="pandas")
    estimator = HistGradientBoostingClassifier(max_iter=TREES, random_state=0, early_stopping=False)
    steps = [("on_demand", OnDemandColumns({}, "UTC", list(COLUMNS))), ("preprocessing", middle)]
    return Pipeline([*steps, ("estimator", estimator)]).fit(features, label)


def write_model(pipeline: Any, features: pd.DataFrame, folder: Path) -> Path:
    """Write the pipeline's files as the registry logs them."""
    import mlflow
    from mlflow.models import infer_signature

    example = features.head(5)
    mlflow.sklearn.save_model(
        pipeline,
        str(folder),
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED_TYPES),
        pyfunc_predict_fn="predict_proba",
        signature=infer_signature(example, pipeline.predict_proba(example)),
        pip_requirements=["scikit-learn"],
    )
    return folder


def publish(features: pd.DataFrame, files: Path, folder: Path) -> tuple[Path, str]:
    """Publish rows and model for lakeloop's server.

    Args:
        features: Rows by entity.
        files: The model's files.
        folder: Where to.

    Returns:
        Folder of bundles, and the address of the store.
    """
    address, micros = f"sqlite:///{folder}/online.db", int(AS_OF.timestamp() * 1_000_000)
    table = PublishedTable(
        table=TABLE,
        generation="1",
        entity=("entity_id",),
        features=TYPES,
        key_types={"entity_id": "bigint"},
        every=timedelta(hours=1),
        ttl=None,
        built_through=AS_OF,
        delta_version=1,
        spec_hash="benchmark",
        published_as_of=AS_OF,
    )
    rows = features.to_numpy().tolist()
    store = open_store(address, PROJECT, read_only=False, timeout_seconds=10.0)
    store.stage(table, (((number,), State(micros, micros, tuple(row))) for number, row in enumerate(rows)))
    store.swap([table])
    store.close()
    bundle = Bundle(
        bundle_id="",
        model=MODEL,
        version="1",
        run_key="benchmark",
        content_hash=hash_model_files(files),
        task="classification",
        classes=(),
        timezone="UTC",
        id_columns=("entity_id",),
        columns={"entity_id": "bigint"},
        required=("entity_id",),
        on_demand={},
        inputs=COLUMNS,
        tables=(BundleTable(TABLE, ("entity_id",), NAMES, timedelta(hours=1), None, "benchmark"),),
        trained_through=AS_OF - timedelta(days=1),
        published_as_of=AS_OF,
    )
    write_bundle(folder / "bundles", replace(bundle, bundle_id=bundle_id_of(bundle)), files)
    return folder / "bundles", address
