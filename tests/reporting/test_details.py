from __future__ import annotations

from lakeloop.reporting.details import MAX_CATEGORIES, name_lost, read_details, say_details
from tests.reporting.recordings import JUNE, MAY, drift

RECORDED = {
    "js_distance": 0.125,
    "ks_test": {"statistic": 0.25, "pvalue": 0.001},
    "chi_squared_test": {"statistic": 12.5, "pvalue": None},
    "percent_null_delta": -0.5,
    "missing_share": 0.0625,
}


def test_columns_that_drifted_come_before_contract_columns() -> None:
    rows = [
        drift("quiet", JUNE, role="contract", **RECORDED),
        drift("loud", JUNE, "DRIFT", **RECORDED),
        drift("loud", MAY, "DRIFT", js_distance=0.5),
        drift("other", JUNE, **RECORDED),
        drift("score", JUNE, "DRIFT", kind="prediction", **RECORDED),
    ]
    loud, quiet = read_details(rows)
    assert (loud.column, quiet.column) == ("loud", "quiet")
    assert dict(loud.statistics)["Jensen-Shannon"] == 0.125
    assert (loud.ks, loud.chi_squared, loud.missing) == (0.25, 12.5, 0.0625)
    assert say_details([loud, quiet]) == ""


def test_rows_of_an_earlier_lakeloop_have_no_details() -> None:
    assert read_details([drift("distance", JUNE, "DRIFT")]) == ()


def test_lost_categories_are_bounded_and_of_a_private_column_counted() -> None:
    lost = [f"c{number}" for number in range(9)]
    row = drift("carrier", JUNE, "DRIFT", vanished_categories=lost, other_fraction=0.25, tv_distance=0.5)
    (shown,), (hidden,) = read_details([row]), read_details([row], hidden={"carrier"})
    assert (shown.lost, shown.more_lost) == (tuple(lost[:MAX_CATEGORIES]), 4)
    assert (name_lost(shown), name_lost(hidden)) == ("c0, c1, c2, c3, c4 and 4 more", "9 categories")
    assert say_details([hidden]) == (
        "New or rare categories: carrier (25.0% of its rows). No longer seen: 9 categories of carrier."
    )
