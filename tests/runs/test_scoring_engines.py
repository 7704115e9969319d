"""Two scoring engines with one result: MLflow's `spark_udf`; Arrow columns and a pipeline loaded once a process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from lakeloop import schemas
from lakeloop.arrow_scoring import (
    StoredPipeline,
    load_counts,
    make_arrow_scorer,
    score_batches,
    store_pipeline,
)
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.score import Score, ScoringEngine
from lakeloop.errors import ConflictError
from lakeloop.model_versions import DatasetInput, ModelVersion
from lakeloop.on_demand.transformer import OnDemandColumns
from lakeloop.registry import stored_pipeline
from lakeloop.runs.context import Context
from lakeloop.runs.scoring_engines import (
    ANSWER,
    SAMPLE_ROWS,
    Answered,
    add_answers,
    arrow_answer,
    series_answer,
    spark_udf_answer,
)
from lakeloop.runs.scoring_parity import compare_answers
from lakeloop.statuses import ParityStatus
from lakeloop.training.preprocessing import TRUSTED_TYPES
from tests.laws.small_loop import TURNS, write_project

KNOWN = ("shop", "items", "share", "is_new", "ordered_ts")
CALLS = {"hour_of_day": "hour(prediction_ts)"}
ROWS = """
select concat('p', lpad(id, 4, '0')) as prediction_id,
    case when id % 7 = 0 then null when id % 5 = 0 then 'never seen' else array('A', 'B')[id % 2] end as shop,
    case when id % 6 = 0 then null else cast(id % 9 as int) end as items,
    case when id % 4 = 0 then null when id % 4 = 1 then double('NaN') else id / 40 end as share,
    case when id % 8 = 0 then null else id % 3 = 0 end as is_new,
    if(id % 9 = 0, null, timestamp'1969-12-31 12:00:00.5Z' + make_interval(0, 0, 0, 0, id)) as ordered_ts,
    timestamp'2024-01-01 00:30:00Z' + make_interval(0, 0, 0, 0, id) as prediction_ts, 'not an input' as other
from range({rows})
"""


def fit(task: Task) -> tuple[Pipeline, pd.DataFrame]:
    """Fit a pipeline as lakeloop makes them, on rows of texts and doubles."""
    drawn = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "shop": drawn.choice(np.array(["A", "B", None], dtype=object), 300),
            "items": drawn.integers(0, 9, 300).astype(float),
            "share": np.where(drawn.random(300) < 0.2, np.nan, drawn.random(300)),
            "is_new": drawn.integers(0, 2, 300).astype(float),
            "ordered_ts": drawn.normal(0, 1e6, 300),
            "prediction_ts": drawn.normal(1.7e9, 1e6, 300),
        }
    )
    noisy = frame["items"] + 3 * np.nan_to_num(frame["share"]) + drawn.normal(size=300)
    label: Any = {
        Task.REGRESSION: noisy,
        Task.CLASSIFICATION: noisy > 5,
        Task.MULTICLASS: np.digitize(noisy, [3, 6]),
    }[task]
    boosted = HistGradientBoostingRegressor if task is Task.REGRESSION else HistGradientBoostingClassifier
    encode = ColumnTransformer(
        [("shop", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["shop"])], remainder="passthrough"
    )
    steps = [
        ("on_demand", OnDemandColumns(CALLS, "UTC", [*KNOWN, *CALLS])),
        ("preprocessing", encode),
        ("estimator", boosted(max_iter=5, min_samples_leaf=5)),
    ]
    return Pipeline(steps).fit(frame, label), frame


def store(pipeline: Any, task: Task) -> StoredPipeline:
    columns = dict.fromkeys((*KNOWN, "prediction_ts"), "double") | {"shop": "string"}
    return store_pipeline(skops.io.dumps(pipeline), columns, TRUSTED_TYPES, probabilities=task is not Task.REGRESSION)


@dataclass(frozen=True)
class Project:
    """A project whose model is registered for a task, without a training.

    Attributes:
        context: Its surroundings; no row was scored.
        models: Task -> the declaration.
        versions: Task -> a version.
    """

    context: Context
    models: dict[Task, Model]
    versions: dict[Task, ModelVersion]

    def add(self, rows: DataFrame, number: int, engine: ScoringEngine = ScoringEngine.AUTO) -> Answered:
        """Let the version of two classes answer."""
        model = self.models[Task.CLASSIFICATION].model_copy(update={"score": Score(engine=engine)})
        with self.context.lake.writing():
            return add_answers(self.context, model, self.versions[Task.CLASSIFICATION], rows, rows=number)

    def parity(self) -> list[tuple[str, int, float | None]]:
        """What was recorded, in its order."""
        rows = self.context.lake.own_rows(schemas.SCORING_PARITY, None)
        return sorted((row["status"], row["rows"], row["max_abs_difference"]) for row in rows)


@pytest.fixture(scope="module")
def project(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Project:
    config = write_project(tmp_path_factory.mktemp("engines") / "project")
    context = Context(config, TURNS[0])
    late = config.models["late"]
    predict = late.predict.model_copy(update={"known": KNOWN})
    models, versions = {}, {}
    for task in (Task.CLASSIFICATION, Task.MULTICLASS, Task.REGRESSION):
        models[task] = late.model_copy(update={"predict": predict, "features": (), "on_demand": CALLS, "task": task})
        pipeline, frame = fit(task)
        dataset, is_class = DatasetInput("set", "set", 0, "digest"), task is not Task.REGRESSION
        output = pipeline.predict_proba(frame.head()) if is_class else pipeline.predict(frame.head())
        with context.registry.training("late", f"key-{task}", dataset, {}) as training:
            versions[task] = training.log_model(
                pipeline, frame.head(), output, probabilities=is_class, trusted_types=TRUSTED_TYPES, tags={}
            )
    return Project(context, models, versions)


@pytest.fixture
def fresh(project: Project, tmp_path: Path) -> Project:
    """The project with tables of its own."""
    config = project.context.config
    declared = config.project.model_copy(update={"workspace": str(tmp_path / "workspace")})
    context = Context(replace(config, project=declared), TURNS[0])
    context.__dict__["registry"] = project.context.registry
    return replace(project, context=context)


# --- the pipeline in a worker ----------------------------------------------------------------------------------------


def columns_of(frame: pd.DataFrame) -> tuple[pa.Array, ...]:
    return tuple(pa.array(frame[name], from_pandas=True) for name in (*KNOWN, "prediction_ts"))


def test_batches_are_scored_several_at_once_and_answer_what_the_pipeline_answers() -> None:
    pipeline, frame = fit(Task.MULTICLASS)
    batches = [columns_of(frame[start : start + 30]) for start in range(0, 270, 30)]
    answers = list(score_batches(store(pipeline, Task.MULTICLASS), batches, rows=70))
    assert [len(each) for each in answers] == [90, 90, 90]
    assert pa.concat_arrays(answers).to_pylist() == pipeline.predict_proba(frame[:270]).tolist()
    in_parts = list(score_batches(store(pipeline, Task.MULTICLASS), [columns_of(frame[:270])], rows=100))
    assert [len(each) for each in in_parts] == [100, 100, 70]
    assert pa.concat_arrays(in_parts).to_pylist() == pipeline.predict_proba(frame[:270]).tolist()
    (whole,) = score_batches(store(pipeline, Task.MULTICLASS), batches)
    assert whole.to_pylist() == pipeline.predict_proba(frame[:270]).tolist()


@pytest.mark.parametrize("batches", [[], [columns_of(fit(Task.REGRESSION)[1].head(0))]], ids=["none", "an empty one"])
def test_without_rows_nothing_is_answered_nor_loaded(batches: list[Any]) -> None:
    stored = replace(store(fit(Task.REGRESSION)[0], Task.REGRESSION), content=b"", content_hash="never loaded")
    assert list(score_batches(stored, batches)) == []
    assert "never loaded" not in load_counts


def test_a_worker_imports_neither_mlflow_nor_the_rest_of_lakeloop(tmp_path: Path) -> None:
    pipeline, frame = fit(Task.CLASSIFICATION)
    path = tmp_path / "task.pickle"
    path.write_bytes(cloudpickle.dumps((make_arrow_scorer(store(pipeline, Task.CLASSIFICATION)), columns_of(frame))))
    code = f"""
import pickle, sys
score, columns = pickle.loads(open({str(path)!r}, "rb").read())
known = {{name for name in sys.modules if name.startswith("lakeloop")}}
assert known == {{"lakeloop", "lakeloop.arrow_scoring"}}, known
assert not {{"sklearn", "skops", "pandas"}} & sys.modules.keys()
(answers,) = score(iter([columns]))
assert len(answers) == {len(frame)}
found = {{name.split(".")[1] for name in sys.modules if name.startswith("lakeloop.")}}
assert found == {{"arrow_scoring", "on_demand", "entry_points", "errors"}}, found
assert not {{"mlflow", "pydantic"}} & sys.modules.keys()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_stored_pipeline_survives_the_way_to_a_worker() -> None:
    stored = store(fit(Task.CLASSIFICATION)[0], Task.CLASSIFICATION)
    assert pickle.loads(cloudpickle.dumps(stored)) == stored


# --- on Spark --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.MULTICLASS, Task.REGRESSION])
def test_both_engines_answer_the_same_bits(project: Project, spark: SparkSession, task: Task) -> None:
    context, model, version = project.context, project.models[task], project.versions[task]
    rows = spark.sql(ROWS.format(rows=80))
    stored = stored_pipeline.read_stored_pipeline(context.registry.verify(version), TRUSTED_TYPES)
    assert stored is not None
    found = rows.select(
        spark_udf_answer(context, model, version, rows).alias("one"),
        arrow_answer(rows, stored).alias("other"),
        series_answer(rows, stored).alias("third"),
    )
    assert len({field.dataType.simpleString() for field in found.schema.fields}) == 1
    answers = found.toArrow()
    assert answers.num_rows == 80
    assert len(set(map(str, answers["one"].to_pylist()))) > 10
    assert answers["one"].to_pylist() == answers["other"].to_pylist() == answers["third"].to_pylist()


def test_a_comparison_is_recorded_once_and_lets_arrow_answer(fresh: Project, spark: SparkSession) -> None:
    rows, none = spark.sql(ROWS.format(rows=40)), spark.sql(ROWS.format(rows=0))
    empty = fresh.add(none, 0)
    assert (empty.engine, empty.warning, empty.rows.count()) == (ScoringEngine.SPARK_UDF, "", 0)
    assert fresh.add(none, 0).engine is ScoringEngine.SPARK_UDF  # no rows is no pass
    assert fresh.parity() == [("NO_ROWS", 0, None)]
    for _ in range(2):
        answered = fresh.add(rows, 40)
        assert (answered.engine, answered.warning) == (ScoringEngine.ARROW, "")
        assert fresh.parity() == [("NO_ROWS", 0, None), ("OK", 40, 0.0)]
    assert answered.rows.columns == [*rows.columns, ANSWER]
    by_mlflow = fresh.add(rows, 40, ScoringEngine.SPARK_UDF)
    assert by_mlflow.engine is ScoringEngine.SPARK_UDF
    one, other = (each.rows.select("prediction_id", ANSWER).toArrow() for each in (by_mlflow, answered))
    assert one == other


def test_of_many_rows_the_first_are_compared(fresh: Project, spark: SparkSession) -> None:
    rows, asked = spark.sql(ROWS.format(rows=20)), []

    def sample(most: int) -> DataFrame:
        asked.append(most)
        return rows.limit(7)

    version = fresh.versions[Task.CLASSIFICATION]
    with fresh.context.lake.writing():
        add_answers(
            fresh.context, fresh.models[Task.CLASSIFICATION], version, rows, rows=SAMPLE_ROWS + 1, sample=sample
        )
    assert asked == [SAMPLE_ROWS]
    assert fresh.parity() == [("OK", 7, 0.0)]


def test_a_version_that_answers_otherwise_is_left_to_mlflow_and_told(
    fresh: Project, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = spark.sql(ROWS.format(rows=20))
    constant = Pipeline(
        [
            ("on_demand", OnDemandColumns(CALLS, "UTC", [*KNOWN, *CALLS])),
            ("estimator", DummyClassifier(strategy="constant", constant=True)),
        ]
    ).fit(fit(Task.CLASSIFICATION)[1], np.arange(300) % 2 == 0)
    planted = store(constant, Task.CLASSIFICATION)
    monkeypatch.setattr(stored_pipeline, "read_stored_pipeline", lambda *_: planted)
    answered = fresh.add(rows, 20)
    ((status, compared, apart),) = fresh.parity()
    assert (status, compared) == ("DIFFERENT", 20)
    assert apart is not None
    assert 0.5 < apart <= 1
    told = f"of 20 rows its answers differ from those of spark_udf, by up to {apart:g}"
    assert answered.engine is ScoringEngine.SPARK_UDF
    assert answered.warning == f"engine arrow was not used: {told}"
    with pytest.raises(ConflictError) as refused:
        fresh.add(rows, 20, ScoringEngine.ARROW)
    assert str(refused.value.failures[0]) == f"score.engine arrow: {told}"
    monkeypatch.undo()
    assert fresh.add(rows, 20).engine is ScoringEngine.SPARK_UDF  # what differed once is not asked again


def test_other_types_of_inputs_are_left_to_mlflow(fresh: Project, spark: SparkSession) -> None:
    rows = spark.sql(ROWS.format(rows=20)).withColumn("items", F.col("items").cast("string"))
    with pytest.raises(ConflictError) as refused:
        fresh.add(rows, 20, ScoringEngine.ARROW)
    assert str(refused.value.failures[0]) == "score.engine arrow: its inputs are of other types: items"
    assert fresh.add(rows, 20).engine is ScoringEngine.SPARK_UDF
    assert fresh.parity() == []


def test_a_worker_process_loads_a_version_once(spark: SparkSession) -> None:
    pipeline, _ = fit(Task.CLASSIFICATION)
    stored = store(pipeline.set_params(estimator__verbose=0), Task.CLASSIFICATION)
    stored = replace(stored, content_hash=f"{stored.content_hash} of this test")
    rows = spark.sql(ROWS.format(rows=40)).repartition(4)
    for _ in range(2):
        assert rows.select(arrow_answer(rows, stored).alias("answer")).where("answer is null").count() == 0
    wanted = stored.content_hash

    def count_loads(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from lakeloop.arrow_scoring import load_counts  # that of the worker, not what was pickled

        for _ in batches:
            yield pa.RecordBatch.from_pydict({"process": [os.getpid()], "loads": [load_counts.get(wanted, 0)]})

    told = rows.mapInArrow(count_loads, "process long, loads long").distinct().toArrow().to_pylist()
    assert {row["loads"] for row in told} <= {0, 1}
    assert len(told) == len({row["process"] for row in told}) <= 4
    assert any(row["loads"] for row in told)


@pytest.mark.parametrize(
    ("one", "other", "status", "apart"),
    [
        ("array(0.5d, null)", "array(0.5d, null)", ParityStatus.OK, 0.0),
        ("array(0.5d, null)", "array(0.5d, 0.5d)", ParityStatus.DIFFERENT, np.inf),
        ("cast(null as array<double>)", "cast(null as array<double>)", ParityStatus.OK, 0.0),
        ("cast(null as array<double>)", "array(0.5d)", ParityStatus.DIFFERENT, np.inf),
        ("array(0.5d)", "array(0.5d, 0.5d)", ParityStatus.DIFFERENT, np.inf),
        ("array(double('NaN'))", "array(double('NaN'))", ParityStatus.OK, 0.0),
        ("array(double('NaN'))", "array(0.5d)", ParityStatus.DIFFERENT, np.inf),
        ("array(0.5d)", "array(0.5d + 1e-10)", ParityStatus.OK, pytest.approx(1e-10, rel=1e-5)),
        ("array(1e6d)", "array(1e6d + 1e-4)", ParityStatus.OK, pytest.approx(1e-4, rel=1e-5)),
    ],
)
def test_answers_are_compared_with_their_nulls(
    spark: SparkSession, one: str, other: str, status: ParityStatus, apart: float
) -> None:
    rows = spark.sql(f"select {one} as one, {other} as other")
    found = compare_answers(rows, F.col("one"), F.col("other"), probabilities=True)
    assert (found.status, found.rows, found.max_abs_difference) == (status, 1, apart)


def test_the_environment_of_a_comparison_counts(
    fresh: Project, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = spark.sql(ROWS.format(rows=20))
    fresh.add(rows, 20)
    monkeypatch.setattr("lakeloop.runs.scoring_parity.scoring_environment", lambda: "another")
    later = replace(fresh, context=fresh.context.at(TURNS[0] + timedelta(days=1)))
    assert later.add(rows, 20).engine is ScoringEngine.ARROW
    assert later.parity() == [("OK", 20, 0.0)] * 2
