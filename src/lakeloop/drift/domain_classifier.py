"""Joint drift: how well a classifier tells the rows of a window from those of the reference.

Statistics of single columns do not see that columns go together in another way. A classifier does: where its AUC on
days it did not learn from is near 0.5, nothing that it can see tells the two apart. An AUC alone says little, because
any two stretches of days differ. So the same score between stretches of the reference's own days says what is usual.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.stats import t as student_t
from threadpoolctl import threadpool_limits

from lakeloop.drift.domain_rows import DomainRows, draw_rows, encode_rows, read_rows
from lakeloop.drift.intervals import RESAMPLES, Interval, spread_interval
from lakeloop.errors import DistributionError
from lakeloop.statuses import Status

MIN_NULL_STRETCHES = 3
"""Disjoint stretches of the reference below which their spread says nothing."""


@dataclass(frozen=True)
class DomainOptions:
    """How rows are told apart.

    Attributes:
        max_rows: Most rows of each side that are looked at; more are thinned, each day alike.
        min_rows: Rows of a side below which nothing is told.
        min_blocks: Days of a side below which nothing is told; at least 2.
        folds: Most parts into which the days are dealt; each is scored by a classifier that learned from the others.
        level: Chance, in (0, 1), that the interval misses, and that a stretch like the others lies above the bound.
        max_stretches: Most stretches of the reference that are scored for the null.
        rounds: Trees of a classifier.

    Raises:
        DistributionError: If a number is out of its range.

    >>> DomainOptions(max_rows=0)
    Traceback (most recent call last):
    lakeloop.errors.DistributionError: max_rows: got 0, allowed is at least min_rows, 200
    """

    max_rows: int = 10_000
    min_rows: int = 200
    min_blocks: int = 3
    folds: int = 5
    level: float = 0.05
    max_stretches: int = 12
    rounds: int = 40

    def __post_init__(self) -> None:
        for name, least in (("min_rows", 2), ("min_blocks", 2), ("folds", 2), ("max_stretches", 1), ("rounds", 1)):
            if not getattr(self, name) >= least:
                raise DistributionError(name, f"got {getattr(self, name)}, allowed is at least {least}")
        if not self.max_rows >= self.min_rows:
            raise DistributionError("max_rows", f"got {self.max_rows}, allowed is at least min_rows, {self.min_rows}")
        if not 0 < self.level < 1:
            raise DistributionError("level", f"got {self.level}, allowed is (0, 1)")


@dataclass(frozen=True)
class DomainScore:
    """How well rows of two stretches of days are told apart.

    Attributes:
        status: OK; EMPTY_WINDOW (no row of the window), TOO_FEW_ROWS or TOO_FEW_BLOCKS (of the window),
            INSUFFICIENT_REFERENCE (too few rows or days of the reference); ABSENT_COLUMN (no column to tell them by).
        auc: Chance that a row of the window scores above one of the reference, both from days that the classifier did
            not learn from; 0.5 when it cannot tell them apart. None unless OK.
        interval: Of the AUC, from resampled days of both sides; within 0 and 1.
        reference_rows: Rows of the reference that were looked at.
        window_rows: Rows of the window that were looked at.
        reference_blocks: Days of the reference.
        window_blocks: Days of the window.
        seed: Seed of dealing, drawing and classifier.
    """

    status: Status
    auc: float | None
    interval: Interval | None
    reference_rows: int
    window_rows: int
    reference_blocks: int
    window_blocks: int
    seed: int


@dataclass(frozen=True)
class DomainNull:
    """What is usual: the score of the reference's own stretches against the rest of it.

    Attributes:
        status: OK, or INSUFFICIENT_REFERENCE where fewer than `MIN_NULL_STRETCHES` stretches could be scored.
        aucs: AUC of each stretch, in the order of their days.
        stretch_blocks: Days of a stretch.
        bound: Upper prediction bound of one more stretch, at the level; None unless OK.

    >>> DomainNull(Status.OK, (0.52, 0.55, 0.53), 7, bound=0.6).exceeded_by(0.7)
    True
    """

    status: Status
    aucs: tuple[float, ...]
    stretch_blocks: int
    bound: float | None

    def exceeded_by(self, auc: float | None) -> bool | None:
        """Tell whether a window is told apart better than is usual; None where either is not known."""
        return None if auc is None or self.bound is None else auc > self.bound


def score_domains(
    reference: pa.Table,
    window: pa.Table,
    columns: Sequence[str],
    block_col: str,
    *,
    options: DomainOptions | None = None,
    seed: int,
) -> DomainScore:
    """Tell the rows of a window from those of the reference by all columns together.

    A gradient-boosted classifier of few small trees learns on some days of both sides and scores the others. Days,
    never rows, are dealt to the folds, so that it gains nothing from knowing a day. Both sides weigh the same. Compared
    are pairs of one fold only: scores of two classifiers are on different scales. The interval is of resampled days.

    Numbers are used as they are, with null and NaN missing and infinities held to the greatest finite value. Of text
    and booleans the most frequent values of both sides have a code each, the others share one. That a value is missing
    is seen as well.

    Args:
        reference: Rows of the reference with the columns and the block.
        window: Rows of the window, the same columns and types.
        columns: Columns to look at; of a kind that has bins.
        block_col: Column of type date that names the block (the day) of a row.
        options: How rows are told apart.
        seed: The same seed and rows, in the same order, give the same score.

    Returns:
        The score; it is no verdict: see `score_null`.

    Raises:
        DistributionError: If a column is absent or of a type that has no bins, or the block is no date or null.

    Source: Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", 2017; with blocks in place of rows.

    >>> from datetime import date, timedelta
    >>> def make_days(first, days, sign, rng=np.random.default_rng(0)):
    ...     x = rng.standard_normal(days * 60)
    ...     day = [first + timedelta(days=n // 60) for n in range(days * 60)]
    ...     return pa.table({"day": day, "x": x, "y": sign * x + 0.5 * rng.standard_normal(len(x))})
    >>> before, week = make_days(date(2013, 1, 1), 20, 1), make_days(date(2013, 2, 1), 7, -1)
    >>> score = score_domains(before, week, ["x", "y"], "day", seed=0)  # x and y alone are distributed as before
    >>> score.status.value, round(score.auc, 1), score.interval.low > 0.8
    ('OK', 0.9, True)
    """
    chosen = options or DomainOptions()
    before, now = (read_rows(side, columns, block_col) for side in (reference, window))
    return _score(before, now, chosen, seed)


def score_null(
    reference: pa.Table,
    columns: Sequence[str],
    block_col: str,
    *,
    stretch_blocks: int,
    window_rows: int,
    options: DomainOptions | None = None,
    seed: int,
) -> DomainNull:
    """Score disjoint stretches of the reference against the rest of it: what is usual for days that follow one another.

    Each stretch is scored as a window is, thinned to as many rows. The bound is that of one more observation of a
    normal sample, on the scale of log(auc / (1 - auc)): mean + t * deviation * sqrt(1 + 1/n). The stretches lie inside
    the reference and a window after it, so where the data moves on steadily the bound is too low.

    Args:
        reference: Rows of the reference with the columns and the block.
        columns: Columns to look at.
        block_col: Column of type date that names the block of a row.
        stretch_blocks: Days of a stretch: those of the window.
        window_rows: Rows of the window that were looked at.
        options: How rows are told apart.
        seed: The same seed and rows give the same scores.

    Returns:
        The scores and their bound.

    Raises:
        DistributionError: As `score_domains`; if `stretch_blocks` is below 1.

    Source: for the bound Hahn and Meeker, "Statistical Intervals", 1991, chapter 4.

    >>> day = np.datetime64("2013-01-01") + np.arange(1200) // 60
    >>> rows = pa.table({"day": day, "x": np.random.default_rng(0).standard_normal(1200)})
    >>> null = score_null(rows, ["x"], "day", stretch_blocks=5, window_rows=300, seed=0)
    >>> null.status.value, len(null.aucs), 0.5 < null.bound < 0.7
    ('OK', 4, True)
    """
    if stretch_blocks < 1:
        raise DistributionError("stretch_blocks", f"got {stretch_blocks}, allowed is at least 1")
    chosen = options or DomainOptions()
    rows = read_rows(reference, columns, block_col)
    n_stretches = len(rows.blocks) // stretch_blocks
    first = len(rows.blocks) - n_stretches * stretch_blocks  # the newest days are used
    numbers = np.arange(n_stretches)
    if n_stretches > chosen.max_stretches:
        rng = np.random.default_rng([seed, 1])
        numbers = np.sort(rng.choice(numbers, chosen.max_stretches, replace=False))
    aucs = []
    for number in numbers:
        start = first + int(number) * stretch_blocks
        inside = (rows.block >= start) & (rows.block < start + stretch_blocks)
        stretch = draw_rows(rows.keep(inside), window_rows, np.random.default_rng([seed, 2, int(number)]))
        score = _score(rows.keep(~inside), stretch, chosen, seed)
        if score.auc is not None:
            aucs.append(score.auc)
    if len(aucs) < MIN_NULL_STRETCHES:
        return DomainNull(Status.INSUFFICIENT_REFERENCE, tuple(aucs), stretch_blocks, None)
    return DomainNull(Status.OK, tuple(aucs), stretch_blocks, _upper_bound(aucs, chosen.level))


def _upper_bound(aucs: Sequence[float], level: float) -> float:
    values = np.clip(np.asarray(aucs), 1e-6, 1 - 1e-6)
    logits = np.log(values / (1 - values))
    n = len(logits)
    reach = float(student_t.ppf(1 - level, n - 1)) * math.sqrt(1 + 1 / n)
    return 1 / (1 + math.exp(-float(logits.mean()) - reach * float(logits.std(ddof=1))))


def _status(before: DomainRows, now: DomainRows, options: DomainOptions) -> Status:
    if not now.columns:
        return Status.ABSENT_COLUMN
    if not len(now):
        return Status.EMPTY_WINDOW
    if len(now) < options.min_rows:
        return Status.TOO_FEW_ROWS
    if len(now.blocks) < options.min_blocks:
        return Status.TOO_FEW_BLOCKS
    if len(before) < options.min_rows or len(before.blocks) < options.min_blocks:
        return Status.INSUFFICIENT_REFERENCE
    return Status.OK


def _score(before: DomainRows, now: DomainRows, options: DomainOptions, seed: int) -> DomainScore:
    status = _status(before, now, options)
    rng = np.random.default_rng([seed, 0])
    before, now = (draw_rows(side, options.max_rows, rng) for side in (before, now))
    auc: float | None = None
    interval: Interval | None = None
    if status is Status.OK:
        n_folds = min(options.folds, len(before.blocks), len(now.blocks))
        folds = [rng.permutation(len(side.blocks)) % n_folds for side in (before, now)]
        ahead, pairs = _compare_blocks(before, now, folds, n_folds, options.rounds, seed)
        auc = float(ahead.sum() / pairs.sum())
        drawn = _resample(ahead, pairs, rng)
        found = spread_interval(auc, drawn, min(ahead.shape), options.level)
        interval = Interval(max(0.0, found.low), min(1.0, found.high))
    return DomainScore(status, auc, interval, len(before), len(now), len(before.blocks), len(now.blocks), seed)


def _compare_blocks(
    before: DomainRows, now: DomainRows, folds: Sequence[npt.NDArray[np.int64]], n_folds: int, rounds: int, seed: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Count pairs of rows per day of the reference and day of the window, shapes [n_reference_blocks, n_window_blocks].

    Those in which the window's row scores higher (half of the ties), and all; 0 where the days are in different folds.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # slow to import

    values, is_category = encode_rows(before, now)
    is_window = np.repeat([False, True], [len(before), len(now)])
    fold = np.concatenate([of_block[side.block] for of_block, side in zip(folds, (before, now), strict=True)])
    block = np.concatenate([before.block, now.block])
    ahead = np.zeros((len(before.blocks), len(now.blocks)))
    pairs = np.zeros_like(ahead)
    for number in range(n_folds):
        learns = fold != number
        weight = np.where(is_window[learns], 0.5 / is_window[learns].sum(), 0.5 / (~is_window[learns]).sum())
        classifier = HistGradientBoostingClassifier(
            max_iter=rounds,
            max_leaf_nodes=15,
            min_samples_leaf=20,
            l2_regularization=1.0,
            early_stopping=False,
            categorical_features=is_category,
            random_state=seed,
        )
        seen = np.where(np.isnan(values[learns]).all(axis=0), 0.0, values)  # the classifier needs a value to cut by
        with threadpool_limits(1, "openmp"):  # sums of several threads would depend on their number
            classifier.fit(seen[learns], is_window[learns], sample_weight=weight * learns.sum())
            score = classifier.decision_function(seen[~learns])
        of_window, of_block = is_window[~learns], block[~learns]
        others, rows = score[~of_window], np.bincount(of_block[~of_window], minlength=len(ahead))
        for day in np.unique(of_block[of_window]):
            own = np.sort(score[of_window & (of_block == day)])
            above = len(own) - np.searchsorted(own, others, side="right")
            ties = len(own) - np.searchsorted(own, others, side="left") - above
            counted = np.bincount(of_block[~of_window], weights=above + 0.5 * ties, minlength=len(ahead))
            ahead[:, day], pairs[:, day] = counted, rows * len(own)
    return ahead, pairs


def _resample(
    ahead: npt.NDArray[np.float64], pairs: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """AUC of days drawn with replacement on both sides; draws whose days share no fold are left out."""
    n, m = ahead.shape
    days = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    others = rng.multinomial(m, np.full(m, 1 / m), size=RESAMPLES)
    counted, total = (np.einsum("dm,dm->d", days @ table, others) for table in (ahead, pairs))
    kept = total > 0
    return np.asarray(counted[kept] / total[kept])
