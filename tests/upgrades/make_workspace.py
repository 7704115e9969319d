"""Makes the small loop's project with two turns done, by whatever lakeloop is imported: see README.md."""

from __future__ import annotations

import sys
from pathlib import Path

from lakeloop.runs.context import Context
from lakeloop.runs.turn import run_turn
from tests.laws.small_loop import TURNS, land, write_project


def make_workspace(root: Path) -> None:
    """Write the project, land what became available by each turn, and do it."""
    config = write_project(root)
    after: dict[str, object] = {}
    for each in TURNS:
        land(config, each, **after)  # type: ignore[arg-type]  # an earlier `land` may know no other argument
        run_turn(Context(config, each), ["late"])
        after = {"after": each}


if __name__ == "__main__":
    make_workspace(Path(sys.argv[1]))
