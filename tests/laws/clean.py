"""Two turns of the small loop that nothing stopped, watched: what laws compare with, and examples look at."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lakeloop.config import Config
from lakeloop.runs.context import Context
from lakeloop.runs.turn import run_turn
from tests.laws.driver_rows import Brought, counting
from tests.laws.effects import Effect, Effects, Observed, listening
from tests.laws.small_loop import TURNS, land, write_project
from tests.shared import scratch, shared_session


@dataclass(frozen=True)
class CleanRun:
    """Two turns that nothing stopped, and what was seen of the second.

    Attributes:
        config: The project.
        first: Folder of a copy that was made after the first turn.
        effects: What the second turn did to the world, in order.
        unannounced: Tables and files that changed without having been among them.
        brought: Calls of the second turn that brought rows to the driver.
    """

    config: Config
    first: Path
    effects: tuple[Effect, ...]
    unannounced: frozenset[str]
    brought: tuple[Brought, ...]


@cache
def clean_run() -> CleanRun:
    """Two turns, each with what had landed by then; the effects of the second are watched. Nobody may change them."""
    shared_session()
    config = write_project(scratch() / "finished")
    land(config, TURNS[0])
    run_turn(Context(config, TURNS[0]), ["late"])
    first = Path(shutil.copytree(config.root, scratch() / "first"))
    land(config, TURNS[1], after=TURNS[0])
    observed = Observed(config.workspace)
    with listening(Effects(config.workspace, observed)), counting() as brought:
        run_turn(Context(config, TURNS[1]), ["late"])
    return CleanRun(config, first, tuple(observed.effects), frozenset(observed.unannounced()), tuple(brought))
