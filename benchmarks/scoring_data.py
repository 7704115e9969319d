"""Rows and a model to score them with: generated, the same for every side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cached import cached

ROW = "row_id"
MODEL = "model"
FILE = "rows.parquet"
SCORE = "score"
_TRAINED_ON = 100_000
_MISSING = 0.02
_GROUPS = 64


@dataclass(frozen=True)
class ScoringCell:
    """A size of the benchmark.

    Attributes:
        rows: Rows to score.
        features: Their columns, all numbers, two in a hundred values missing.
        trees: Boosted trees of the model.
        partitions: Parts in which Spark reads the rows; a process alone takes no notice.
    """

    rows: int
    features: int
    trees: int
    partitions: int

    @property
    def name(self) -> str:
        """The cell in tables."""
        parts = f"{self.partitions} partition{'s' if self.partitions > 1 else ''}"
        return f"{self.rows:,} rows x {self.features} features, {self.trees} trees, {parts}"

    @property
    def slug(self) -> str:
        """The cell in names of files."""
        return f"scoring_{self.rows}_{self.features}_{self.trees}_{self.partitions}"

    @property
    def columns(self) -> list[str]:
        """Names of the features."""
        return [f"x{number:02d}" for number in range(self.features)]


def write_data(cell: ScoringCell) -> Path:
    """Write the rows and the model, when they are not there yet.

    Args:
        cell: The size; the data does not depend on its partitions.

    Returns:
        Folder of the rows, in as many row groups as the most partitions, and of the model as MLflow keeps it.
    """
    return cached(f"scoring_{cell.rows}_{cell.features}_{cell.trees}", lambda folder: _make(cell, folder))


def _make(cell: ScoringCell, folder: Path) -> None:
    import mlflow.sklearn
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    from lakeloop.on_demand.transformer import OnDemandColumns
    from lakeloop.registry.training_run import make_signature
    from lakeloop.training.preprocessing import TRUSTED_TYPES

    drawn = np.random.default_rng(7)
    values = drawn.normal(size=(cell.rows, cell.features))
    values[drawn.random(values.shape) < _MISSING] = np.nan
    table = {ROW: np.arange(cell.rows)}
    table |= {name: pa.array(values[:, place], from_pandas=True) for place, name in enumerate(cell.columns)}
    pq.write_table(pa.table(table), folder / FILE, row_group_size=-(-cell.rows // _GROUPS))
    frame = pd.DataFrame(values[:_TRAINED_ON], columns=cell.columns)
    label = np.nan_to_num(frame.to_numpy()[:, :5]).sum(axis=1) + drawn.normal(size=len(frame)) > 1
    steps = [
        ("on_demand", OnDemandColumns({}, "UTC", cell.columns)),
        ("estimator", HistGradientBoostingClassifier(max_iter=cell.trees, early_stopping=False)),
    ]
    pipeline = Pipeline(steps).fit(frame, label)
    mlflow.sklearn.save_model(
        pipeline,
        str(folder / MODEL),
        signature=make_signature(frame.head(), pipeline.predict_proba(frame.head())),
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED_TYPES),
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[],
    )


def expected_scores(data: Path, cell: ScoringCell) -> pa.Table:
    """Score the rows by plain `predict_proba` in one piece.

    Args:
        data: Folder of the cell's data.
        cell: The size.

    Returns:
        Row and score.
    """
    from lakeloop.registry.loading import load_files
    from lakeloop.training.preprocessing import TRUSTED_TYPES

    rows = pd.read_parquet(data / FILE)
    scores = load_files(data / MODEL, TRUSTED_TYPES).predict_proba(rows[cell.columns])
    return pa.table({ROW: rows[ROW].to_numpy(), SCORE: scores[:, 1]})
