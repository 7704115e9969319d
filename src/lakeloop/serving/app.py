"""The application: routes over what answers, what is served, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from lakeloop.online_store.store import OnlineStore
from lakeloop.serving.answering import FEATURES, PREDICT, Answerer, Asked, refuse_future
from lakeloop.serving.batching import SMALL_ROWS, InLoop, InThread
from lakeloop.serving.champion import Champion
from lakeloop.serving.columns import micros_of
from lakeloop.serving.docs_page import render_docs
from lakeloop.serving.guard import Guard
from lakeloop.serving.metrics import ServeMetrics
from lakeloop.serving.openapi import openapi_of
from lakeloop.serving.problems import MEDIA_TYPE as PROBLEM
from lakeloop.serving.problems import RETRY_SOON, UNEXPECTED, Issue, Problem, ProblemError
from lakeloop.serving.readiness import ReadinessChecks
from lakeloop.serving.request_log import RequestLog
from lakeloop.serving.settings import ServeSettings

_JSON = "application/json"


@dataclass(frozen=True, eq=False)
class Serving:
    """A server's parts.

    Attributes:
        app: What answers, guarded.
        champion: What is served.
        metrics: What is counted.
        log: Where predictions are logged; None for nowhere.
    """

    app: Guard
    champion: Champion
    metrics: ServeMetrics
    log: RequestLog | None = field(default=None)


def make_serving(
    bundles: Path,
    store: OnlineStore,
    *,
    clock: Callable[[], datetime],
    settings: ServeSettings | None = None,
    log_folder: Path | None = None,
    is_remote: bool = True,
) -> Serving:
    """Make a server's parts from the bundle that is served and the store where features are.

    Args:
        bundles: Folder of the model's bundles.
        store: Where features are looked up.
        clock: Gives the server's now, aware.
        settings: Limits; the usual ones without them.
        log_folder: Where segments of the request log go; None for no log.
        is_remote: Whether the store is asked over a network: requests are then answered in a thread.

    Returns:
        The parts; whoever runs the application has it start and stop by ASGI's lifespan.

    Raises:
        NotReadyError: If nothing was published.
        ConflictError: If the bundle is broken.

    >>> import tempfile
    >>> from starlette.testclient import TestClient
    >>> from tests.serving.factories import BUILT, ROW, fit_pipeline, make_store, publish
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = publish(Path(place), fit_pipeline())
    ...     serving = make_serving(Path(place) / "late", make_store(), clock=lambda: BUILT)
    ...     with TestClient(serving.app) as client:
    ...         said = client.post("/predict", json={"rows": [ROW]}).json()
    >>> said["version"], said["predictions"][0]["statuses"]
    ('1', {'shop_delays': 'OK', 'shop_last': 'OK'})
    """
    settings = settings or ServeSettings()
    metrics = ServeMetrics(clock)
    champion = Champion(bundles, max_rows=settings.max_rows, metrics=metrics)
    log = None
    if log_folder is not None:
        waiting, every = settings.log_rows, settings.log_every_seconds
        log = RequestLog(log_folder, max_rows=waiting, every_seconds=every, metrics=metrics)
        metrics.log_depth.set_function(log.depth)
    answerer = Answerer(store, clock, settings, metrics, log, champion.look_soon)
    routes = _Routes(champion, answerer, settings, metrics, is_remote=is_remote)
    app = FastAPI(
        docs_url=None,  # FastAPI's page runs scripts of another host
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        lifespan=routes.lifespan,
        exception_handlers={HTTPException: _no_route, ProblemError: _refused, Exception: _unexpected},
    )
    app.openapi = lambda: openapi_of(champion.served, with_token=settings.token is not None)  # type: ignore[method-assign]  # FastAPI's own way
    app.add_route(PREDICT, routes.predict, methods=["POST"])
    app.add_route(FEATURES, routes.features, methods=["POST"])
    app.add_route("/health", routes.health, methods=["GET"])
    app.add_route("/ready", routes.ready, methods=["GET"])
    app.add_route("/metrics", routes.metrics_text, methods=["GET"])

    async def docs(_: Request) -> Response:
        headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(render_docs(app.openapi()), media_type="text/html", headers=headers)

    app.add_route("/docs", docs, methods=["GET"])
    return Serving(Guard(app, settings, metrics), champion, metrics, log)


class _Routes:
    def __init__(
        self, champion: Champion, answerer: Answerer, settings: ServeSettings, metrics: ServeMetrics, *, is_remote: bool
    ) -> None:
        self._champion, self._answerer, self._settings, self._metrics = champion, answerer, settings, metrics
        self._checks = ReadinessChecks(champion, answerer, settings.time_limit_seconds)
        self._is_remote = is_remote

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        answer = self._answerer.answer
        self._large = InThread(answer, "large requests")
        self._small = InThread(answer, "small requests") if self._is_remote else InLoop(answer)
        looking = asyncio.create_task(self._champion.keep_looking(self._settings.reload_every_seconds))
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            self._small.close()
            self._large.close()
            if self._answerer.log is not None:
                await asyncio.to_thread(self._answerer.log.close, self._settings.time_limit_seconds)

    async def predict(self, request: Request) -> Response:
        return await self._answer(request, PREDICT)

    async def features(self, request: Request) -> Response:
        return await self._answer(request, FEATURES)

    async def _answer(self, request: Request, route: str) -> Response:
        limit = self._settings.time_limit_seconds
        loop = asyncio.get_running_loop()
        ends = loop.time() + limit
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
            issue = Issue("the header Content-Type", "another type, or none", _JSON, f"send Content-Type: {_JSON}")
            raise ProblemError(Problem(415, "no_json_type", "the body is not said to be JSON", "", [issue]))
        try:
            async with asyncio.timeout_at(ends):
                body = await request.body()
        except TimeoutError:
            issue = Issue("the body", "a part of it", f"all of it within {limit:g} s", "send it at once")
            close = (("connection", "close"),)
            raise ProblemError(
                Problem(408, "slow_body", "the body did not arrive in time", "", [issue], close)
            ) from None
        except ClientDisconnect:
            return Response(status_code=499)
        served, now = self._champion.served, self._answerer.clock()
        shape = served.predict_shape if route == PREDICT else served.features_shape
        asked = Asked(route, served, shape.read(body), request.scope["request_id"], micros_of(now))
        refuse_future(asked, now, self._settings)
        lane = self._small if len(asked.rows) <= SMALL_ROWS else self._large
        try:
            async with asyncio.timeout_at(ends):
                answer = await lane.submit(asked)
        except TimeoutError:
            issue = Issue(
                "the request", "no answer yet", f"an answer within {limit:g} s", "send fewer rows, or ask again"
            )
            raise ProblemError(
                Problem(504, "too_slow", "there was no answer in time", "", [issue], RETRY_SOON)
            ) from None
        if isinstance(answer, ProblemError):
            raise answer
        return Response(answer, media_type=_JSON)

    async def health(self, _: Request) -> Response:
        return Response(b'{"status":"alive"}', media_type=_JSON)

    async def ready(self, _: Request) -> Response:
        found = await self._checks.look()
        return Response(to_json(found.said()), 503 if found.word == "not ready" else 200, media_type=_JSON)

    async def metrics_text(self, _: Request) -> Response:
        return Response(self._metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})


async def _no_route(request: Request, failure: Any) -> Response:
    """Say that there is no such route, or no such method of it."""
    routes = "POST /predict, POST /features, GET /health, GET /ready, GET /metrics, GET /docs, GET /openapi.json"
    issue = Issue("the request's line", "no route of this server", routes, "ask one of these")
    kind = {404: "not_found", 405: "no_such_method"}.get(failure.status_code, "refused")
    problem = Problem(failure.status_code, kind, str(failure.detail).lower(), "", [issue])
    return _problem_response(request, problem, dict(failure.headers or {}))


async def _refused(request: Request, failure: Any) -> Response:
    return _problem_response(request, failure.problem, dict(failure.problem.headers))


async def _unexpected(request: Request, _: Exception) -> Response:
    return _problem_response(request, UNEXPECTED, {})  # the guard logs what it was


def _problem_response(request: Request, problem: Problem, headers: dict[str, str]) -> Response:
    return Response(problem.body(request.scope["request_id"]), problem.status, headers, PROBLEM)
