"""What stands before every route: the token, the size of the body, the time, and what becomes of a failure.

It is ASGI itself: a middleware of Starlette's kind costs more than a prediction.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from lakeloop.serving.batching import describe_failure
from lakeloop.serving.metrics import ServeMetrics
from lakeloop.serving.problems import MEDIA_TYPE, UNEXPECTED, Issue, Problem, ProblemError
from lakeloop.serving.settings import ServeSettings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = frozenset({"/health", "/ready"})
"""What is answered without a token: whoever starts and stops servers asks it."""

_CLIENT_LEFT = 499
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")
_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]

_log = logging.getLogger(__name__)


def too_large(limit: int) -> ProblemError:
    """Say that a body is too large.

    >>> too_large(10).problem.status
    413
    """
    remedy = "send fewer rows in a request, or raise --max-body"
    issue = Issue("the body", "more bytes", f"at most {limit} bytes", remedy)
    close = (("connection", "close"),)
    return ProblemError(
        Problem(413, "too_large", "the body is too large", "it was not read to its end", [issue], close)
    )


class Guard:
    """Wraps an application.

    Args:
        app: What answers.
        settings: Token and limits.
        metrics: What counts requests.

    Example:
    >>> Guard(None, ServeSettings(token="open sesame"), ServeMetrics()).is_known([(b"authorization", b"Bearer 1234")])
    False
    """

    def __init__(self, app: App, settings: ServeSettings, metrics: ServeMetrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._digest = None if settings.token is None else _digest(settings.token.encode())

    def is_known(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Tell whether a request bears the token; how long it takes says nothing of it."""
        if self._digest is None:
            return True
        given = [value for name, value in headers if name == b"authorization"]
        scheme, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        is_equal = hmac.compare_digest(_digest(token.strip()), self._digest)
        return is_equal and scheme.lower() == b"bearer"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or say why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a websocket: there is none
            await send({"type": "websocket.close", "code": 1000})
            return
        started = time.perf_counter()
        self._metrics.running.inc()
        headers = scope["headers"]
        request_id = next(
            (value.decode() for name, value in headers if name == b"x-request-id" and _REQUEST_ID.fullmatch(value)),
            None,
        )
        request_id = request_id or uuid.uuid4().hex
        scope["request_id"] = request_id
        status = 0

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *_HEADERS]
            await send(message)

        try:
            self._admit(scope, headers)
            await self._app(scope, self._limited(receive), respond)
        except ProblemError as refused:
            if not status:
                await send_problem(refused.problem, request_id, respond)
        except Exception as failure:  # noqa: BLE001 - the boundary: no trace leaves, and none with values is logged
            _log.error("request %s failed: %s", request_id, describe_failure(failure))
            if not status:
                await send_problem(UNEXPECTED, request_id, respond)
        finally:
            self._metrics.running.dec()
            self._metrics.count_request(scope["path"], status or _CLIENT_LEFT, time.perf_counter() - started)

    def _admit(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> None:
        if scope["path"] not in OPEN_PATHS and not self.is_known(headers):
            allowed, remedy = "Authorization: Bearer TOKEN", "send the token that the server was started with"
            issue = Issue("the header Authorization", "no token that is known", allowed, remedy)
            asked = (("www-authenticate", "Bearer"), ("connection", "close"))
            raise ProblemError(Problem(401, "no_token", "the token is missing or wrong", "", [issue], asked))
        for name, value in headers:
            if name == b"content-length" and value.isdigit() and int(value) > self._settings.max_body_bytes:
                raise too_large(self._settings.max_body_bytes)

    def _limited(self, receive: Receive) -> Receive:
        """Count the bytes of the body as they come: a chunked one tells no length."""
        limit, got = self._settings.max_body_bytes, 0

        async def limited() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > limit:
                raise too_large(limit)
            return message

        return limited


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


async def send_problem(problem: Problem, request_id: str, send: Send) -> None:
    """Answer with a problem.

    Args:
        problem: What is wrong.
        request_id: The request's id.
        send: Takes the answer.

    >>> import asyncio
    >>> async def show(message):
    ...     print(message.get("status", message.get("body")))
    >>> asyncio.run(send_problem(Problem(404, "not_found", "nothing", ""), "r-1", show))  # doctest: +ELLIPSIS
    404
    b'{"type":"urn:lakeloop:problem:not_found",...
    """
    body = problem.body(request_id)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in problem.headers]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
