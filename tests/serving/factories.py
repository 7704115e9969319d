"""A small model and its bundle, a store in memory: what the tests of the online answer share. No Spark."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline

from lakeloop.errors import EnvironmentProblemError, Failure
from lakeloop.model_versions import hash_model_files
from lakeloop.on_demand.transformer import OnDemandColumns
from lakeloop.online_store.store import Found, Key, PublishedTable, State
from lakeloop.serving.bundle import Bundle, BundleTable, bundle_id_of, write_bundle
from lakeloop.training.category_steps import CategoryColumns
from lakeloop.training.number_steps import NullSafeScaler, SignedLog

BUILT = datetime(2024, 2, 4, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TABLES = (
    BundleTable("shop_delays", ("shop",), ("mean_delay", "orders"), HOUR, None, "spec-delays"),
    BundleTable("shop_last", ("shop",), ("last_delay", "region"), None, timedelta(days=2), "spec-last"),
)
COLUMNS = {"shop": "string", "items": "int", "order_ts": "timestamp", "order": "bigint"}
INPUTS = (
    *("items", "order_ts", "shop"),
    *("shop_delays__mean_delay", "shop_delays__orders", "shop_last__last_delay", "shop_last__region"),
)
ROW = {"shop": "A", "items": 3, "order_ts": "2024-02-03T22:00:00Z"}
MLMODEL = """flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: model.skops}
  sklearn: {pickled_model: model.skops, serialization_format: skops}
"""


def micros(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


def make_bundle(**changed: Any) -> Bundle:
    """The bundle of the small model; its id is right."""
    bundle = Bundle(
        bundle_id="",
        model="late",
        version="1",
        run_key="key-1",
        content_hash="",
        task="classification",
        classes=(),
        timezone="America/New_York",
        id_columns=("order",),
        columns=COLUMNS,
        required=("shop", "items", "order_ts"),
        on_demand={"hour_of_day": "hour(order_ts)"},
        inputs=INPUTS,
        tables=TABLES,
        trained_through=datetime(2024, 2, 1, tzinfo=UTC),
        published_as_of=BUILT,
    )
    bundle = replace(bundle, **changed)
    return replace(bundle, bundle_id=bundle_id_of(bundle))


def rows_to_learn(n_rows: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "items": rng.integers(1, 9, n_rows).astype(np.float64),
            "order_ts": 1.7e9 + rng.uniform(0, 1e7, n_rows),
            "shop": rng.choice(np.array(["A", "B", "C"], dtype=object), n_rows),
            "shop_delays__mean_delay": rng.normal(5, 2, n_rows),
            "shop_delays__orders": rng.integers(0, 20, n_rows).astype(np.float64),
            "shop_last__last_delay": rng.normal(5, 4, n_rows),
            "shop_last__region": rng.choice(np.array(["north", "south", None], dtype=object), n_rows),
        }
    )
    for name in ("items", "shop_delays__mean_delay", "shop_last__last_delay"):
        frame.loc[rng.random(n_rows) < 0.1, name] = np.nan
    return frame


@cache
def fit_pipeline(task: str = "classification", seed: int = 0) -> Pipeline:
    """A fitted pipeline as the loop makes them."""
    frame = rows_to_learn(seed=seed)
    numbers = ["items", "hour_of_day", "shop_delays__orders"]
    passed = ["shop_delays__mean_delay", "shop_last__last_delay"]
    texts = ["shop", "shop_last__region"]
    first = OnDemandColumns({"hour_of_day": "hour(order_ts)"}, "America/New_York", [*numbers, *passed, *texts])
    middle = ColumnTransformer(
        [
            ("group_0", CategoryColumns(min_frequency=0.05), texts),
            ("group_1", make_pipeline(SignedLog(), NullSafeScaler()), numbers),
            ("group_2", "passthrough", passed),
        ],
        sparse_threshold=0,
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    rng = np.random.default_rng(seed)
    delay = frame["shop_last__last_delay"].fillna(5).to_numpy() + rng.normal(0, 1, len(frame))
    if task == "regression":
        frame = frame.fillna({"items": 0.0, "shop_delays__mean_delay": 0.0, "shop_last__last_delay": 0.0})
        return Pipeline([("on_demand", first), ("preprocessing", middle), ("estimator", LinearRegression())]).fit(
            frame, delay
        )
    label = np.digitize(delay, [3.0, 7.0]) if task == "multiclass" else delay > 5
    estimator = HistGradientBoostingClassifier(max_iter=10, random_state=0)
    return Pipeline([("on_demand", first), ("preprocessing", middle), ("estimator", estimator)]).fit(frame, label)


def write_files(folder: Path, pipeline: Any) -> Path:
    """The files of a model, as MLflow lays them out."""
    folder.mkdir(parents=True)
    skops.io.dump(pipeline, folder / "model.skops")
    (folder / "MLmodel").write_text(MLMODEL)
    return folder


def publish(place: Path, pipeline: Any, **changed: Any) -> Bundle:
    """Write a bundle into the folder `late` of a place.

    Args:
        place: A folder of the test's own.
        pipeline: The fitted pipeline.
        **changed: What the bundle says otherwise.
    """
    files = place / f"files-{changed.get('version', '1')}"
    if not files.exists():
        write_files(files, pipeline)
    bundle = make_bundle(content_hash=hash_model_files(files), **changed)
    write_bundle(place / "late", bundle, files)
    return bundle


def published(table: BundleTable, **changed: Any) -> PublishedTable:
    types = {"mean_delay": "double", "orders": "bigint", "last_delay": "double", "region": "string"}
    made = PublishedTable(
        table.table,
        "g1",
        table.entity,
        {name: types.get(name, "double") for name in table.features},
        {"shop": "string"},
        table.every,
        table.ttl,
        BUILT,
        4,
        table.spec_hash,
        BUILT,
    )
    return replace(made, **changed)


class MemoryStore:
    """A store in this process, as the protocol asks for; it can be taken down, slowed, and counts what is asked."""

    def __init__(self, tables: Mapping[str, PublishedTable], rows: Mapping[str, Mapping[Key, State]]) -> None:
        self.tables = dict(tables)
        self.rows = {table: dict(of_table) for table, of_table in rows.items()}
        self.is_down = False
        self.is_closed = False
        self.wait = threading.Event()
        self.wait.set()
        self.asked: list[Mapping[str, Sequence[Key]]] = []

    def _answer(self) -> None:
        self.wait.wait(10)
        if self.is_down:
            raise EnvironmentProblemError(
                "the online store", [Failure("redis", "it does not answer")], "start it, or name another with --store"
            )

    def manifest(self) -> dict[str, PublishedTable]:
        self._answer()
        return dict(self.tables)

    def look_up(self, asked: Mapping[str, Sequence[Key]]) -> Found:
        self.asked.append(asked)
        self._answer()
        served = {name: table for name, table in self.tables.items() if name in asked}
        states = {name: tuple(self.rows.get(name, {}).get(key) for key in asked[name]) for name in served}
        return Found(served, states)

    def stage(self, table: PublishedTable, rows: Iterable[tuple[Key, State]]) -> int:
        raise NotImplementedError

    def swap(self, tables: Sequence[PublishedTable]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.is_closed = True


def make_store() -> MemoryStore:
    """Shop A with both states, B with one that has expired, C with nulls."""
    early, late = micros(BUILT - 3 * HOUR), micros(BUILT - HOUR)
    old = micros(BUILT - timedelta(days=9))
    return MemoryStore(
        {table.table: published(table) for table in TABLES},
        {
            "shop_delays": {("A",): State(late, late, (3.0, 12)), ("C",): State(early, early, (None, 0))},
            "shop_last": {("A",): State(early, early, (7.5, "north")), ("B",): State(old, old, (1.0, "south"))},
        },
    )


def answer_one(**changed: Any) -> Any:
    """What a server notes of one row that it answered."""
    import tempfile

    from lakeloop.serving.predictor import asked_of, keys_of, lay_out, model_columns, resolve
    from lakeloop.serving.request_log import Answered
    from lakeloop.serving.served import load_served

    with tempfile.TemporaryDirectory() as place:
        publish(Path(place), fit_pipeline())
        served = load_served(Path(place) / "late", max_rows=10)
    store = make_store()
    rows = [{"shop": "A", "items": 3, "order_ts": micros(BUILT), "order": 7, **changed}]
    keys = keys_of(served.plan, rows)
    found = store.look_up(asked_of(served.plan, keys))
    instants = [micros(BUILT)]
    features = resolve(lay_out(served.plan, found.tables), keys, instants, found)
    scores = served.score(model_columns(served.plan, rows, instants, features))
    return Answered(served, ["r-1"], [micros(BUILT)], rows, instants, features, scores)
