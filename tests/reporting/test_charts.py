from __future__ import annotations

import json
from datetime import timedelta
from xml.etree import ElementTree

from lakeloop.reporting.assemble import assemble_model
from lakeloop.reporting.calibration import Calibration, ScoreStretch
from lakeloop.reporting.charts import (
    NARROW,
    Chart,
    draw_bias,
    draw_comparisons,
    draw_losses,
    draw_means,
    draw_reliability,
)
from lakeloop.reporting.realised import read_windows
from lakeloop.reporting.recorded import Recorded
from lakeloop.reporting.turn_charts import draw_quarantine, draw_step_times
from tests.reporting.recordings import ABOUT, APRIL, JUNE, MAY, gate_evidence, metric, promotion, three_turns

WEEK = timedelta(days=7)
CROSS = "var(--unknown)"


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter("text")]


def losses(*values: float | None, **changes: object) -> Chart | None:
    rows = [
        metric(MAY + number * WEEK, value=value, status="OK" if value is not None else "NOT_MATURED", **changes)
        for number, value in enumerate(values)
    ]
    return draw_losses("c", read_windows(rows, "log_loss"), [], "log loss, nats", "says")


def test_losses_are_drawn_for_a_wide_and_a_narrow_page() -> None:
    chart = losses(0.25, 0.5)
    assert chart is not None
    assert 'viewBox="0 0 1180 ' in chart.wide
    assert f'viewBox="0 0 {NARROW} ' in chart.narrow
    for svg in (chart.wide, chart.narrow):
        assert "log loss, nats" in texts(svg)
        assert "var(--accent)" in svg
        assert CROSS not in svg


def test_a_window_that_was_not_judged_breaks_the_line_and_is_marked() -> None:
    whole, broken = losses(0.25, 0.5, 0.25), losses(0.25, None, 0.25)
    assert whole is not None
    assert broken is not None
    assert CROSS in broken.wide
    assert CROSS in broken.narrow


def test_one_window_and_equal_values_can_be_drawn() -> None:
    assert losses(0.5, baseline=0.5) is not None
    assert losses(0.5, 0.5, 0.5, baseline=0.5) is not None


def test_nothing_judged_is_no_chart() -> None:
    assert losses() is None
    assert losses(None, None) is None
    windows = read_windows([metric(MAY, status="NOT_MATURED")], "log_loss")
    assert draw_bias("c", windows, 0.05, "bias", "") is None
    assert draw_means("c", windows, "minutes", "") is None
    assert draw_reliability("c", Calibration(), "") is None
    assert draw_quarantine("c", [(MAY, 0), (JUNE, 0)], "") is None
    assert draw_step_times("c", [], "") is None


def test_only_promotions_inside_the_time_shown_are_marked() -> None:
    rows = [metric(MAY), metric(MAY + 2 * WEEK)]
    ledger = [promotion(MAY - WEEK, "1"), promotion(MAY + WEEK, "2"), promotion(MAY + WEEK, "3", "rejected")]
    part = assemble_model(ABOUT, Recorded(performance=rows, promotions=ledger))
    chart = draw_losses("c", part.windows, part.promotions, "log loss", "")
    assert chart is not None
    assert [text for text in texts(chart.wide) if text.startswith("v")] == ["v2"]


def test_the_declared_limit_of_the_bias_is_drawn() -> None:
    windows = read_windows([metric(MAY), metric(MAY, "bias", 0.01, lower=-0.01, upper=0.03)], "log_loss")
    limited, free = draw_bias("c", windows, 0.05, "bias", ""), draw_bias("c", windows, None, "bias", "")
    assert limited is not None
    assert free is not None
    assert ("var(--bad)" in limited.wide, "var(--bad)" in free.wide) == (True, False)


def test_a_regression_has_its_means_drawn() -> None:
    rows = [metric(MAY, "mean_absolute_error"), metric(MAY, "mean_score", 3.5), metric(MAY, "mean_outcome", 4.0)]
    chart = draw_means("c", read_windows(rows, "mean_absolute_error"), "label's unit", "")
    assert chart is not None
    assert "label's unit" in texts(chart.wide)


def test_reliability_shows_shares_up_to_the_greatest() -> None:
    stretches = (ScoreStretch("0.1 to 0.2", 400, 0.15, 0.125), ScoreStretch("0.2 to 0.3", 600, 0.25, 0.3125))
    chart = draw_reliability("c", Calibration("1", APRIL, MAY, 4, stretches), "")
    assert chart is not None
    assert {"0%", "40%", "predicted share", "realised share"} <= set(texts(chart.wide))
    assert "60%" not in texts(chart.wide)


def test_every_challenger_has_a_line_with_its_margin_and_outcome() -> None:
    check = {"name": "no_worse_than_champion", "bound": 0.005, "detail": "", "status": "FAIL"}
    evidence = gate_evidence(checks=[{**check, "value": 0.001, "lower": -0.002, "upper": 0.006}])
    ledger = [
        promotion(JUNE, "3", "rejected", previous_version="1", evidence=evidence_text(evidence)),
        promotion(MAY, "2", "rejected", previous_version="1", evidence=evidence_text(gate_evidence(checks=[]))),
        promotion(APRIL, "1"),
    ]
    part = assemble_model(ABOUT, Recorded(promotions=ledger))
    chart = draw_comparisons("c", part.promotions, "log loss", "")
    assert chart is not None
    assert {"v3, 01 Jun 2013", "v2, 01 May 2013", "not compared", "no champion yet"} <= set(texts(chart.wide))
    assert {"v3", "v2", "v1"} <= set(texts(chart.narrow))
    assert "var(--bad)" in chart.wide, "the margin"
    assert draw_comparisons("c", assemble_model(ABOUT, three_turns()).promotions, "log loss", "") is None


def evidence_text(evidence: object) -> str:
    return json.dumps(evidence)
