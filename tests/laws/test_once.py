"""Law 3: a job that is stopped at any write and run again leaves what one clean run leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.registry import Registry, Training
from lakeloop.runs.context import Context
from lakeloop.runs.turn import run_turn
from lakeloop.tables import Lake
from tests.laws.compare import assert_same_models, assert_same_table, tables
from tests.laws.small_loop import TURNS, land, write_project

pytestmark = pytest.mark.loop

_WRITES = [
    (Lake, "_commit"),
    (Lake, "_create_on_path"),
    (Lake, "_commit_rows"),
    (Training, "log_model"),
    (Registry, "register"),
    (Registry, "set_alias"),
]


class StoppedError(Exception):
    """Stands for a process that ends at a write."""


class Boundaries:
    """Stops once after every write, in the order in which a run comes to them.

    Nothing is written between one write and the next, so to stop after the one is to stop before the other.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.stopped_at: list[str] = []
        self._patch = patch
        for owner, name in _WRITES:
            self._wrap(owner, name)

    def _wrap(self, owner: type, name: str) -> None:
        write = getattr(owner, name)

        def stopping(this, *args, **kwargs):
            what = f"{owner.__name__}.{name} {self._about(args)}"
            result = write(this, *args, **kwargs)
            self._pass(what)
            return result

        self._patch.setattr(owner, name, stopping)

    @staticmethod
    def _about(args: tuple) -> str:
        return " ".join(
            str(each)[:60] for each in args if isinstance(each, str) or type(each).__name__ == "TableAddress"
        )

    def _pass(self, boundary: str) -> None:
        if boundary not in self.stopped_at:
            self.stopped_at.append(boundary)
            raise StoppedError(boundary)


def _commits(workspace: Path) -> list[str]:
    return sorted(path.relative_to(workspace).as_posix() for path in workspace.glob("*/*/_delta_log/*.json"))


def test_a_turn_stopped_at_every_write_leaves_what_a_clean_one_leaves(landed_turn_by_turn, tmp_path, monkeypatch):
    clean, stopped = landed_turn_by_turn, write_project(tmp_path)
    land(stopped, TURNS[0])
    run_turn(Context(stopped, TURNS[0]), ["late"])
    land(stopped, TURNS[1], after=TURNS[0])

    with monkeypatch.context() as patch:
        boundaries = Boundaries(patch)
        attempts = 0
        while True:
            attempts += 1
            try:
                run_turn(Context(stopped, TURNS[1]), ["late"])
            except StoppedError:
                assert attempts < 200
            else:
                break
    assert attempts <= len(boundaries.stopped_at) + 1  # two pieces side by side may stop in one attempt
    assert attempts > 20  # a write of every step
    for table in tables(clean):
        assert_same_table(clean, stopped, table)
    assert tables(clean) == tables(stopped)
    assert_same_models(clean, stopped)

    before = _commits(stopped.workspace)
    run_turn(Context(stopped, TURNS[1]), ["late"])  # a turn that was done changes nothing
    assert _commits(stopped.workspace) == before
    assert_same_models(clean, stopped)
