"""Requests that wait together are answered together: one look-up and prediction cost nearly the same as for one row.

Nobody waits for others to come: what is there when the last answers are out is answered next.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from threadpoolctl import threadpool_limits

from lakeloop.serving.answering import Asked
from lakeloop.serving.problems import UNEXPECTED, ProblemError

SMALL_ROWS = 32
"""Rows up to which a request is small."""

BATCH_ROWS = 256
"""Rows that are answered together, unless one request has more."""

Answer = bytes | ProblemError
_Answers = Callable[[Sequence[Asked]], Sequence[Answer]]
_Waiting = tuple[Asked, "asyncio.Future[Answer]"]

_log = logging.getLogger(__name__)


def _answered(answers: _Answers, asked: Sequence[Asked]) -> Sequence[Answer]:
    try:
        return answers(asked)
    except Exception as failure:  # noqa: BLE001 - whatever it is becomes an answer, and its kind a line of the log
        _log.error("an answer failed: %s", describe_failure(failure))
        return [ProblemError(UNEXPECTED)] * len(asked)


def describe_failure(failure: BaseException) -> str:
    """Say what was raised and where, without its message, which may show values.

    Args:
        failure: What was raised.

    Returns:
        Its kind, and the last place of its trace.

    >>> describe_failure(ValueError("could not convert 'Smith'"))
    'ValueError'
    """
    trace = failure.__traceback__
    place = ""
    while trace is not None:
        place = f" in {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(failure).__name__}{place}"


def _batches(waiting: deque[_Waiting]) -> list[list[_Waiting]]:
    """Take what waits: requests of one bundle and one route together, none whose client has gone."""
    batches: list[list[_Waiting]] = []
    rows = 0
    while waiting:
        each = waiting.popleft()
        if each[1].done():
            continue
        asked, last = each[0], batches[-1][0][0] if batches else None
        is_alike = last is not None and last.served is asked.served and last.route == asked.route
        if not is_alike or rows + len(asked.rows) > BATCH_ROWS:
            batches.append([])
            rows = 0
        batches[-1].append(each)
        rows += len(asked.rows)
    return batches


def _deliver(batch: Sequence[_Waiting], answers: Sequence[Answer]) -> None:
    for (_, future), answer in zip(batch, answers, strict=True):
        if not future.done():
            future.set_result(answer)


class InLoop:
    """Answers in the event loop, once it has read what is there: for stores in this process, and small requests.

    Example:
    >>> from tests.serving.factories import answer_one
    >>> asked = Asked("/predict", answer_one().served, [{}], "r-1", 0)
    >>> lane = InLoop(lambda asked: [b"answer"] * len(asked))
    >>> asyncio.run(lane.submit(asked)), lane.close()
    (b'answer', None)
    """

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers
        self._waiting: deque[_Waiting] = deque()
        self._is_due = False

    async def submit(self, asked: Asked) -> Answer:
        """Wait for the answer of a request."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((asked, future))
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._drain)
        return await future

    def _drain(self) -> None:
        self._is_due = False
        for batch in _batches(self._waiting):
            _deliver(batch, _answered(self._answers, [asked for asked, _ in batch]))

    def close(self) -> None:
        """Nothing is to be ended."""


class InThread:
    """Answers in a thread: for stores that are asked over a network, and large requests.

    Example:
    >>> from tests.serving.factories import answer_one
    >>> asked = Asked("/predict", answer_one().served, [{}], "r-1", 0)
    >>> lane = InThread(lambda asked: [b"answer"] * len(asked), "example")
    >>> asyncio.run(lane.submit(asked)), lane.close()
    (b'answer', None)
    """

    def __init__(self, answers: _Answers, name: str) -> None:
        self._answers = answers
        self._waiting: deque[_Waiting] = deque()
        self._wake = threading.Condition()
        self._is_closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def submit(self, asked: Asked) -> Answer:
        """Wait for the answer of a request."""
        self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = self._loop.create_future()
        with self._wake:
            self._waiting.append((asked, future))
            self._wake.notify()
        return await future

    def _work(self) -> None:
        threadpool_limits(1)  # threads of OpenMP know limits of their own thread only
        while True:
            with self._wake:
                while not self._waiting and not self._is_closing:
                    self._wake.wait()
                batches = _batches(self._waiting)
            if not batches and self._is_closing:
                return
            for batch in batches:
                answers = _answered(self._answers, [asked for asked, _ in batch])
                if self._loop is not None and not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(_deliver, batch, answers)

    def close(self) -> None:
        """End the thread once it has answered what waits."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
