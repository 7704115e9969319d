"""What the examples in docstrings may use without saying where it comes from.

`spark`; `context`, of a small project after two turns; `fresh`, the same project with an empty workspace, of each
example its own; `shops`, the configuration of that project, without Spark; `judged`, a week of a champion as the report
knows it; `replayed`, what a replay of two policies found. What needs Spark is made when an example first touches it, so
that examples without Spark stay fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

collect_ignore = ["lakeloop/starter/template"]
"""The tests of a new project are run in a new project: tests/starter."""


class _Lazy:
    """Stands for a value that is costly to make."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)


@cache
def _judged() -> Any:
    from lakeloop.reporting.windows import WindowPerformance

    start, end = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)
    return WindowPerformance(
        as_of=end,
        version="1",
        start=start,
        end=end,
        status="OK",
        loss=0.375,
        baseline=0.5,
        auc=0.72,
        bias=0.06,
        bias_lower=0.02,
        bias_upper=0.1,
        rows=1000,
        rows_void=20,
        closed_days=7,
        mean_score=0.28,
        mean_outcome=0.22,
    )


@pytest.fixture(autouse=True)
def _examples(doctest_namespace: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.shared import finished_context, shared_session

    @cache
    def fresh_context() -> Any:
        from lakeloop.runs.context import Context

        finished = finished_context()
        return Context(replace(finished.config, root=tmp_path_factory.mktemp("fresh")), finished.as_of)

    @cache
    def shops() -> Any:
        from tests.laws.small_loop import write_project

        return write_project(tmp_path_factory.mktemp("shops"))

    @cache
    def replayed() -> Any:
        from tests.replays import sample_replay

        return sample_replay()

    doctest_namespace["replayed"] = _Lazy(replayed)
    doctest_namespace["shops"] = _Lazy(shops)
    doctest_namespace["spark"] = _Lazy(shared_session)
    doctest_namespace["context"] = _Lazy(finished_context)
    doctest_namespace["fresh"] = _Lazy(fresh_context)
    doctest_namespace["judged"] = _judged()
