"""What of Spark Connect is refused before a server is asked for anything."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lakeloop import connect
from lakeloop.errors import ConfigError, EnvironmentProblemError, UsageError
from tests.runs.connect_server import client_environment, free_port


@pytest.mark.parametrize(
    ("ours", "theirs", "fits"),
    [
        ("4.2.0", "4.2.0", True),
        ("4.2.0", "4.2.3-amzn-0", True),
        ("4.2.0", "4.1.2", False),
        ("4.1.2", "4.2.0", False),
        ("4.2.0", "3.5.6", False),
        ("4.2.0", "5.2.0", False),
    ],
)
def test_a_server_of_another_spark_is_refused_and_a_patch_is_none(ours: str, theirs: str, fits: bool) -> None:
    assert (connect.version_problem(ours, theirs) is None) == fits


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sc://spark", "sc://spark"),
        ("sc://spark:15002/;use_ssl=true", "sc://spark:15002/;use_ssl=true"),
        (
            "sc://spark:443/;token=dapi123;user_id=ada;x-cluster=7",
            "sc://spark:443/;token=***;user_id=ada;x-cluster=***",
        ),
        ("sc://ada:secret@spark:443/;token=a", "sc://***@spark:443/;token=***"),
    ],
)
def test_no_secret_of_an_address_is_shown(address: str, shown: str) -> None:
    assert connect.show_address(address) == shown


@pytest.mark.parametrize("address", ["spark:15002", "local[*]", "https://spark", "sc://spark:15002/;token"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError) as refused:
        connect.open_remote("shops", address, {})
    assert refused.value.where == "SPARK_REMOTE"
    assert refused.value.exit_code == 2


def test_a_server_that_nobody_reaches_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "_WAIT_SECONDS", 0.5)
    address = f"sc://127.0.0.1:{free_port()}"
    with pytest.raises(EnvironmentProblemError) as refused:
        connect.open_remote("shops", f"{address}/;token=secret", {})
    assert str(refused.value) == (
        f"Spark Connect server {address}/;token=***: the environment is not ready\n"
        "  - connection: nobody answered there for 0.5 seconds\n"
        "  remedy: start it (docs/spark_connect.md tells how), or correct SPARK_REMOTE; check port, network and use_ssl"
    )
    assert refused.value.exit_code == 7


def test_missing_packages_of_the_client_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    true_find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "grpc" else true_find(name))
    with pytest.raises(EnvironmentProblemError, match=r"packages: grpc cannot be imported here") as refused:
        connect.open_remote("shops", "sc://spark", {})
    assert refused.value.remedy.startswith("pip install 'pyspark[connect]==")


class _CannotModifyError(Exception):
    __module__ = "pyspark.errors.exceptions.connect"

    def __init__(self, condition: str) -> None:
        super().__init__(f"[{condition}] first line\nJVM stacktrace: ...")
        self.condition = condition

    def getCondition(self) -> str:  # noqa: N802 - PySpark's name
        return self.condition


def _session(static: dict[str, str], wrong: tuple[str, ...] = ()) -> Any:
    """The settings of a session, as a server has them."""
    runtime: dict[str, str] = {}

    def put(key: str, value: str) -> None:
        if key in static or key.startswith("spark.jars"):
            raise _CannotModifyError("CANNOT_MODIFY_STATIC_CONFIG")
        if key in wrong:
            raise _CannotModifyError("INVALID_CONF_VALUE.TYPE_MISMATCH")
        runtime[key] = value

    conf = SimpleNamespace(get=lambda key, _: static.get(key, runtime.get(key)), set=put)
    return SimpleNamespace(conf=conf, runtime=runtime)


def test_settings_are_made_where_a_session_may_and_those_of_processes_are_the_servers() -> None:
    session = _session({"spark.sql.warehouse.dir": "/w", "spark.driver.memory": "8g"})
    asked = {"spark.driver.memory": "1g", "spark.master": "local[*]", "spark.sql.warehouse.dir": "/w"}
    connect._make_settings(session, "sc://spark", {**asked, "spark.sql.shuffle.partitions": "7"})
    assert session.runtime == {"spark.sql.shuffle.partitions": "7"}


def test_settings_that_no_session_may_have_are_all_named() -> None:
    session = _session({"spark.sql.warehouse.dir": "/w"}, wrong=("spark.sql.shuffle.partitions",))
    asked = {"spark.sql.warehouse.dir": "/x", "spark.jars.packages": "a:b:1", "spark.sql.shuffle.partitions": "many"}
    with pytest.raises(ConfigError) as refused:
        connect._make_settings(session, "sc://spark", asked)
    assert [(each.file, each.where, each.got, each.allowed, each.remedy) for each in refused.value.issues] == [
        (
            "project.yml",
            "spark: spark.sql.warehouse.dir",
            "/x",
            "/w, as the server sc://spark was started: a session cannot set it",
            "start the server with --conf spark.sql.warehouse.dir=/x, or take the line out for this environment",
        ),
        (
            "project.yml",
            "spark: spark.jars.packages",
            "a:b:1",
            "nothing, as the server sc://spark was started: a session cannot set it",
            "start the server with --conf spark.jars.packages=a:b:1, or take the line out for this environment",
        ),
        (
            "project.yml",
            "spark: spark.sql.shuffle.partitions",
            "many",
            "a value that Spark takes: [INVALID_CONF_VALUE.TYPE_MISMATCH] first line",
            "correct the value",
        ),
    ]
    assert refused.value.exit_code == 3


def test_asking_whether_a_session_is_remote_imports_no_client() -> None:
    code = "import sys; from lakeloop.connect import is_connect; is_connect(1); sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=client_environment("sc://spark")).returncode == 0
