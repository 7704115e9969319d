from __future__ import annotations

from dataclasses import replace

from lakeloop.reporting.assemble import assemble_model
from lakeloop.reporting.charts import draw_losses
from lakeloop.reporting.estimates import read_estimates, say_estimates
from lakeloop.reporting.realised import read_windows
from lakeloop.reporting.recorded import Recorded
from tests.reporting.recordings import ABOUT, JUNE, MAY, estimate, metric, three_turns


def test_estimates_are_held_against_what_was_realised_of_the_same_version() -> None:
    realised = read_windows([metric(MAY), metric(JUNE, model_version="2")], "log_loss")
    found = read_estimates([estimate(MAY, 0.5), estimate(JUNE, 0.25)], realised, "log_loss")
    assert [each.loss for each in found.windows] == [0.5, 0.25]
    assert (found.compared, found.off_by) == (1, 0.125)


def test_the_newest_evaluation_of_a_window_counts_also_when_it_estimates_nothing() -> None:
    rows = [estimate(MAY, None, as_of=JUNE), estimate(MAY, 0.5)]
    found = read_estimates(rows, [], "log_loss")
    assert [(each.status, each.loss) for each in found.windows] == [("CALIBRATION_UNKNOWN", None)]
    assert (found.is_shown, say_estimates(found, "log loss")) == (False, "")


def test_other_metrics_are_no_estimate_of_the_loss() -> None:
    rows = [estimate(MAY, 0.75, metric="roc_auc"), estimate(MAY, 0.5), estimate(MAY, 0.1, metric="brier")]
    assert [each.loss for each in read_estimates(rows, [], "log_loss").windows] == [0.5]


def test_an_estimate_is_drawn_where_no_window_is_judged_yet() -> None:
    found = read_estimates([estimate(MAY, 0.5), estimate(JUNE, 0.25)], [], "log_loss")
    assert draw_losses("loss", [], [], "log loss", "", found.windows) is not None
    assert draw_losses("loss", [], [], "log loss", "") is None


def test_the_headline_looks_at_no_estimate() -> None:
    recorded = three_turns()
    without = assemble_model(ABOUT, replace(recorded, estimates=()))
    assert assemble_model(ABOUT, replace(recorded, estimates=[estimate(JUNE, 9.0)])).headline == without.headline
    assert assemble_model(ABOUT, Recorded(estimates=[estimate(JUNE)])).headline.state == "unknown"
