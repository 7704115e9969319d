"""What it costs to explain the predictions of a scoring, and how far two orders are from many.

    python -m benchmarks.explanations

Boosted trees over drawn numbers and a text, whose label depends on eight of the columns, three of them together.
Reading and writing are not counted: one query for the rows, one for the background, one commit.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from benchmarks.report import describe_machine
from lakeloop.config.metric import Task
from lakeloop.config.score import Explain
from lakeloop.training.contributions import Contributions, shapley_contributions
from lakeloop.training.fitting import predict_scores

SEED = 7
COLUMNS, ORDERS = (10, 40, 84), (2,)
FIT_ROWS = 20_000
COMPARED, MANY = 5, 20
"""Rows and orders of the comparison."""


def draw_rows(count: int, columns: int, seed: int = SEED) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw inputs and a label.

    Args:
        count: Rows.
        columns: Inputs, at least 9; the last is a text.
        seed: Seed.

    Returns:
        The inputs and a truth per row.

    >>> frame, label = draw_rows(4, 9)
    >>> frame.shape, label.dtype
    ((4, 9), dtype('bool'))
    """
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(count, columns - 1))
    frame = pd.DataFrame(numbers, columns=[f"n{place}" for place in range(columns - 1)])
    frame["shop"] = rng.choice(list("ABCDE"), size=count)
    strength = numbers[:, :5].sum(axis=1) + 2 * numbers[:, 5] * numbers[:, 6] * numbers[:, 7] - 1
    return frame, strength + (frame["shop"] == "A").to_numpy() > rng.logistic(size=count)


def main() -> int:
    """Print the table."""
    declared = Explain()
    table = Table(
        "columns", "orders", "predictions", "CPU seconds", "mean size of rank 1", f"mean distance from {MANY} orders"
    )
    for columns in COLUMNS:
        frame, label = draw_rows(FIT_ROWS, columns)
        encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["shop"]), remainder="passthrough")
        model = make_pipeline(encode, HistGradientBoostingClassifier(random_state=SEED)).fit(frame, label)
        background, rows = frame.head(declared.background), frame.tail(declared.rows)

        def explain(
            count: int,
            orders: int,
            model: object = model,
            rows: pd.DataFrame = rows,
            background: pd.DataFrame = background,
        ) -> Contributions:
            ids = [f"row-{place}" for place in range(count)]
            return shapley_contributions(
                lambda some: predict_scores(Task.CLASSIFICATION, model, some),
                rows.head(count),
                background,
                ids,
                permutations=orders,
                seed=SEED,
            )

        many = explain(COMPARED, MANY).values
        for orders in ORDERS:
            begun = time.process_time()
            found = explain(declared.rows, orders).values
            seconds = time.process_time() - begun
            predictions = declared.rows * declared.background * orders * (columns - 1)
            size = np.abs(found).max(axis=1).mean()
            distance = np.abs(found[:COMPARED] - many).mean()
            cells = (f"{columns}", f"{orders}", f"{predictions:,}", f"{seconds:.1f}", f"{size:.3f}", f"{distance:.4f}")
            table.add_row(*cells)
    console = Console(width=120)
    console.print(describe_machine())
    console.print(f"{declared.rows} rows, {declared.background} background rows")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
