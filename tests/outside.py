"""What tests need beside Python: without it they are skipped by name, and fail where all is required.

`make test-all` lists at its end what was missing. `REQUIRE_ALL=1 make test-all`, which is how it is run before a
release, makes each of them an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import pytest

MISSING = "missing: "
"""What the reason of such a skip begins with."""


def skip_without(what: str, remedy: str) -> NoReturn:
    """Skip a test by the name of what it needs; with REQUIRE_ALL=1 it fails instead.

    Args:
        what: What was not found, such as "redis-server".
        remedy: How a person gets it.
    """
    reason = f"{MISSING}{what}; {remedy}"
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{reason} (REQUIRE_ALL=1)", pytrace=False)
    pytest.skip(reason)


def missing_lines(stats: Mapping[str, Sequence[Any]]) -> list[str]:
    """Tell what was missing, and how many tests were skipped for it.

    Args:
        stats: Outcome -> reports, as pytest's terminal keeps them.

    Returns:
        A line for each thing, sorted.

    >>> from types import SimpleNamespace
    >>> told = ("tests/test_a.py", 3, "Skipped: missing: redis-server; install redis-server")
    >>> missing_lines({"skipped": [SimpleNamespace(longrepr=told)] * 2})
    ['redis-server; install redis-server: 2 tests skipped']
    """
    found: dict[str, int] = {}
    for report in stats.get("skipped", ()):
        told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _, is_missing, what = told.partition(MISSING)
        if is_missing:
            found[what] = found.get(what, 0) + 1
    return [f"{what}: {count} test{'s' * (count > 1)} skipped" for what, count in sorted(found.items())]
