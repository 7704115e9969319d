"""A real HTTP server on loopback that answers as it is told, and keeps what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Posted:
    """A request: its headers, and its body byte for byte."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def plain(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answering:
    """A server: its address, what it was sent, and the codes it answers with, the last one over and over."""

    url: str
    codes: list[int]
    posted: list[Posted] = field(default_factory=list)


@contextmanager
def answering(
    *codes: int,
    headers: dict[str, str] | None = None,
    answer: bytes = b"ok",
    hangs: bool = False,
    trickles: bool = False,
) -> Iterator[Answering]:
    """Serve meanwhile; one that hangs takes the request and never answers."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.posted.append(Posted(self.path, dict(self.headers.items()), body))
            if hangs:
                stop.wait(30)
                return
            if trickles:
                self._trickle()
                return
            code = server.codes.pop(0) if len(server.codes) > 1 else server.codes[0]
            self.send_response(code)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815 - what the handler's protocol calls it

        def _trickle(self) -> None:
            """Send a byte of a header now and then: no single wait is long, and the answer never ends."""
            try:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not stop.wait(0.05):
                    self.wfile.write(b".")
            except OSError:
                return

        def log_message(self, *_: Any) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = Answering(f"http://127.0.0.1:{http.server_address[1]}/services/T0KEN-of-the-hook", list(codes or (200,)))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stop.set()
        http.shutdown()
        http.server_close()
        thread.join()
