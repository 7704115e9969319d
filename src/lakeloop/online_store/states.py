"""Which of an entity's states is served, and which are kept beside a newer one: the same rule in every store."""

from __future__ import annotations

from collections.abc import Sequence

from lakeloop.online_store.store import State


def served_state(states: Sequence[State], through: int) -> State | None:
    """Choose the state that is served.

    Args:
        states: What is held of an entity, oldest first.
        through: The manifest's `built_through`, microseconds.

    Returns:
        The newest that was available by then; None without one.

    >>> held = [State(10, 9, ("old",)), State(20, 19, ("new",))]
    >>> [state and state.values[0] for state in (served_state(held, through) for through in (5, 15, 25))]
    [None, 'old', 'new']
    """
    return next((each for each in reversed(states) if each.available_micros <= through), None)


def with_newer(states: Sequence[State], newer: State, through: int | None) -> list[State]:
    """Put a state beside the one that is served; what a publish that broke off has left goes.

    Args:
        states: What is held of an entity, oldest first.
        newer: The state to hold, too.
        through: `built_through` of what is served, microseconds; None where nothing is served of these rows.

    Returns:
        One or two states, oldest first.

    >>> held = [State(10, 9, ("served",)), State(30, 29, ("left",))]
    >>> [state.values[0] for state in with_newer(held, State(20, 19, ("newer",)), 15)]
    ['served', 'newer']
    >>> [state.values[0] for state in with_newer(held, State(20, 19, ("newer",)), None)]
    ['newer']
    """
    served = None if through is None else served_state(states, through)
    return [newer] if served is None or served.available_micros >= newer.available_micros else [served, newer]
