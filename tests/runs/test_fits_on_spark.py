"""Where the trials of a search are fitted, by what is declared and by what Spark there is. No session is started."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lakeloop.config import Config
from lakeloop.config.model import Model
from lakeloop.config.tuning import Parallel
from lakeloop.runs import context as contexts
from lakeloop.runs import spark_trials
from lakeloop.runs.context import Context
from lakeloop.runs.spark_trials import fits_on_spark
from tests.laws.small_loop import TURNS, write_project

AUTO, THREADS, SPARK = Parallel.AUTO, Parallel.THREADS, Parallel.SPARK
MASTERS = [
    ("local", False),
    ("local[*]", False),
    ("local[4]", False),
    ("local[2,3]", False),  # with three attempts of a task
    ("local-cluster[2,1,1024]", True),
    ("spark://head:7077", True),
    ("yarn", True),
    ("k8s://https://head:443", True),
]


class Session:
    """What is asked of a session: its settings."""

    def __init__(self, master: str | None) -> None:
        self.conf, self._master = self, master

    def get(self, name: str) -> str:
        if self._master is None:
            raise RuntimeError(f"the server does not tell {name}")
        return self._master


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return write_project(tmp_path_factory.mktemp("where"))


@pytest.fixture
def active(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The active session, None until a test puts one there; a session that would be started is a failure."""
    found: dict[str, Any] = {"session": None, "opened": []}

    class Sessions:
        @staticmethod
        def getActiveSession() -> Any:  # noqa: N802 - Spark's name
            return found["session"]

    def refuse(*_: Any) -> Any:
        raise AssertionError("a session was started to find out")

    monkeypatch.setattr(spark_trials, "SparkSession", Sessions)
    monkeypatch.setattr(contexts, "open_session", refuse)
    for name in spark_trials._ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    return found


def asked(config: Config, master: str | None, parallel: Parallel | None) -> tuple[Context, Model]:
    """The project with a master declared or not, and its model with a place for its trials declared or not."""
    project = config.project.model_copy(update={"spark": {} if master is None else {"spark.master": master}})
    model = config.models["late"]
    changed = {} if parallel is None else {"parallel": parallel}
    tuning = model.estimator.tuning.model_copy(update=changed)
    estimator = model.estimator.model_copy(update={"tuning": tuning})
    return Context(replace(config, project=project), TURNS[0]), model.model_copy(update={"estimator": estimator})


@pytest.mark.parametrize(("master", "is_cluster"), [(None, False), *MASTERS])
def test_without_a_session_the_declared_master_decides(
    config: Config, active: dict[str, Any], master: str | None, is_cluster: bool
) -> None:
    found = {parallel: fits_on_spark(*asked(config, master, parallel)) for parallel in (None, AUTO, THREADS, SPARK)}
    assert found == {None: is_cluster, AUTO: is_cluster, THREADS: False, SPARK: True}
    assert active["session"] is None


@pytest.mark.parametrize(("master", "is_cluster"), [*MASTERS, (None, True)])  # Connect may not tell its master
@pytest.mark.parametrize("declared", ["local[*]", "spark://other:7077"])
def test_a_session_that_is_there_decides_and_not_what_is_declared(
    config: Config, active: dict[str, Any], declared: str, master: str | None, is_cluster: bool
) -> None:
    active["session"] = Session(master)
    found = {parallel: fits_on_spark(*asked(config, declared, parallel)) for parallel in (AUTO, THREADS, SPARK)}
    assert found == {AUTO: is_cluster, THREADS: False, SPARK: True}


@pytest.mark.parametrize("name", spark_trials._ELSEWHERE)
@pytest.mark.parametrize(("master", "is_cluster"), [*MASTERS, (None, True)])
def test_where_something_else_has_chosen_spark_its_session_is_asked(
    config: Config,
    active: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    master: str | None,
    is_cluster: bool,
) -> None:
    """Spark Connect, named by a variable, and spark-submit: what the project declares does not count there."""
    monkeypatch.setenv(name, "sc://server:15002")

    def open_given(*_: Any) -> Any:
        active["opened"].append(master)
        return Session(master)

    monkeypatch.setattr(contexts, "open_session", open_given)
    monkeypatch.setattr(contexts, "label_jobs", lambda _: None)
    assert fits_on_spark(*asked(config, "local[*]", AUTO)) is is_cluster
    assert active["opened"] == [master]
    assert [fits_on_spark(*asked(config, "local[*]", each)) for each in (THREADS, SPARK)] == [False, True]
    assert active["opened"] == [master]  # nobody is asked where it is declared
