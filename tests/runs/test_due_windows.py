"""Which windows a turn evaluates, by what earlier turns noted; the lake's commits are made here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lakeloop.config.loading import load_config
from lakeloop.runs.context import instant_text
from lakeloop.runs.due_windows import find_due
from lakeloop.runs.windows import ended_windows
from lakeloop.tables import WriteIdentity

MODEL = load_config(Path(__file__).parents[2]).models["late_arrival"]
SINCE, AS_OF = datetime(2013, 4, 1, 4, tzinfo=UTC), datetime(2013, 4, 23, 4, tzinfo=UTC)
ENDED = ended_windows(SINCE, AS_OF, MODEL.monitor.window, MODEL.label.closes.timezone)
ENDS = [instant_text(each.end) for each in ENDED]


@pytest.mark.parametrize(
    ("noted", "late"),
    [
        ({"windows": ENDS[:2], "measured": ENDS[:1]}, ENDS[1:2]),  # the second still waited for labels
        ({"windows": ENDS[:2], "measured": ENDS[:2]}, []),
        ({"windows": ENDS[:2]}, []),  # noted before windows could wait: all were measured
    ],
)
def test_what_was_judged_and_not_measured_is_looked_at_again(noted: dict[str, Any], late: list[str]) -> None:
    commit = SimpleNamespace(unit="late_arrival earlier", fingerprint="1", notes=noted)
    lake = SimpleNamespace(commits=lambda _: [commit], own=lambda table: table)
    context = cast("Any", SimpleNamespace(lake=lake, as_of=AS_OF))
    due = find_due(context, MODEL, WriteIdentity("monitor", "late_arrival now", "1"), ENDED)
    assert [instant_text(each.end) for each in due.new] == ENDS[2:] != []
    assert [instant_text(each.end) for each in due.late] == late
