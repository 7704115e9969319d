from __future__ import annotations

from datetime import timedelta

from lakeloop.reporting.quality import (
    MAX_QUALITY_TURNS,
    MAX_RULES,
    BrokenRule,
    QualityCell,
    QualityHistory,
    assemble_quality,
)
from lakeloop.reporting.recorded import Recorded
from tests.reporting.recordings import APRIL, JUNE, MAY, batch, broken_rule, three_turns, verdict


def test_a_cell_holds_what_the_gate_said_and_what_was_rejected() -> None:
    found = assemble_quality(["schedules", "weather", "planes"], three_turns())
    assert found.turns == (APRIL, MAY, JUNE)
    schedules, weather, planes = found.sources
    assert weather.cells[2] == QualityCell("OK", False, 1, 1, 0, 2100, 1, 1)
    assert weather.cells[0] == QualityCell(None, None, 0, 0, 0, 2100, 1, 0)
    assert schedules.cells[2] == QualityCell("OK", True, 0, 0, 0, 28002, 0, 0)
    assert planes.cells == (QualityCell(),) * 3
    assert found.quarantined == (1, 1, 1)
    assert found.rules == (BrokenRule("weather", "range", "wind_speed_mph", (0, 1, 1), 2),)


def test_a_check_that_could_not_be_judged_did_not_pass() -> None:
    quality = [verdict("weather", MAY, passed=None, status="ALL_NULL"), verdict("weather", MAY, "range", None)]
    (row,) = assemble_quality(["weather"], Recorded(quality=quality)).sources
    assert row.cells == (QualityCell("ALL_NULL", None, 1, 0, 1),)


def test_only_the_last_turns_and_the_most_broken_rules_are_shown() -> None:
    days = [MAY + timedelta(days=day) for day in range(30)]
    reasons = [broken_rule(days[-1], rows=number + 1, rule=f"rule_{number}") for number in range(MAX_RULES + 5)]
    found = assemble_quality(["weather"], Recorded(batches=[batch("weather", day) for day in days], reasons=reasons))
    assert found.turns == tuple(days[-MAX_QUALITY_TURNS:])
    assert (len(found.rules), found.more_rules) == (MAX_RULES, 5)
    assert (found.rules[0].rule, found.rules[0].total) == (f"rule_{MAX_RULES + 4}", MAX_RULES + 5)


def test_rows_rejected_before_the_turns_shown_still_count_in_all() -> None:
    days = [MAY + timedelta(days=day) for day in range(MAX_QUALITY_TURNS + 1)]
    reasons = [broken_rule(days[0], 7), broken_rule(days[-1], 2)]
    found = assemble_quality(["weather"], Recorded(batches=[batch("weather", day) for day in days], reasons=reasons))
    assert (sum(found.rules[0].rows), found.rules[0].total) == (2, 9)


def test_nothing_recorded_is_no_history() -> None:
    assert assemble_quality(["weather"], Recorded()) == QualityHistory()
