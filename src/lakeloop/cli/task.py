"""A call of the command line as a task of Databricks: an instant in milliseconds, repeats, and no exit.

The platform may take an exit for a failure, also one with code 0, and cannot tell exit codes apart. So the task itself
repeats what may pass, returns when it is done, and raises otherwise.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from lakeloop.cli import main as call_lakeloop
from lakeloop.deployment.plan import final_codes

_MILLISECONDS = re.compile(r"[0-9]{12,14}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPTIONS = {"--retries": 0, "--wait": 60}


class TaskFailedError(Exception):
    """A task that is not done; what was wrong stands above it in the output.

    Args:
        verb: What was called.
        code: Its exit code.
    """

    def __init__(self, verb: str, code: int) -> None:
        super().__init__(verb, code)
        self.verb, self.code = verb, code

    def __str__(self) -> str:
        return f"lakeloop {self.verb} ended with exit code {self.code}; why stands in the output above"


def instant_of(text: str) -> str:
    """Write the instant of a run as `--as-of` takes it.

    Args:
        text: Milliseconds since the epoch, whose fraction of a second is dropped; or what a person named.

    Returns:
        An instant in UTC; what a person named as it is.

    >>> instant_of("1367404200123"), instant_of("2013-05-01")
    ('2013-05-01T10:30:00Z', '2013-05-01')
    """
    if not _MILLISECONDS.fullmatch(text):
        return text
    return f"{_EPOCH + timedelta(seconds=int(text) // 1000):%Y-%m-%dT%H:%M:%SZ}"


def main(
    arguments: Sequence[str] | None = None,
    *,
    call: Callable[[Sequence[str]], None] = call_lakeloop,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Run a task.

    Args:
        arguments: `--retries N --wait SECONDS`, then what `lakeloop` is given; those of the process without it.
        call: The command line; it always exits.
        wait: Waits some seconds.

    Raises:
        TaskFailedError: If the call failed for good, or failed again after all its repeats.

    >>> def call(given):
    ...     print(*given)
    ...     raise SystemExit(0)
    >>> main(["--retries", "3", "run", "--as-of", "1367404200123"], call=call)
    run --as-of 2013-05-01T10:30:00Z --json
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    said = dict(_OPTIONS)
    while len(given) > 1 and given[0] in said:
        said[given[0]], given = int(given[1]), given[2:]
    if "--as-of" in given[:-1]:
        place = given.index("--as-of") + 1
        given[place] = instant_of(given[place])
    given += [] if "--json" in given else ["--json"]
    for left in reversed(range(said["--retries"] + 1)):
        code = _code_of(call, given)
        if code == 0:
            return
        if code in final_codes() or not left:
            raise TaskFailedError(given[0], code)
        sys.stderr.write(f"exit code {code}: tried again in {said['--wait']} s\n")
        wait(said["--wait"])


def _code_of(call: Callable[[Sequence[str]], None], given: Sequence[str]) -> int:
    try:
        call(given)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0
