"""A commit that is attempted again where a failure may pass, and made once all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lakeloop.tables.commits import Commit
from lakeloop.transient import call_again

LOOKED_BACK = 50
"""Commits in which a write is looked for that failed and may be there all the same."""


def commit_once(subject: str, app_id: str, commit: Callable[[], None], newest: Callable[[], Iterable[Commit]]) -> int:
    """Make a commit that carries its identity, again where its failure may pass and it is not found in the table.

    Args:
        subject: The table, for messages.
        app_id: Identity of the write, which the commit carries.
        commit: Makes it.
        newest: Reads the newest `LOOKED_BACK` commits of the table.

    Returns:
        How many attempts there were; after more than one nobody knows which of them made the commit.

    >>> landed = []
    >>> def commit():
    ...     landed.append(Commit(1, "a1", "score", "late 2013-05-01", "", rows=3))
    ...     raise TimeoutError("the answer was lost")
    >>> from unittest.mock import patch
    >>> from lakeloop.transient import Patience
    >>> with patch("lakeloop.transient.PATIENT", Patience(sleep=lambda seconds: None)):
    ...     commit_once("gold.shops", "a1", commit, lambda: landed), len(landed)
    (2, 1)
    """
    attempts = 0

    def attempt() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1 or not any(each.app_id == app_id for each in newest()):
            commit()

    call_again(attempt, subject)
    return attempts
