"""Asking a server again, within seconds that are bounded whatever it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Attempt:
    """What an attempt to send came to.

    Attributes:
        problem: Why it failed, or what went wrong beside it; may hold secrets.
        is_sent: Whether it arrived.
        is_transient: Whether the same attempt may succeed a moment later.
        wait: Seconds after which the server wants to be asked again; None where it did not say.
    """

    problem: str = ""
    is_sent: bool = False
    is_transient: bool = False
    wait: float | None = None


SENT = Attempt(is_sent=True)


@dataclass(frozen=True)
class Patience:
    """How long a channel is waited for.

    Attributes:
        total: Seconds of all attempts and the waits between them.
        each: Seconds of one attempt.
        waits: Seconds before the second attempt, the third, ...
    """

    total: float = 8.0
    each: float = 4.0
    waits: tuple[float, ...] = (0.5, 1.5)


PATIENT = Patience()
"""The patience of a job."""


def try_again(send: Callable[[float], Attempt], patience: Patience) -> Attempt:
    """Send, and send again what failed for the moment only.

    Args:
        send: One attempt, given its seconds; may take longer, it is then left to itself.
        patience: How long.

    Returns:
        The last attempt.

    >>> answers = iter([Attempt("HTTP 503", is_transient=True), SENT])
    >>> try_again(lambda seconds: next(answers), Patience(waits=(0.0,))).is_sent
    True
    >>> try_again(lambda seconds: Attempt("HTTP 404"), Patience()).problem
    'HTTP 404'
    """
    until = time.monotonic() + patience.total
    found = Attempt("no time was left", is_transient=True)
    for wait in (*patience.waits, None):
        seconds = min(patience.each, until - time.monotonic())
        if seconds <= 0:
            break
        found = within(seconds, partial(send, seconds))
        pause = max(wait or 0.0, found.wait or 0.0)
        if found.is_sent or not found.is_transient or wait is None or time.monotonic() + pause >= until:
            break
        time.sleep(pause)
    return found


def within(seconds: float, send: Callable[[], Attempt]) -> Attempt:
    """Send in a thread that is left to itself when it takes too long: a name's look-up, or a server that trickles.

    Args:
        seconds: How long it is waited for.
        send: The attempt.

    Returns:
        What it came to; a failure that may pass when it has not ended.

    >>> within(0.05, lambda: time.sleep(5) or SENT).problem
    'no answer within 0.05 seconds'
    """
    found: list[Attempt] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            found.append(send())
        except BaseException as failure:  # noqa: BLE001 - handed to the caller
            raised.append(failure)

    thread = threading.Thread(target=work, name="lakeloop-notification", daemon=True)
    thread.start()
    thread.join(seconds + 0.2 if seconds >= 1 else seconds)
    if raised:
        raise raised[0]
    return found[0] if found else Attempt(f"no answer within {seconds:.3g} seconds", is_transient=True)
