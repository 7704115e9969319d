"""A process that promotes a version: it says `ready`, waits for a line, and tells how it ended."""

from __future__ import annotations

import sys
from pathlib import Path

from lakeloop.config import load_config
from lakeloop.errors import LakeloopError
from lakeloop.runs.context import Context
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import promote_version
from tests.runs.models.ledgers import MODEL, day


def main(root: str, version: str) -> None:
    """Promote a version whatever the gate said of it."""

    def tell(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    context = Context(load_config(Path(root)), day(10), tell)
    _ = context.registry
    tell("ready")
    sys.stdin.readline()
    try:
        done = promote_version(
            context, MODEL, version, Asked(f"process of {version}", "it is better"), despite_gate=True
        )
    except LakeloopError as refused:
        tell(f"{type(refused).__name__} {refused}")
    else:
        tell(f"done {done.champion}")


if __name__ == "__main__":
    main(*sys.argv[1:])
