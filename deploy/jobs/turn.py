"""One turn and a publish of its champions, as a CronJob of Kubernetes runs them.

The logical now is the instant the turn was scheduled for, never the clock: a pod that starts late or is started again
works as of the same instant. Kubernetes ends the name of a job with it, in minutes since the epoch; a job that was
made by hand has another name, and is told by `LAKELOOP_AS_OF`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

JOB, AS_OF = "LAKELOOP_JOB", "LAKELOOP_AS_OF"
_MINUTES = re.compile(r".+-(?P<minutes>[0-9]{8})")
"""Name of a job that was scheduled; eight digits from 1989 to 2160."""

_USAGE = 2


def find_as_of(environment: Mapping[str, str]) -> str:
    """Tell the logical now of the turn.

    Args:
        environment: Variables of the process: `LAKELOOP_AS_OF` where a person names the instant, else `LAKELOOP_JOB`,
            the name of the job.

    Returns:
        The instant, as `--as-of` takes it.

    Raises:
        SystemExit: If neither tells it; with a message.
    """
    named = environment.get(AS_OF)
    if named:
        return named
    job = environment.get(JOB, "")
    scheduled = _MINUTES.fullmatch(job)
    if scheduled is None:
        sys.stderr.write(
            f"turn: {JOB}: got {job!r}; allowed: a name that ends with the minute it was scheduled for, as a CronJob "
            f"gives it\n  remedy: name the instant: {AS_OF}=2013-05-01T10:30:00Z\n"
        )
        raise SystemExit(_USAGE)
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=int(scheduled["minutes"]))
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def build_calls(models: Sequence[str], project: str, as_of: str, env: str | None = None) -> list[list[str]]:
    """Give the calls of a turn, in order.

    Args:
        models: Models to publish once the turn is done.
        project: Folder that holds `conf/`.
        as_of: The logical now.
        env: Environment laid over the base; None for the base alone.

    Returns:
        One command per call.
    """
    shared = ["--project", project, *(["--env", env] if env else []), "--as-of", as_of, "--json"]
    return [["lakeloop", "run", *shared], *(["lakeloop", "publish", model, *shared] for model in models)]


def run(calls: Sequence[Sequence[str]]) -> int:
    """Run calls until one fails.

    Args:
        calls: The commands.

    Returns:
        Exit code of the one that failed, 128 and the signal's number where a signal ended it; 0 when all are done.
    """
    for call in calls:
        code = subprocess.run(call, check=False).returncode
        if code:
            return code if code > 0 else 128 - code
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the turn.

    Args:
        arguments: What follows the program's name; what the process was given without it.

    Returns:
        Exit code: that of `lakeloop`.
    """
    parser = argparse.ArgumentParser(description="Run one turn, then publish models.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="models to publish")
    parser.add_argument("--project", default=".", help="folder that holds conf/")
    parser.add_argument("--env", metavar="NAME", help="environment laid over conf/base")
    given = parser.parse_args(arguments)
    return run(build_calls(given.models, given.project, find_as_of(os.environ), given.env))


if __name__ == "__main__":
    sys.exit(main())
