"""The classifier that tells a window from the reference: planted changes, nothing planted, and what can't be told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from lakeloop.config.metric import Task
from lakeloop.config.monitor import Monitor
from lakeloop.drift.bins import propose_bins
from lakeloop.drift.counts import count_bins
from lakeloop.drift.domain_classifier import DomainOptions, _compare_blocks, score_domains, score_null
from lakeloop.drift.domain_rows import DomainRows, draw_rows, encode_rows, read_rows
from lakeloop.drift.reference import build_reference
from lakeloop.drift.verdicts import judge_window
from lakeloop.errors import DistributionError
from lakeloop.statuses import Status, Verdict

BEGIN, AFTER, PER_DAY = date(2013, 1, 1), date(2013, 4, 1), 40
FEW = DomainOptions(rounds=15, folds=3)
"""Small enough for a test."""


def make_rows(seed: int, first: date, days: int, *, correlation: float = 0.0, per_day: int = PER_DAY) -> pa.Table:
    """Two standard normal numbers that go together, and a category that does not matter."""
    rng = np.random.default_rng(seed)
    x, noise = rng.standard_normal((2, days * per_day))
    return pa.table(
        {
            "day": [first + timedelta(days=n // per_day) for n in range(days * per_day)],
            "x": x,
            "y": correlation * x + np.sqrt(1 - correlation**2) * noise,
            "origin": rng.choice(["EWR", "JFK", "LGA"], days * per_day).tolist(),
        }
    )


COLUMNS = ["x", "y", "origin"]
REFERENCE = make_rows(1, BEGIN, 60)
SAME, TURNED = make_rows(2, AFTER, 7), make_rows(3, AFTER, 7, correlation=0.8)
NULL = score_null(REFERENCE, COLUMNS, "day", stretch_blocks=7, window_rows=7 * PER_DAY, options=FEW, seed=0)


def test_a_changed_correlation_is_seen_where_every_single_column_is_stable():
    bins = propose_bins(REFERENCE, COLUMNS, 10)
    reference = build_reference(
        count_bins(REFERENCE, bins, "day"),
        bins,
        model="late",
        task=Task.CLASSIFICATION,
        trained_through=datetime(2013, 4, 1, tzinfo=UTC),
    )
    verdicts = judge_window(reference, count_bins(TURNED, bins, "day"), COLUMNS, {}, Monitor(), seed=0)
    assert {verdict.verdict for verdict in verdicts} == {Verdict.STABLE}
    score = score_domains(REFERENCE, TURNED, COLUMNS, "day", options=FEW, seed=0)
    assert (score.status, score.reference_rows, score.window_rows) == (Status.OK, 2400, 280)
    assert (score.reference_blocks, score.window_blocks) == (60, 7)
    assert score.auc is not None
    assert score.interval is not None
    assert NULL.bound is not None
    assert NULL.bound < score.interval.low < score.auc < score.interval.high < 1
    assert NULL.exceeded_by(score.auc) is True


def test_rows_alike_are_not_told_apart():
    score = score_domains(REFERENCE, SAME, COLUMNS, "day", options=FEW, seed=0)
    assert score.auc is not None
    assert score.interval is not None
    assert score.interval.low < 0.5 < score.interval.high
    assert NULL.exceeded_by(score.auc) is False


def test_stretches_of_the_reference_are_not_told_apart_either():
    assert (NULL.status, len(NULL.aucs), NULL.stretch_blocks) == (Status.OK, 8, 7)
    assert NULL.bound is not None
    assert max(abs(auc - 0.5) for auc in NULL.aucs) < 0.1
    assert 0.5 < NULL.bound < 0.65


def test_days_of_one_level_raise_the_bound():
    """Weeks that are low, middle and high in turn: another low one is told apart, and no better than they are."""
    rng = np.random.default_rng(5)
    level = np.repeat(np.resize([-1.5, 0.0, 1.5], 10), 7)
    days = [BEGIN + timedelta(days=n // PER_DAY) for n in range(70 * PER_DAY)]
    rows = pa.table({"day": days, "x": np.repeat(level, PER_DAY) + rng.standard_normal(70 * PER_DAY)})
    reference, week = rows.slice(0, 63 * PER_DAY), rows.slice(63 * PER_DAY)
    null = score_null(reference, ["x"], "day", stretch_blocks=7, window_rows=280, options=FEW, seed=0)
    score = score_domains(reference, week, ["x"], "day", options=FEW, seed=0)
    assert null.bound is not None
    assert score.interval is not None
    assert score.interval.low > 0.5
    assert null.exceeded_by(score.auc) is False


@pytest.mark.parametrize("what", ["missing", "category"])
def test_gaps_and_new_categories_tell_rows_apart(what):
    changed = SAME.to_pydict()
    if what == "missing":
        changed["x"] = [None if n % 2 else value for n, value in enumerate(changed["x"])]
    else:
        changed["origin"] = ["ABE" if n % 2 else value for n, value in enumerate(changed["origin"])]
    score = score_domains(REFERENCE, pa.table(changed), COLUMNS, "day", options=FEW, seed=0)
    assert score.auc == pytest.approx(0.75, abs=0.06)  # half of the rows are known for sure, the others not at all


def test_the_same_seed_gives_the_same_score_and_rows_are_bounded():
    few = DomainOptions(rounds=15, folds=3, max_rows=250)
    first, again, other = (score_domains(REFERENCE, SAME, COLUMNS, "day", options=few, seed=n) for n in (1, 1, 2))
    assert first == again
    assert first != other
    assert (first.reference_rows, first.window_rows) == (250, 250)
    assert (first.reference_blocks, first.window_blocks) == (60, 7)


@pytest.mark.parametrize(
    ("reference", "window", "status"),
    [
        (REFERENCE, SAME.slice(0, 0), Status.EMPTY_WINDOW),
        (REFERENCE, SAME.slice(0, 199), Status.TOO_FEW_ROWS),
        (REFERENCE, make_rows(2, AFTER, 2, per_day=120), Status.TOO_FEW_BLOCKS),
        (REFERENCE.slice(0, 199), SAME, Status.INSUFFICIENT_REFERENCE),
        (make_rows(2, BEGIN, 2, per_day=120), SAME, Status.INSUFFICIENT_REFERENCE),
        (REFERENCE.slice(0, 0), SAME, Status.INSUFFICIENT_REFERENCE),
    ],
)
def test_what_cannot_be_told_has_a_status_and_no_score(reference, window, status):
    score = score_domains(reference, window, COLUMNS, "day", seed=0)
    assert (score.status, score.auc, score.interval) == (status, None, None)
    assert NULL.exceeded_by(score.auc) is None


def test_without_a_column_nothing_is_told():
    assert score_domains(REFERENCE, SAME, [], "day", seed=0).status is Status.ABSENT_COLUMN


def test_columns_without_a_value_and_constant_ones_tell_nothing():
    rows = [side.append_column("z", pa.nulls(len(side), pa.float64())) for side in (REFERENCE, SAME)]
    rows = [side.append_column("one", pa.array(["a"] * len(side))) for side in rows]
    score = score_domains(*rows, ["z", "one"], "day", options=FEW, seed=0)
    assert (score.status, score.auc) == (Status.OK, 0.5)


def test_a_short_reference_has_no_null():
    null = score_null(make_rows(1, BEGIN, 20), COLUMNS, "day", stretch_blocks=7, window_rows=280, options=FEW, seed=0)
    assert (null.status, len(null.aucs), null.bound) == (Status.INSUFFICIENT_REFERENCE, 2, None)
    assert null.exceeded_by(0.9) is None


def test_pairs_of_days_are_those_of_the_auc():
    """One fold cut by days: of the rows that it scored, the share of pairs is the area under the curve."""
    before, now = (read_rows(side, ["x", "y"], "day") for side in (REFERENCE.slice(0, 400), TURNED))
    folds = [np.arange(len(side.blocks)) % 2 for side in (before, now)]
    ahead, pairs = _compare_blocks(before, now, folds, 2, 15, 0)
    assert ahead.shape == (10, 7)
    assert pairs[0].tolist() == [1600.0, 0.0] * 3 + [1600.0]  # 40 x 40 rows, days of one fold
    assert pairs.sum() == 1600 * (5 * 4 + 5 * 3)
    assert (ahead <= pairs).all()
    far = pa.table({"day": TURNED["day"], "x": np.full(280, 99.0), "y": np.zeros(280)})
    ahead, pairs = _compare_blocks(before, read_rows(far, ["x", "y"], "day"), folds, 2, 15, 0)
    assert ahead.sum() == pairs.sum()
    assert roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75  # the same reading of an area: 3 of 4 pairs


def test_a_sample_takes_from_every_day_its_share_and_no_more_than_asked():
    rows = DomainRows(
        tuple(BEGIN + timedelta(days=n) for n in range(3)), np.repeat([0, 1, 2], [50, 30, 21]), {"x": np.arange(101.0)}
    )
    drawn = draw_rows(rows, 10, np.random.default_rng(0))
    assert np.bincount(drawn.block).tolist() == [5, 3, 2]
    assert np.diff(drawn.columns["x"]).min() > 0  # in their order, none twice
    assert draw_rows(rows, 101, np.random.default_rng(0)) is rows
    assert len(draw_rows(rows, 2, np.random.default_rng(0)).blocks) == 2


def test_rows_become_numbers():
    day = [BEGIN] * 4
    before = read_rows(
        pa.table({"day": day, "n": [1.0, float("inf"), None, 3.0], "t": ["b", "a", "b", None]}), ["n", "t"], "day"
    )
    now = read_rows(pa.table({"day": day[:2], "n": [float("-inf"), 2.0], "t": [None, "c"]}), ["n", "t"], "day")
    values, is_category = encode_rows(before, now)
    assert is_category == [False, True]
    np.testing.assert_array_equal(values[:, 0], [1, 3, np.nan, 3, 1, 2])
    np.testing.assert_array_equal(values[:, 1], [0, 1, 0, np.nan, np.nan, 2])


def test_rare_values_of_text_share_a_code():
    texts = [f"v{n:03d}" for n in range(300)] * 2
    rows = read_rows(pa.table({"day": [BEGIN] * 600, "t": texts}), ["t"], "day")
    values, _ = encode_rows(rows, rows)
    assert (values.min(), values.max()) == (0, 254)
    assert len(np.unique(values)) == 255


@pytest.mark.parametrize(
    ("table", "columns", "problem"),
    [
        (SAME, ["x", "z"], "z: the column is absent"),
        (SAME, ["x", "x"], "twice"),
        (SAME.drop_columns(["day"]), ["x"], "day: the column is absent"),
        (pa.table({"day": ["2013-01-01"], "x": [1.0]}), ["x"], "a block is a date"),
        (pa.table({"day": pa.array([BEGIN, None]), "x": [1.0, 2.0]}), ["x"], "1 nulls"),
        (pa.table({"day": [BEGIN], "x": [BEGIN]}), ["x"], "neither number nor category"),
    ],
)
def test_rows_that_cannot_be_read_are_refused(table, columns, problem):
    with pytest.raises(DistributionError, match=problem):
        score_domains(REFERENCE, table, columns, "day", seed=0)


@pytest.mark.parametrize(
    "options",
    [{"max_rows": 100}, {"min_rows": 1}, {"min_blocks": 1}, {"folds": 1}, {"level": 0.0}, {"rounds": 0},
     {"max_stretches": 0}, {"level": float("nan")}],
)  # fmt: skip
def test_options_out_of_their_range_are_refused(options):
    with pytest.raises(DistributionError, match="allowed is"):
        DomainOptions(**options)
    with pytest.raises(DistributionError, match="stretch_blocks"):
        score_null(REFERENCE, COLUMNS, "day", stretch_blocks=0, window_rows=1, seed=0)
