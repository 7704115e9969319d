"""Limits and intervals of a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class ServeSettings:
    """What a server holds itself to.

    Attributes:
        max_rows: Rows of a request.
        max_body_bytes: Bytes of a request's body.
        time_limit_seconds: Time for a request, its body included.
        clock_skew: How far clocks may differ: the server's from the publisher's, and a client's from the server's.
        reload_every_seconds: How often it looks for a new bundle.
        log_rows: Rows that wait to be logged; what comes beyond them is dropped and counted.
        log_every_seconds: How often the log is written.
        token: What a request has to bear; None for none. It is never shown.

    >>> ServeSettings(token="open sesame")  # doctest: +ELLIPSIS
    ServeSettings(max_rows=1000, ..., log_every_seconds=10.0)
    """

    max_rows: int = 1000
    max_body_bytes: int = 2 * 1024 * 1024
    time_limit_seconds: float = 10.0
    clock_skew: timedelta = timedelta(seconds=60)
    reload_every_seconds: float = 5.0
    log_rows: int = 10_000
    log_every_seconds: float = 10.0
    token: str | None = field(default=None, repr=False)
