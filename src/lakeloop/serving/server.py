"""Runs the application until it is told to stop: what runs then is finished, what comes then is not taken."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from threadpoolctl import threadpool_limits

from lakeloop.errors import EnvironmentProblemError, Failure, UsageError
from lakeloop.serving.app import Serving

_MOMENT_SECONDS = 0.2
_SWITCH_SECONDS = 0.0005
"""How long a thread that answers may keep the event loop waiting; Python's own 5 ms are a whole request."""

_STOPS = (signal.SIGINT, signal.SIGTERM)


def assert_may_bind(host: str, *, has_token: bool) -> None:
    """Refuse to be reached from elsewhere by anybody.

    Args:
        host: Where the server is to listen.
        has_token: Whether it asks for a token.

    Raises:
        UsageError: If the host is not of this machine alone, and there is no token.

    >>> assert_may_bind("127.0.0.1", has_token=False)
    >>> assert_may_bind("0.0.0.0", has_token=True)
    >>> assert_may_bind("0.0.0.0", has_token=False)
    Traceback (most recent call last):
    lakeloop.errors.UsageError: --host: got 0.0.0.0, without a token; allowed: ...
    """
    if has_token or is_loopback(host):
        return
    remedy = "set the variable LAKELOOP_TOKEN, which every request has then to bear, or leave --host out"
    raise UsageError("--host", f"{host}, without a token", "127.0.0.1, ::1 or localhost; others with a token", remedy)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine alone; a name is resolved by nobody.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org", "")]
    [True, True, True, False, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Server(uvicorn.Server):
    """Stops at a signal without passing it on: to be told to stop is no failure.

    A connection that was taken a moment before may not have sent its request yet: it is given that moment.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        await asyncio.sleep(_MOMENT_SECONDS)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in _STOPS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run_server(serving: Serving, host: str, port: int, *, grace_seconds: int, started: Callable[[str], None]) -> None:
    """Answer until SIGTERM or SIGINT; a second one does not wait.

    Args:
        serving: What answers.
        host: Where to listen.
        port: Port; 0 for any that is free.
        grace_seconds: How long requests that run are waited for.
        started: Given the address once connections are taken.

    Raises:
        EnvironmentProblemError: If the port is taken, or may not be listened on.

    >>> import inspect
    >>> list(inspect.signature(run_server).parameters)[:3]
    ['serving', 'host', 'port']
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as failure:
        listener.close()
        subject = f"{host}:{port}"
        raise EnvironmentProblemError(
            subject, [Failure("listen", str(failure.strerror))], "name another --host or --port"
        ) from None
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        serving.app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=grace_seconds,
        timeout_keep_alive=75,
        backlog=2048,
        log_config=None,
    )
    server = _Server(config)

    async def run() -> None:
        async def tell() -> None:
            while not server.started and not server.should_exit:
                await asyncio.sleep(0.01)
            if server.started:
                started(f"http://{shown}:{listener.getsockname()[1]}")

        telling = asyncio.create_task(tell())
        await server.serve(sockets=[listener])
        await telling

    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # libraries and the model stay: to look through them again and again would stop all requests meanwhile
    with threadpool_limits(1):
        if sys.platform == "win32":
            asyncio.run(run())
        else:
            import uvloop

            uvloop.run(run())
