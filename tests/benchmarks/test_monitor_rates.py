"""What the benchmark of the monitor's rates plants, lays out, shuffles and counts; on small made data."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import beta

from benchmarks.monitor_data import MonitorData, count_days, freeze_bins, place_rows
from benchmarks.monitor_detection import changes_for, detect, missing_alone
from benchmarks.monitor_missing import judge_missing
from benchmarks.monitor_peers import Beside, shares_of
from benchmarks.monitor_planted import JOIN, MEAN, MISSING, UNIT, lose, move_mass, shift_mean, unmatch, widen
from benchmarks.monitor_rates import curves_of, groups_of, layouts, propose_all, rate_of, rates_of
from benchmarks.monitor_retail import drop_overlap, make_invoices
from benchmarks.monitor_windows import (
    AS_SCORED,
    BIAS,
    JudgedBlock,
    Scored,
    bias_of,
    blocks_after,
    blocks_left_out,
    count_once,
    counts_of,
    judge_block,
    judge_columns,
    make_reference,
    measure_bias,
    quality_of,
    random_splits,
)
from lakeloop.config.monitor import Monitor
from lakeloop.drift.counts import count_bins
from lakeloop.drift.verdicts import judge_window
from lakeloop.statuses import Role, Status, Verdict

ROWS_A_DAY = 60
MONITOR = Monitor(window="2 days", reference="28 days", min_blocks=28, min_rows=50)


def make_data(days: int = 40, *, bias: float = 0.0, seed: int = 0) -> MonitorData:
    """Rows of two calm contract columns, a regime table of one column, and a seasonal one; scores are off by `bias`."""
    rng = np.random.default_rng(seed)
    rows = days * ROWS_A_DAY
    frame = pd.DataFrame(
        {
            "minutes": rng.normal(100, 10, rows),
            "origin": np.tile(["EWR", "EWR", "EWR", "JFK", "JFK", "LGA"], rows // 6),
            "table.share": np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows)),
            "wind": rng.random(rows),
        }
    )
    label = np.tile([0.0, 1.0], rows // 2)
    return MonitorData(
        name="made",
        frame=frame,
        days=np.repeat(np.datetime64("2013-01-01", "D") + np.arange(days), ROWS_A_DAY),
        label=label,
        score=np.full(rows, 0.5 + bias),
        roles={"minutes": Role.CONTRACT, "origin": Role.CONTRACT, "wind": Role.SEASONAL},
        monitor=MONITOR,
        bias_limit=0.05,
        unit="minutes",
        unit_factor=60.0,
        joins={"table": ("table.share",), "weather": ("wind",)},
    )


DATA = make_data()
COUNTED = count_once(DATA)


@pytest.mark.parametrize("amount", [0.25, 0.5])
def test_a_mean_moves_by_deviations_of_the_reference(amount):
    rows, reference = pd.Series([1.5, 2.5, np.nan]), pd.Series([0.5, 4.5])
    moved = shift_mean(rows, reference, amount, np.random.default_rng(0))
    assert (moved - rows).dropna().tolist() == pytest.approx([amount * math.sqrt(8)] * 2)
    assert moved.isna().tolist() == [False, False, True]


def test_whole_numbers_stay_whole_and_move_by_the_amount_on_average():
    rows = pd.Series(np.tile([1.0, 3.0], 20_000))
    moved = shift_mean(rows, rows, 0.25, np.random.default_rng(0))
    assert (moved == np.floor(moved)).all()
    assert moved.mean() - rows.mean() == pytest.approx(0.25 * rows.std(), abs=0.01)


def test_a_spread_widens_about_the_mean_of_the_reference():
    rows = pd.Series([1.5, 2.5])
    assert widen(rows, pd.Series([1.0, 1.5]), 2.0, np.random.default_rng(0)).tolist() == [1.75, 3.75]


def test_mass_moves_from_the_most_frequent_value_to_the_next():
    rows = pd.Series(["a"] * 60 + ["b"] * 30 + ["c"] * 10)
    moved = move_mass(rows, rows, 0.1, np.random.default_rng(0))
    assert moved.value_counts().to_dict() == {"a": 50, "b": 40, "c": 10}


def test_missing_points_are_of_all_rows_and_taken_from_those_with_a_value():
    rows = pd.Series([np.nan] * 20 + [1.0] * 80)
    assert lose(rows, rows, 0.05, np.random.default_rng(0)).isna().sum() == 25
    texts = pd.Series(["a"] * 100)
    assert lose(texts, texts, 0.05, np.random.default_rng(0)).isna().sum() == 5


def test_an_unmatched_join_takes_rows_whether_they_had_a_value_or_not():
    rows = pd.Series([np.nan] * 50 + [1.0] * 50)
    gone = unmatch(rows, rows, 0.2, np.random.default_rng(0))
    assert 50 < gone.isna().sum() < 70
    again = unmatch(pd.Series(np.arange(100.0)), rows, 0.2, np.random.default_rng(0))
    assert set(np.flatnonzero(again.isna())) - set(np.flatnonzero(rows.isna())) == set(
        np.flatnonzero(gone.isna() & rows.notna())
    )


def test_rows_are_placed_as_lakeloop_counts_them():
    bins = freeze_bins(DATA)
    placed, daily = place_rows(DATA.frame, bins), count_days(DATA.frame, bins, DATA.day_numbers, DATA.n_days)
    for each in bins:
        for day in (0, 39):
            own = np.bincount(placed[each.name][DATA.day_numbers == day], minlength=each.n_bins)
            assert own.tolist() == daily[each.name][day].tolist()


def test_blocks_left_out_start_on_every_day_and_have_a_whole_reference():
    blocks = blocks_left_out(40, 2, 3, 28)
    assert [block.first for block in blocks] == list(range(35))
    for block in blocks:
        window_days = np.concatenate(block.windows)
        assert len(block.reference) == 28
        assert window_days.tolist() == list(range(block.first, block.first + 6))
        assert not set(block.reference) & set(window_days)
        assert 0 <= block.reference.min() <= block.reference.max() < 40


def test_blocks_behind_a_reference_keep_their_distance():
    blocks = blocks_after(40, 2, 3, 28, 4)
    assert [block.first for block in blocks] == [32, 33, 34]
    assert all(block.first - block.reference.max() == 5 for block in blocks)


def test_counts_of_days_are_those_of_count_bins():
    days = np.array([3, 4])
    bins = COUNTED.bins
    frame = DATA.frame[np.isin(DATA.day_numbers, days)]
    made = counts_of(bins, COUNTED.daily, days)
    direct = count_days(frame, bins, DATA.day_numbers[np.isin(DATA.day_numbers, days)], 5)
    assert made.schema == count_bins(as_table(frame), [], "day").schema
    for each in bins:
        own = made.filter(np.array(made["column"].to_pylist()) == each.name)
        assert sum(own["rows"].to_pylist()) == direct[each.name].sum() == 2 * ROWS_A_DAY


def as_table(frame: pd.DataFrame) -> pa.Table:
    day = pa.array(np.zeros(len(frame), dtype=np.int32)).cast(pa.date32())
    return pa.Table.from_pandas(frame, preserve_index=False).append_column("day", day)


def test_a_day_without_rows_is_no_block_of_a_reference():
    daily = {name: table.copy() for name, table in COUNTED.daily.items()}
    for table in daily.values():
        table[5] = 0
    assert len(make_reference(COUNTED.bins, daily, np.arange(28)).blocks) == 27


def test_a_block_says_what_the_windows_say_and_flags_by_the_declared_rule():
    block = blocks_after(40, 2, 3, 28, 0)[0]
    daily = {name: table.copy() for name, table in COUNTED.daily.items()}
    for window in block.windows[1:]:
        daily["origin"][window] = daily["origin"][window][:, [2, 1, 0, 3, 4]]  # LGA takes what EWR had
    judged = judge_block(COUNTED, block, seed=0, daily=daily)
    assert judged.alarms["origin"] == (False, True, True)
    assert judged.flagged == {"origin"}
    assert "wind" not in judged.alarms
    reference = make_reference(COUNTED.bins, daily, block.reference)
    verdicts = {each.column: each for each in judge_columns(COUNTED, daily, reference, block.windows[1], 0)}
    assert (verdicts["origin"].status, verdicts["origin"].verdict) == (Status.OK, Verdict.DRIFT)


def test_the_bias_of_the_reference_is_taken_off_before_windows_are_measured():
    off = make_data(bias=0.2)
    scored = Scored.of(off)
    assert bias_of(scored, np.arange(28)) == pytest.approx(0.2)
    window = np.arange(28, 35)
    assert measure_bias(off, scored, window, 0.0, 0) is True
    assert measure_bias(off, scored, window, 0.2, 0) is False
    judged = judge_block(count_once(off), blocks_after(40, 4, 3, 28, 0)[0], seed=0)
    assert judged.flagged == {AS_SCORED}


def test_days_that_were_not_scored_have_no_bias():
    data = make_data()
    data.score[:] = np.nan
    assert bias_of(Scored.of(data), np.arange(28)) is None
    assert BIAS not in judge_block(count_once(data), blocks_after(40, 2, 3, 28, 0)[0], seed=0).alarms


@pytest.mark.parametrize("whole_days", [False, True])
def test_random_splits_raise_no_flag_and_keep_every_row(whole_days):
    found = random_splits(COUNTED, 5, whole_days=whole_days, seed=0, tell=lambda _: None)
    assert len(found) == 5
    assert not any(each.flags(("minutes", "origin", "table.share")) for each in found)
    rows = np.arange(10 * ROWS_A_DAY)
    daily, scored = COUNTED.shuffled(np.random.default_rng(0).permutation(DATA.day_numbers), rows)
    assert daily["origin"].sum() == scored.rows.sum() == len(rows)


def test_planted_changes_leave_out_what_cannot_raise_a_flag():
    listed = {(planted.name, subject) for planted, _, subject, _ in changes_for(DATA, COUNTED.bins)}
    assert {subject for name, subject in listed if name == JOIN} == {"table"}
    assert {subject for name, subject in listed if name == MEAN} == {"minutes", "table.share"}
    assert {subject for name, subject in listed if name == UNIT} == {"minutes"}
    assert "wind" not in {subject for _, subject in listed}


def test_planted_changes_are_found_with_the_second_window():
    found = detect(COUNTED, blocks_after(40, 2, 3, 28, 0)[0], seed=0)
    large = [each for each in found if (each.kind, each.amount) in {(UNIT, 60.0), (MEAN, 1.0), (JOIN, 0.4)}]
    assert {each.subject for each in large} == {"minutes", "table.share", "table"}
    assert all(each.flagged_after == 2 and each.alarms == (True, True, True) for each in large)
    small = [each for each in found if (each.kind, each.amount) == (MISSING, 0.01)]
    assert not any(each.flagged_after for each in small)
    points = curves_of(found, 1, 7, 6)
    unit = next(point for point in points if point["change"] == UNIT)
    assert (unit["aim"], unit["windows to the flag"], unit["by subject"]) == ("95%", 2.0, {"minutes": 1.0})


def test_one_column_alone_at_its_share_of_the_level_is_judged_as_among_all():
    reference, window = make_reference(COUNTED.bins, COUNTED.daily, np.arange(28)), np.arange(28, 30)
    among_all = {each.column: each for each in judge_columns(COUNTED, COUNTED.daily, reference, window, 0)}
    monitor = MONITOR.model_copy(update={"level": MONITOR.level / 3})
    counts = counts_of([each for each in COUNTED.bins if each.name == "origin"], COUNTED.daily, window)
    (alone,) = judge_window(reference, counts, ["origin"], DATA.roles, monitor, seed=0)
    assert (alone.value, alone.threshold) == (among_all["origin"].value, among_all["origin"].threshold)
    assert alone.evidence["resampled"] == among_all["origin"].evidence["resampled"]


def test_the_missing_share_of_one_column_alone_is_judged_as_among_all():
    block = blocks_after(40, 2, 3, 28, 0)[0]
    reference, window = make_reference(COUNTED.bins, COUNTED.daily, block.reference), block.windows[0]
    among_all = {each.column: each for each in judge_columns(COUNTED, COUNTED.daily, reference, window, 0)}
    bins = tuple(each for each in COUNTED.bins if each.name == "origin")
    alone = make_reference(bins, COUNTED.daily, block.reference)
    counts = counts_of(bins, COUNTED.daily, window)
    (verdict,) = judge_window(alone, counts, ["origin"], DATA.roles, MONITOR, seed=0)
    assert missing_alone(DATA, alone, counts, verdict, 0) == among_all["origin"].missing.to_dict()


def test_a_contract_column_that_loses_values_is_flagged_for_its_quality():
    block = blocks_after(40, 2, 3, 28, 0)[0]
    found = detect(COUNTED, block, seed=0)
    lost = {each.subject: each.flagged_after for each in found if (each.kind, each.amount) == (MISSING, 0.1)}
    assert (lost["minutes"], lost["origin"]) == (2, 2)
    daily = {name: table.copy() for name, table in COUNTED.daily.items()}
    for window in block.windows:
        daily["minutes"][window, 0] -= 1  # ten bins of six rows a day: 3 of 60 are five points
        daily["minutes"][window, 1] -= 2
        daily["minutes"][window, -1] += 3
    daily["minutes"] = np.maximum(daily["minutes"], 0)
    judged = judge_block(COUNTED, block, seed=0, daily=daily)
    assert judged.alarms[quality_of("minutes")] == (True, True, True)
    assert quality_of("minutes") in judged.flagged
    assert judged.flags(groups_of(DATA)["contract"])


def test_contract_columns_alone_are_judged_as_among_all():
    block = blocks_after(40, 2, 3, 28, 0)[1]
    alone = replace(COUNTED, role=Role.CONTRACT)
    assert alone.looked_at == ("minutes", "origin")
    whole, own = judge_block(COUNTED, block, seed=0), judge_block(alone, block, seed=0)
    assert own.alarms == {name: said for name, said in whole.alarms.items() if name != "table.share"}
    reference = make_reference(COUNTED.bins, COUNTED.daily, block.reference)
    among_all = {each.column: each for each in judge_columns(COUNTED, COUNTED.daily, reference, block.windows[0], 0)}
    for each in judge_columns(alone, COUNTED.daily, reference, block.windows[0], 0):
        same = among_all[each.column]
        assert (each.threshold, each.verdict, each.missing) == (same.threshold, same.verdict, same.missing)
    assert set(groups_of(DATA, Role.CONTRACT)) == {"quality", "contract", "bias", "contract or bias", AS_SCORED}


def test_missing_shares_of_all_columns_are_judged_and_one_that_is_lost_is_flagged():
    block = blocks_after(40, 2, 3, 28, 0)[0]
    (calm,) = judge_missing(COUNTED, [block], seed=0)
    assert (set(calm.alarms), calm.flagged) == ({"minutes", "origin", "table.share"}, frozenset())
    daily = {name: table.copy() for name, table in COUNTED.daily.items()}
    share = daily["table.share"]
    for window in block.windows[:2]:
        share[window, -1] = share[window].sum(axis=1)
        share[window, :-1] = 0
    (lost,) = judge_missing(replace(COUNTED, daily=daily), [block], seed=0)
    assert (lost.alarms["table.share"], lost.flagged) == ((True, True, False), {"table.share"})


def test_roles_are_proposed_from_all_days():
    found = {each.column: each.proposed for each in propose_all(COUNTED)}
    assert set(found) == set(DATA.frame)
    assert found["origin"] is found["minutes"] is Role.CONTRACT


def test_a_rate_has_the_interval_of_as_many_independent_blocks():
    rate = rate_of([True] * 10 + [False] * 30, 8.0)
    assert (rate.flagged, rate.blocks) == (10, 40)
    assert (rate.low, rate.high) == pytest.approx((beta.ppf(0.025, 2, 7), beta.ppf(0.975, 3, 6)))
    assert rate_of([True], 1.0).high == 1.0
    assert rate_of([], 0.0).describe() == "-"


def test_rates_count_bias_where_days_were_scored_only():
    found = [
        JudgedBlock(0, {"origin": (True, True, False)}, frozenset({"origin"})),
        JudgedBlock(1, {"origin": (False, False, False), BIAS: (False, False, False)}, frozenset()),
    ]
    rates = rates_of(COUNTED, found, 6)
    assert (rates["contract"].flagged, rates["contract"].blocks) == (1, 2)
    assert (rates["bias"].flagged, rates["bias"].blocks) == (0, 1)
    assert set(rates) == set(groups_of(DATA))
    assert [len(blocks) for blocks in layouts(DATA).values()] == [35, 7, 0]


def test_windows_and_flags_of_both_sides_are_counted_alike():
    ours = JudgedBlock(
        0, {"minutes": (None, True, False), "origin": (False,) * 3, "table.share": (False,) * 3}, frozenset()
    )
    theirs = {"minutes": (True, True, False), "origin": (False,) * 3, "table.share": (False,) * 3}
    rows = shares_of([Beside(ours, {**theirs, "half of the columns": (False, False, False)})], COUNTED)
    counted = {(row["side"], row["alarm of"]): (row["alarmed"], row["flagged"]) for row in rows}
    assert counted["lakeloop", "any contract column"] == (1, 0)
    assert counted["evidently", "any contract column"] == (2, 1)
    assert counted["evidently", "half of the columns"] == (0, 0)


def lines(*rows: tuple[str, str, str, int, float, float | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["Invoice", "StockCode", "InvoiceDate", "Quantity", "Price", "Customer ID"])
    return frame.assign(InvoiceDate=pd.to_datetime(frame["InvoiceDate"]), Country="France")


def test_invoices_know_a_customers_past_and_are_labelled_by_what_came_within_30_days():
    invoices = make_invoices(
        lines(
            ("1", "a", "2010-01-04 10:00", 2, 5.0, 7.0),
            ("1", "b", "2010-01-04 10:00", 1, 3.0, 7.0),
            ("2", "a", "2010-01-20 11:00", 1, 5.0, 7.0),
            ("3", "a", "2010-01-25 11:00", 1, 5.0, None),
            ("C4", "a", "2010-01-26 11:00", -1, 5.0, 7.0),
            ("5", "a", "2010-01-26 11:00", 1, 0.0, 7.0),
            ("6", "a", "2010-03-15 12:00", 1, 5.0, 8.0),
        )
    )
    assert invoices["buys_again"].fillna(-1).tolist() == [1.0, 0.0, -1.0, -1.0]  # unknown customer; 30 days not over
    assert invoices["days_since_purchase"].round(3).fillna(-1).tolist() == [-1.0, 16.042, -1.0, -1.0]
    assert invoices["purchases_before"].fillna(-1).tolist() == [0.0, 1.0, -1.0, 0.0]
    assert invoices["mean_value_before"].fillna(-1).tolist() == [-1.0, 13.0, -1.0, -1.0]
    assert invoices["lines"].tolist() == [2, 1, 1, 1]
    assert invoices["is_customer_known"].tolist() == [True, True, False, True]
    assert invoices["weekday"].tolist() == [0.0, 2.0, 0.0, 0.0]


def test_the_second_half_gives_up_invoices_that_the_first_one_has():
    both = lines(
        ("1", "a", "2010-12-01", 1, 1.0, 7.0),
        ("2", "a", "2010-12-09", 1, 1.0, 7.0),
        ("1", "a", "2010-12-01", 1, 1.0, 7.0),
        ("3", "a", "2010-12-05", 1, 1.0, 7.0),
    )
    assert drop_overlap(both)["Invoice"].tolist() == ["1", "2", "3"]
    assert drop_overlap(both.iloc[:2])["Invoice"].tolist() == ["1", "2"]
