"""A changed declaration of a gold table is refused with what can be done about it, without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config import load_config
from lakeloop.errors import ConflictError
from lakeloop.runs.build_state import BuildState, assert_same_table
from lakeloop.runs.context import Context
from tests.config.small_project import write_project
from tests.config.test_sql_tables import BUSY, FILE
from tests.factories import instant


@pytest.mark.parametrize("table", ["carrier_delays", "readings", "busy"])
def test_a_backfill_is_named_for_tables_of_every_kind(tmp_path: Path, table: str) -> None:
    now = instant("2014-01-01 00:00")
    context = Context(load_config(write_project(tmp_path, {FILE: BUSY})), now)
    with pytest.raises(ConflictError) as raised:
        assert_same_table(context, table, BuildState(now, "another"))
    assert f"`lakeloop backfill {table}` tells its range" in raised.value.remedy
    assert "undo the change" in raised.value.remedy
