"""A clean run of the small loop, made once for the laws that compare with one."""

from __future__ import annotations

import pytest

from lakeloop.runs.context import Context
from lakeloop.runs.turn import run_turn
from tests.laws.small_loop import TURNS, land, write_project


@pytest.fixture(scope="package")
def landed_turn_by_turn(spark, tmp_path_factory):
    """Two turns, each with what had landed by then, none of them stopped."""
    config = write_project(tmp_path_factory.mktemp("turns"))
    land(config, TURNS[0])
    run_turn(Context(config, TURNS[0]), ["late"])
    land(config, TURNS[1], after=TURNS[0])
    run_turn(Context(config, TURNS[1]), ["late"])
    return config
