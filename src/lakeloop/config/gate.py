"""`gate:` of a model: what a challenger has to show on the holdout."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from lakeloop.config.metric import Metric
from lakeloop.config.section import Bounded, Duration, Number, Section, Text, Whole

Warns = Literal["too_good", "latency"]
"""Checks that warn, and can be declared to block."""


class Bounds(Bounded):
    """Absolute thresholds of a metric, both included.

    Attributes:
        min: Least value that passes.
        max: Greatest value that passes.
    """


class SliceRule(Section):
    """What a challenger has to show for each value of a slice column; nothing declared: the metric is recorded.

    Attributes:
        values: Values that have to be judged; one that is absent, or has too few rows or blocks, is INSUFFICIENT.
        min_rows: Rows below which any other value is not judged, and is named as such.
        min_blocks: Blocks below which it is not judged; by default those of the gate.
        non_inferior_by: Margin, in the gate's metric, that the upper end of a value's difference must stay below.
        absolute: Bounds per metric, for every value that is judged.
    """

    values: tuple[Text, ...] = ()
    min_rows: Whole = Field(default=200, ge=1)
    min_blocks: Whole | None = Field(default=None, ge=2)
    non_inferior_by: Number | None = Field(default=None, gt=0)
    absolute: dict[Metric, Bounds] = Field(default_factory=dict)

    @property
    def judges(self) -> bool:
        """Whether anything is asked of the slices, rather than recorded.

        >>> SliceRule().judges, SliceRule(non_inferior_by=0.02).judges
        (False, True)
        """
        return self.non_inferior_by is not None or bool(self.absolute)

    @model_validator(mode="after")
    def _values_are_asked_something(self) -> Self:
        if self.values and not self.judges:
            raise ValueError("values: nothing is asked of them; write non_inferior_by or absolute too")
        return self


class Calibration(Section):
    """How far probabilities may lie from what came true on the holdout.

    Attributes:
        max_bias: Greatest distance of the mean score from the mean outcome, either way.
        max_error: Greatest calibration error: the mean distance over ten bins of equal count.
    """

    max_bias: Number | None = Field(default=None, gt=0, le=1)
    max_error: Number | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.max_bias is None and self.max_error is None:
            raise ValueError("declare max_bias, max_error or both")
        return self


class Latency(Section):
    """How long one call of the loaded pipeline may take before the gate warns.

    Attributes:
        rows: Rows of the call.
        p95_ms: Milliseconds that 95 of 100 calls may take.
    """

    rows: Whole = Field(default=1, ge=1, le=100_000)
    p95_ms: Number = Field(gt=0)


def _as_rules(value: Any) -> Any:
    """Take a list of columns for columns of which nothing is asked."""
    is_list = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
    return {each: {} for each in value} if is_list else value


class Gate(Section):
    """What a challenger has to show on the holdout.

    Attributes:
        metric: Metric that is compared; a mean of losses per row (log_loss, brier, mean_absolute_error).
        against: What it is compared with.
        non_inferior_by: Margin, in the metric's unit, that the upper bound of the difference must stay below; needed
            unless `superior_by` is given.
        superior_by: Least gain over the champion, in the metric's unit: the upper bound of the difference must be below
            minus this. Given both, this one rules.
        absolute: Bounds per metric.
        too_good: Metric -> ceiling beyond which the gate warns of a leak.
        block: Unit that is resampled: `day`, or so many days in a row where neighbouring days are alike.
        min_blocks: Blocks below which a comparison is INSUFFICIENT.
        confidence: Of the two-sided interval.
        resamples: Number of resamples.
        slices: Columns for which the metric is recorded per value, and what is asked of each value; a list of columns
            only records.
        calibration: How far probabilities may lie from what came true.
        latency: How long a call of the pipeline may take before the gate warns.
        leakage_audit: Whether the training set has to pass its leakage audit.
        fresh_process: Whether a fresh process has to load the logged artifact and give the same scores.
        blocking: Warnings that hold a version until they are acknowledged.
        approval: `required` has a version that passes wait for `lakeloop models approve`; `none` promotes it.
    """

    metric: Literal[Metric.LOG_LOSS, Metric.BRIER, Metric.MEAN_ABSOLUTE_ERROR]
    against: tuple[Literal["baseline", "champion"], ...] = ("baseline", "champion")
    non_inferior_by: Number | None = Field(default=None, gt=0)
    superior_by: Number | None = Field(default=None, gt=0)
    absolute: dict[Metric, Bounds] = Field(default_factory=dict)
    too_good: dict[Metric, Number] = Field(default_factory=dict)
    block: Literal["day"] | Duration = "day"
    min_blocks: Whole = Field(default=10, ge=2)
    confidence: Number = Field(default=0.95, gt=0.5, lt=1)
    resamples: Whole = Field(default=1000, ge=100)
    slices: Annotated[dict[str, SliceRule], BeforeValidator(_as_rules)] = Field(default_factory=dict)
    calibration: Calibration | None = None
    latency: Latency | None = None
    leakage_audit: bool = False
    fresh_process: bool = True
    blocking: tuple[Warns, ...] = ()
    approval: Literal["none", "required"] = "none"

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        if isinstance(self.block, timedelta) and self.block % timedelta(days=1):
            raise ValueError("block: not whole days; write day, or whole days, as in '7 days'")
        return self

    @model_validator(mode="after")
    def _comparison_has_a_rule(self) -> Self:
        if "champion" in self.against and self.superior_by is None and self.non_inferior_by is None:
            raise ValueError(
                "the champion is compared with by no rule; write a margin as non_inferior_by, or a gain as superior_by"
            )
        return self

    @model_validator(mode="after")
    def _slices_have_a_champion(self) -> Self:
        for column, rule in self.slices.items():
            if rule.non_inferior_by is not None and "champion" not in self.against:
                where = f"slices.{column}.non_inferior_by"
                raise ValueError(f"{where}: there is nothing to be compared with; write champion under against too")
        return self

    @model_validator(mode="after")
    def _blocking_is_declared(self) -> Self:
        declared: Mapping[str, bool] = {"too_good": bool(self.too_good), "latency": self.latency is not None}
        for index, name in enumerate(self.blocking):
            if not declared[name]:
                raise ValueError(f"blocking[{index}]: {name} warns of nothing; write gate.{name} too")
        return self

    @property
    def block_days(self) -> int:
        """Days of a block.

        >>> Gate(metric=Metric.BRIER, superior_by=0.01, block="7 days").block_days
        7
        """
        return self.block.days if isinstance(self.block, timedelta) else 1

    @property
    def acknowledgeable(self) -> tuple[str, ...]:
        """Checks whose warning holds a version until it is acknowledged, by the names they have in the evidence.

        >>> gate = Gate(metric=Metric.BRIER, superior_by=0.01, too_good={Metric.ROC_AUC: 0.8}, blocking=["too_good"])
        >>> gate.acknowledgeable
        ('too_good_roc_auc',)
        """
        of_metrics = tuple(f"too_good_{metric}" for metric in self.too_good) if "too_good" in self.blocking else ()
        return (*of_metrics, *(("latency",) if "latency" in self.blocking else ()))
