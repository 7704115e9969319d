"""Ctrl-C and SIGTERM: a line that says where it stopped, the Java process ended, and the shell's exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from lakeloop.cli.display import current_display

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CARRIES_ON = "what is recorded is whole; the same call carries on from there"
_REMEDY = {
    "demo": "what is recorded is whole; `lakeloop demo --resume` carries on from there",
    "init": "delete what was written and repeat the call",
    "plan": "nothing was changed",
}


@contextmanager
def handling_interrupts(verb: str, tell: Callable[[int, str], None]) -> Iterator[None]:
    """End the process at SIGINT and SIGTERM, at once and without a trace.

    Nothing is unwound: a step may be in the middle of a query, and what would be raised through Spark's and MLflow's
    code comes back as their traces, or waits for a thread. Every write is atomic and locks go with the process, so the
    workspace is as after any crash: the next run accepts it. A second signal does not wait for the Java process.

    Args:
        verb: The verb, which decides how to carry on.
        tell: Given the exit code and the message.

    Yields:
        Nothing; the handlers are as before afterwards.

    >>> import subprocess
    >>> work = '''
    ... import signal
    ... from lakeloop.cli.interrupts import handling_interrupts
    ... with handling_interrupts("run", lambda code, message: print(f"{code} {message}", flush=True)):
    ...     signal.raise_signal(signal.SIGTERM)
    ... '''
    >>> print(subprocess.run([sys.executable, "-c", work], stdout=subprocess.PIPE, text=True).stdout, end="")
    143 ended by SIGTERM; what is recorded is whole; the same call carries on from there
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    is_ending = False

    def end(number: int, _: FrameType | None) -> NoReturn:
        nonlocal is_ending
        code = 128 + number
        if is_ending:
            os._exit(code)
        is_ending = True
        display = current_display()
        doing = display.doing if display is not None else ""
        with suppress(Exception):  # whatever state the terminal is in, the process ends
            if display is not None:
                display.close()
        with suppress(Exception):
            tell(code, interrupt_message(number, verb, doing))
        with suppress(Exception):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # threads that lose Java print traces
            _end_java()
        os._exit(code)

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt_message(number: int, verb: str, doing: str) -> str:
    """Say that a verb was interrupted, where, and how to go on.

    Args:
        number: The signal.
        verb: The verb.
        doing: What was being done; empty when that is not known.

    Returns:
        One line.

    >>> interrupt_message(signal.SIGINT, "run", "train late_arrival")
    'interrupted during: train late_arrival; what is recorded is whole; the same call carries on from there'
    """
    what = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    where = f" during: {doing}" if doing else ""
    return f"{what}{where}; {_REMEDY.get(verb, _CARRIES_ON)}"


def _end_java() -> None:
    started = sys.modules.get("lakeloop.java_process")  # not loaded: no Java process either
    if started is not None:
        started.end_java()
