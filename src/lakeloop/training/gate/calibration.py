"""Whether probabilities are what they say: on average over the holdout, and along the score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lakeloop.config.gate import Bounds, Gate
from lakeloop.config.metric import Metric
from lakeloop.statuses import GateStatus
from lakeloop.training.classes import top_label
from lakeloop.training.gate.check import NAN, Check
from lakeloop.training.gate.metric_bounds import check_bounds
from lakeloop.training.metrics import FloatArray, calibration_error
from lakeloop.training.resampling import resample_difference


def check_calibration(
    gate: Gate, y: FloatArray, scores: FloatArray, days: NDArray[np.datetime64], *, seed: int = 0
) -> list[Check]:
    """Hold bias and calibration error of the challenger against what the gate allows.

    The bias is judged by its point: days differ so much in their rate that the interval of a month is wider than any
    bias worth allowing. The interval is recorded beside it. It needs the gate's blocks all the same.

    Args:
        gate: What the challenger has to show.
        y: Outcomes, 0 or 1, shape (n_rows,); of several classes their places.
        scores: Probabilities of 1, shape (n_rows,). Of several classes shape (n_rows, n_classes): how sure they are of
            the predicted class is held against how often it is right.
        days: Block of each row, datetime64[D], shape (n_rows,).
        seed: Of the resampled days.

    Returns:
        A check per declared bound; none where nothing is declared.

    >>> days = np.repeat(np.datetime64("2013-01-01", "D") + np.arange(10), 2)
    >>> gate = Gate(metric="brier", superior_by=0.01, calibration={"max_bias": 0.1, "max_error": 0.1})
    >>> found = check_calibration(gate, np.tile([0.0, 1.0], 10), np.full(20, 0.75), days)
    >>> [(each.name, each.status.value, each.value, each.bound) for each in found]
    [('calibration_bias', 'FAIL', 0.25, 0.1), ('calibration_error', 'FAIL', 0.25, 0.1)]
    """
    asked = gate.calibration
    if asked is None:
        return []
    checks = []
    outcomes, scores = top_label(y, scores)
    if asked.max_bias is not None:
        found = resample_difference(
            scores,
            outcomes,
            days,
            confidence=gate.confidence,
            resamples=gate.resamples,
            seed=seed,
            block_days=gate.block_days,
        )
        detail = (
            f"mean score minus mean outcome {found.difference:+.4f} ({gate.confidence:.0%} interval {found.lower:+.4f} "
            f"to {found.upper:+.4f}; {found.days} days, {found.rows} rows); needed: the difference within "
            f"{asked.max_bias:g} of 0"
        )
        status = GateStatus.PASS if abs(found.difference) <= asked.max_bias else GateStatus.FAIL
        needed = gate.min_blocks * gate.block_days
        if found.days < needed:
            status, detail = GateStatus.INSUFFICIENT, f"{found.days} days, {needed} needed"
        checks.append(
            Check("calibration_bias", status, found.difference, asked.max_bias, detail, found.lower, found.upper)
        )
    if asked.max_error is not None:
        value = calibration_error(outcomes, scores) if len(outcomes) else NAN
        checks.append(check_bounds("calibration_error", Metric.CALIBRATION_ERROR, Bounds(max=asked.max_error), value))
    return checks
