"""`gate:` of a model: what a challenger has to show on the holdout."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lakeloop.config.metric import Metric
from lakeloop.config.section import Bounded, Number, Section, Whole


class Bounds(Bounded):
    """Absolute thresholds of a metric, both included.

    Attributes:
        min: Least value that passes.
        max: Greatest value that passes.
    """


class Gate(Section):
    """What a challenger has to show on the holdout.

    Attributes:
        metric: Metric that is compared; a mean of losses per row (log_loss, brier, mean_absolute_error).
        against: What it is compared with.
        non_inferior_by: Margin, in the metric's unit, that the upper bound of the difference must stay below.
        absolute: Bounds per metric.
        too_good: Metric -> ceiling beyond which the gate warns of a leak.
        block: Unit that is resampled.
        min_blocks: Blocks below which a comparison is INSUFFICIENT.
        confidence: Of the two-sided interval.
        resamples: Number of resamples.
        slices: Columns for which the metric is recorded per value.
        approval: `required` has a version that passes wait for `lakeloop models approve`; `none` promotes it.
    """

    metric: Literal[Metric.LOG_LOSS, Metric.BRIER, Metric.MEAN_ABSOLUTE_ERROR]
    against: tuple[Literal["baseline", "champion"], ...] = ("baseline", "champion")
    non_inferior_by: Number = Field(gt=0)
    absolute: dict[Metric, Bounds] = Field(default_factory=dict)
    too_good: dict[Metric, Number] = Field(default_factory=dict)
    block: Literal["day"] = "day"
    min_blocks: Whole = Field(default=10, ge=2)
    confidence: Number = Field(default=0.95, gt=0.5, lt=1)
    resamples: Whole = Field(default=1000, ge=100)
    slices: tuple[str, ...] = ()
    approval: Literal["none", "required"] = "none"
