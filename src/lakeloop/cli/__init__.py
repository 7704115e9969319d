"""The command line: reads options, calls one step, prints its result, exits with a stable code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from lakeloop.cli.outcome import Finished, Report, write_json

__all__ = ["main", "run_job"]

_JSON = "--json"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line.

    Args:
        arguments: What follows the program's name; what the process was given without it.

    Raises:
        SystemExit: Always, with one of `errors.EXIT_CODES`.

    >>> main(["plan", "--project", "/no/project"])  # what is wrong, the remedy and exit code 2
    Traceback (most recent call last):
    ...
    lakeloop.cli.outcome.Finished: 2
    """
    from lakeloop.cli.verbs import app

    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(given, prog_name="lakeloop")
    except Finished:
        raise
    except SystemExit as stop:
        if stop.code == 2 and _JSON in given:  # the command line itself was wrong: no verb has begun
            message = "wrong use of the command line: see standard error"
            write_json(None, Report(), 2, {"type": "UsageError", "message": message})
        raise
    sys.exit(0)


def run_job(verb: str) -> NoReturn:
    """Run a verb as a job of spark-submit: the process's options, and always one JSON line at the end.

    Args:
        verb: The verb.

    Raises:
        SystemExit: Always, with one of `errors.EXIT_CODES`.

    >>> from contextlib import suppress
    >>> from unittest.mock import patch
    >>> with patch("sys.argv", ["plan.py", "--project", "/no/project"]), suppress(SystemExit):
    ...     run_job("plan")  # doctest: +ELLIPSIS
    {"verb": "plan", "as_of": null, "outcome": "failed", "exit_code": 2, "error": {"retryable": false, ...}}
    """
    given = sys.argv[1:]
    main([verb, *given] if _JSON in given else [verb, *given, _JSON])
