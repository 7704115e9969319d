"""Requests that wait together: one look-up for all, and nobody pays for another's mistake."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lakeloop.serving.answering import FEATURES, PREDICT, Answerer, Asked
from lakeloop.serving.batching import BATCH_ROWS, InLoop, InThread
from lakeloop.serving.metrics import ServeMetrics
from lakeloop.serving.problems import ProblemError
from lakeloop.serving.served import load_served
from lakeloop.serving.settings import ServeSettings
from tests.serving.factories import BUILT, fit_pipeline, make_store, micros, publish


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("served")
    publish(place, fit_pipeline("regression"), task="regression")
    return load_served(place / "late", max_rows=1000)


def asked(served: Any, route: str = PREDICT, rows: int = 1, **changed: Any) -> Asked:
    row = {"shop": "A", "items": 3, "order_ts": micros(BUILT), **changed}
    return Asked(route, served, [row] * rows, "r-1", micros(BUILT))


@pytest.mark.parametrize("threaded", [False, True])
def test_one_look_up_answers_all_that_wait(served, threaded):
    store = make_store()
    answerer = Answerer(store, lambda: BUILT, ServeSettings(), ServeMetrics())
    lane = InThread(answerer.answer, "test") if threaded else InLoop(answerer.answer)

    async def ask_all() -> list[Any]:
        if threaded:
            store.wait.clear()
            first = asyncio.create_task(lane.submit(asked(served)))
            await asyncio.sleep(0.1)
            rest = [asyncio.create_task(lane.submit(asked(served))) for _ in range(9)]
            await asyncio.sleep(0.1)
            store.wait.set()
            return list(await asyncio.gather(first, *rest))
        return list(await asyncio.gather(*(lane.submit(asked(served)) for _ in range(10))))

    answers = asyncio.run(ask_all())
    lane.close()
    assert len(set(answers)) == 1
    assert len(store.asked) == (2 if threaded else 1)


def test_one_refused_request_does_not_refuse_the_others(served):
    answerer = Answerer(make_store(), lambda: BUILT, ServeSettings(), ServeMetrics())
    wrong = asked(served, items=None)  # a linear model without imputing
    first, second, third = answerer.answer([asked(served), wrong, asked(served)])
    assert isinstance(second, ProblemError)
    assert second.problem.kind == "model_refused"
    assert first == third
    assert isinstance(first, bytes)


def test_routes_and_sizes_keep_apart(served):
    seen: list[list[tuple[str, int]]] = []

    def answers(batch: Any) -> Any:
        seen.append([(each.route, len(each.rows)) for each in batch])
        return [b""] * len(batch)

    async def ask_all() -> None:
        lane = InLoop(answers)
        several = [(PREDICT, 1), (PREDICT, 2), (FEATURES, 1), (PREDICT, BATCH_ROWS - 1), (PREDICT, 2)]
        await asyncio.gather(*(lane.submit(asked(served, route, rows)) for route, rows in several))

    asyncio.run(ask_all())
    assert seen == [[(PREDICT, 1), (PREDICT, 2)], [(FEATURES, 1)], [(PREDICT, BATCH_ROWS - 1)], [(PREDICT, 2)]]


def test_whoever_has_gone_is_not_answered(served):
    seen: list[int] = []

    def answers(batch: Any) -> Any:
        seen.append(len(batch))
        return [b""] * len(batch)

    async def ask_all() -> None:
        lane = InLoop(answers)
        gone, stays = (asyncio.create_task(lane.submit(asked(served))) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        await stays

    asyncio.run(ask_all())
    assert seen == [1]
