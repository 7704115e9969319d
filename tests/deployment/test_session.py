"""On Databricks the session is the platform's own: no Java is started and no setting is made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NoReturn

import pytest

from lakeloop import session
from lakeloop.secret_scopes import RUNTIME


def test_the_session_of_databricks_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("Java is not ours there")

    own = object()
    stand_in = SimpleNamespace(getActiveSession=lambda: None, builder=SimpleNamespace(getOrCreate=lambda: own))
    monkeypatch.setenv(RUNTIME, "client.4.1")
    monkeypatch.setattr(session, "SparkSession", stand_in)
    monkeypatch.setattr(session, "use_java", refuse)
    monkeypatch.setattr(session, "start_java", refuse)
    assert session.open_session("any", {"spark.driver.memory": "64g"}) is own
