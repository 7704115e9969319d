"""Who may commit to tables where: decided before anything is written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lakeloop.config.loading import load_config
from lakeloop.config.workspace import S3Writers
from lakeloop.errors import EnvironmentProblemError
from lakeloop.runs.context import Context
from lakeloop.runs.vacuum import vacuum
from lakeloop.tables import LOG_STORE, SAFE_LOG_STORE, Lake, Store, TableAddress, find_problem
from tests.config.small_project import edited, write_project
from tests.laws.small_loop import TURNS

S3 = "s3a://lake/flights"
SINGLE_DRIVER = "io.delta.storage.S3SingleDriverLogStore"


def no_spark() -> Any:
    pytest.fail("Spark was started")


def session_with(log_store: str | None) -> Any:
    """What is asked of a session: what it was started with."""
    settings = {} if log_store is None else {LOG_STORE: log_store}
    return SimpleNamespace(conf=SimpleNamespace(get=settings.get))


def lake_at(root: str, folder: Path, writers: S3Writers | None = None) -> Lake:
    return Lake(no_spark, folder, retention=timedelta(days=30), store=Store(root, writers))


@pytest.mark.parametrize(
    ("declared", "log_store", "name"),
    [
        (None, None, "s3_writers"),
        (None, SAFE_LOG_STORE, "s3_writers"),  # the other engine does not see what it does
        (S3Writers.ONE, None, None),
        (S3Writers.ONE, SINGLE_DRIVER, None),
        (S3Writers.ONE, SAFE_LOG_STORE, None),
        (S3Writers.SEVERAL, None, LOG_STORE),
        (S3Writers.SEVERAL, SINGLE_DRIVER, LOG_STORE),
        (S3Writers.SEVERAL, "org.example.Own", LOG_STORE),
        (S3Writers.SEVERAL, SAFE_LOG_STORE, None),
    ],
)
def test_writers_of_s3_keep_one_guarantee_or_are_refused(
    declared: S3Writers | None, log_store: str | None, name: str | None
) -> None:
    problem = find_problem(declared, log_store)
    assert (None if problem is None else problem[0].name) == name
    assert problem is None or "s3_writers: one" in problem[1]


@pytest.mark.parametrize(
    ("root", "declared", "by_spark"),
    [
        (S3, S3Writers.SEVERAL, True),
        (S3, S3Writers.ONE, False),
        (S3, None, False),
        ("gs://lake/flights", None, False),
        ("abfss://c@a.dfs.core.windows.net/flights", None, False),
        ("/data/ws", None, False),
    ],
)
def test_only_where_several_write_to_s3_spark_makes_every_commit(
    root: str, declared: S3Writers | None, by_spark: bool
) -> None:
    store = Store(root, declared)
    assert store.by_spark is by_spark
    address = lake_at(root, Path("/data/local"), declared).address("gold", "shops")
    assert (address.path, address.is_committed_by_spark) == (f"{root}/gold/shops", by_spark)


@pytest.mark.parametrize("root", ["gs://lake/flights", "abfss://c@a.dfs.core.windows.net/flights", "/data/ws"])
def test_other_stores_put_a_commit_only_where_there_is_none(root: str) -> None:
    Store(root).assert_writable(no_spark)


def test_a_writing_job_on_s3_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    lake = lake_at(S3, tmp_path / "local")
    with pytest.raises(EnvironmentProblemError) as refused, lake.writing():
        pytest.fail("it was let in")
    assert str(refused.value) == (
        "workspace s3a://lake/flights: the environment is not ready\n"
        "  - s3_writers: it is not declared, and on S3 a commit can replace another job's without a word\n"
        "  remedy: write s3_writers: one in project.yml where one job at a time writes; or s3_writers: several, with"
        " spark.delta.logStore.s3a.impl: io.delta.storage.S3DynamoDBLogStore under spark:; see docs/storage.md"
    )
    assert not (tmp_path / "local").exists()


def test_one_writer_holds_the_lock_of_the_folder_beside_the_address(tmp_path: Path) -> None:
    with lake_at(S3, tmp_path / "local", S3Writers.ONE).writing():
        assert (tmp_path / "local" / ".lakeloop.lock").exists()


def test_several_writers_want_a_log_store_in_the_session_that_is_there() -> None:
    Store(S3, S3Writers.SEVERAL).assert_writable(lambda: session_with(SAFE_LOG_STORE))
    wanting = Store(S3, S3Writers.SEVERAL, {LOG_STORE: SAFE_LOG_STORE})
    with pytest.raises(EnvironmentProblemError) as refused:
        wanting.assert_writable(lambda: session_with(None))
    assert str(refused.value).splitlines()[1:] == [
        "  - spark.delta.logStore.s3a.impl: it is not set, so Spark replaces what another job committed; allowed:"
        " io.delta.storage.S3DynamoDBLogStore",
        "  remedy: the session was started without it, though project.yml names it: tell spark-submit or the server;"
        " or s3_writers: one; see docs/storage.md",
    ]


def test_a_project_at_an_address_keeps_all_else_in_its_folder(tmp_path: Path) -> None:
    lines = "project: flights\nworkspace: s3://lake/flights/\nlocal: here\ns3_writers: one\n"
    config = load_config(write_project(tmp_path, edited("conf/base/project.yml", "project: flights\n", lines)))
    assert (config.tables, config.workspace) == (S3, tmp_path / "here")
    assert config.tracking_uri == f"sqlite:///{tmp_path}/here/mlflow.db"
    assert config.online_store_address == f"sqlite:///{tmp_path}/here/online.db"
    assert config.landing_path(config.sources["weather"]).parent == tmp_path / "here" / "landing"
    lake = Context(config, TURNS[0]).lake
    assert lake.address("gold", "shops") == TableAddress("gold", "shops", S3)
    assert lake.store.s3_writers is S3Writers.ONE


def test_where_tables_lie_is_no_part_of_a_declaration(tmp_path: Path) -> None:
    """Two projects that say nothing of it have the hashes they had before there was anything to say."""
    config = load_config(write_project(tmp_path))
    dumped = config.project.model_dump(mode="json", by_alias=True)
    assert not {"local", "s3_writers"} & set(dumped)


def test_a_vacuum_at_an_address_is_refused(tmp_path: Path) -> None:
    lines = f"project: flights\nworkspace: {S3}\nlocal: here\ns3_writers: one\n"
    config = load_config(write_project(tmp_path, edited("conf/base/project.yml", "project: flights\n", lines)))
    with pytest.raises(EnvironmentProblemError, match="works on tables in folders"):
        vacuum(Context(config, TURNS[0]), TURNS[0])
    assert not config.workspace.exists()
