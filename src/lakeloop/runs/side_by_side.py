"""Independent pieces of a step, two at a time: while one plans its query, the other keeps the cores busy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
    with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
        return tuple(pool.map(call, items))
