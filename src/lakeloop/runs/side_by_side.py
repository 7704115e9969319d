"""Independent pieces of a step, two at a time: while one plans its query, the other keeps the cores busy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from lakeloop.job_tags import labelled

Item = TypeVar("Item")
Result = TypeVar("Result")

_AT_A_TIME = 2


def do_side_by_side(call: Callable[[Item], Result], items: Iterable[Item]) -> tuple[Result, ...]:
    """Call a function on independent items, two at a time.

    Args:
        call: Writes to tables of its item only, or by appends that stand beside one another.
        items: The items.

    Returns:
        Results in the order of the items.

    Raises:
        Exception: The error of the first item, in their order, that failed; the others have come to their end.

    >>> do_side_by_side(str.upper, ["a", "b", "c"])
    ('A', 'B', 'C')
    """
    in_thread = labelled(call)
    with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
        pieces = [pool.submit(copy_context().run, in_thread, each) for each in items]
        return tuple(each.result() for each in pieces)
