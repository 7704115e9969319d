"""`conf/base/models/*.yml`: what is predicted, from what, how it is judged and when it is trained again."""

from __future__ import annotations

import re
from datetime import time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from lakeloop.config.audit import Audit
from lakeloop.config.predict import Predict
from lakeloop.config.project import Timezone
from lakeloop.config.section import Bounded, Duration, Name, Number, Section, Text, Whole, Words
from lakeloop.distances import DISTANCES
from lakeloop.statuses import Role


class Task(StrEnum):
    """Kind of label."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


_CLOSES_AT = re.compile(r"^(\d{2}):(\d{2})( next day)?$")


class ClosesAt(Section):
    """Wall-clock time at which a period closes.

    Attributes:
        at: Time of day.
        next_day: Whether it is the time of the day after the period's day.
    """

    at: time
    next_day: bool


def _parse_closes_at(value: Any) -> Any:
    if isinstance(value, str):
        match = _CLOSES_AT.match(value)
        if match is None or not (int(match[1]) < 24 and int(match[2]) < 60):
            raise ValueError(f"{value!r} is not a closing time; write '06:00 next day' or '23:00'")
        return ClosesAt(at=time(int(match[1]), int(match[2])), next_day=match[3] is not None)
    return value


class Closes(Section):
    """When the labels of a period are final.

    Attributes:
        each: Length of a period; a calendar day.
        of: Timestamp column of the spine's source whose local date is the period; of a grid `period_ts`, or
            `period_end_ts`, the start of the next period.
        at: Wall-clock time of closing.
        timezone: Zone of the date and of the closing time.
    """

    each: Literal["day"] = "day"
    of: Name
    at: Annotated[ClosesAt, BeforeValidator(_parse_closes_at)]
    timezone: Timezone


class Label(Section):
    """What is predicted.

    Attributes:
        from_: Source of the truth, joined to the spine on the spine's id columns.
        as_: Spark SQL expression over the source's columns; boolean or number.
        void: Reason -> condition under which a closed row has no label. Columns are null where no row arrived.
        closes: When labels are final.
    """

    from_: Name = Field(alias="from")
    as_: str = Field(alias="as", min_length=1)
    void: dict[Name, Text] = Field(default_factory=dict)
    closes: Closes


class Split(Section):
    """Time-ordered split: train | gap | validation | gap | holdout, in whole periods (days).

    Attributes:
        train: `all past`, or the length of the training stretch.
        validation: Length of the stretch that chooses among candidates.
        holdout: Length of the stretch that only the gate sees.
        gap: Length left unused between the stretches.
    """

    train: Literal["all past"] | Duration = "all past"
    validation: Duration
    holdout: Duration
    gap: Duration = timedelta(days=1)

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        for name in ("train", "validation", "holdout", "gap"):
            value = getattr(self, name)
            if isinstance(value, timedelta) and value % timedelta(days=1):
                raise ValueError(f"{name}: not whole days; write whole days, as in '7 days'")
        return self


class Step(StrEnum):
    """Fitted preprocessing steps available by name."""

    IMPUTE_MEAN = "impute_mean"
    IMPUTE_MEDIAN = "impute_median"
    IMPUTE_MODE = "impute_mode"
    CLIP_OUTLIERS = "clip_outliers"
    BIN = "bin"
    LOG = "log"
    ONE_HOT = "one_hot"
    SCALE = "scale"
    PASS = "pass"  # noqa: S105 - leave as it is


class Preprocess(Section):
    """Fitted steps for a group of columns; each model column belongs to the first group that names it.

    Attributes:
        columns: Model columns, or patterns: `weather.*`, `*`.
        steps: Steps, in order.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)


MAX_CANDIDATES = 4
"""Most combinations of a search: each is a whole fit in every turn that trains."""

Parameter = bool | int | float | str | None


class Estimator(Section):
    """What is fitted.

    Attributes:
        class_: Import path of a class with scikit-learn's interface.
        params: Its fixed parameters.
        search: Parameter -> values to try; every combination is a candidate.
    """

    class_: str = Field(alias="class", pattern=r"^[A-Za-z_][\w]*(\.[A-Za-z_]\w*)+$")
    params: dict[str, Parameter] = Field(default_factory=dict)
    search: dict[str, tuple[Parameter, ...]] = Field(default_factory=dict)


class Metric(StrEnum):
    """Metrics by their standard names; the first of each kind of task is a mean of losses per row."""

    LOG_LOSS = "log_loss"
    BRIER = "brier"
    ROC_AUC = "roc_auc"
    AVERAGE_PRECISION = "average_precision"
    CALIBRATION_ERROR = "calibration_error"
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    ROOT_MEAN_SQUARED_ERROR = "root_mean_squared_error"
    R2 = "r2"


COMPARED = (Metric.LOG_LOSS, Metric.BRIER, Metric.MEAN_ABSOLUTE_ERROR)
"""Metrics that are means of losses per row, which a gate can compare."""


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


_PERSISTENCE = re.compile(r"^(\d{1,6}) of (\d{1,6})$", re.ASCII)


class Persistence(Section):
    """How many of the last windows must agree before a flag is raised."""

    hits: int = Field(ge=1)
    windows: int = Field(ge=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.hits > self.windows:
            raise ValueError(f"{self.hits} of {self.windows} can never happen")
        return self


def _parse_persistence(value: Any) -> Any:
    if isinstance(value, str):
        match = _PERSISTENCE.match(value)
        if match is None or not int(match[1]):
            raise ValueError(f"{value!r} is not a persistence rule; write '2 of 3'")
        if int(match[1]) > int(match[2]):
            raise ValueError(f"{value} can never happen")
        return Persistence(hits=int(match[1]), windows=int(match[2]))
    return value


if TYPE_CHECKING:
    DistanceName = str
else:
    DistanceName = Literal[tuple(DISTANCES)]

_DEFAULT_STATISTIC: dict[Literal["number", "category"], str] = {"number": "psi", "category": "total_variation"}


def _with_default_statistic(value: Any) -> Any:
    return {**_DEFAULT_STATISTIC, **value} if isinstance(value, dict) else value


class Monitor(Section):
    """How scored data is compared with the champion's reference.

    Attributes:
        window: Length of a window, whole days.
        persistence: How many of the last windows must agree.
        roles: Role -> model columns or patterns; the rest are `regime`.
        level: Chance of any false alarm per window, over the whole family of columns.
        statistic: Kind of column -> the distance it is judged by.
        min_effect: Distance -> value below which a difference is never called drift; each has its own default.
        min_rows: Rows below which a window is not judged.
        min_blocks: Days of reference below which it is INSUFFICIENT_REFERENCE.
        reference: Longest stretch of days the reference covers.
        bins: Bins of a number.
    """

    window: Duration = timedelta(days=7)
    persistence: Annotated[Persistence, BeforeValidator(_parse_persistence)] = Persistence(hits=2, windows=3)
    roles: dict[Role, tuple[str, ...]] = Field(default_factory=dict)
    level: Number = Field(default=0.05, gt=0, lt=1)
    statistic: Annotated[
        dict[Literal["number", "category"], DistanceName], BeforeValidator(_with_default_statistic)
    ] = Field(default_factory=lambda: dict(_DEFAULT_STATISTIC))
    min_effect: dict[DistanceName, Annotated[Number, Field(ge=0)]] = Field(default_factory=dict)
    min_rows: Whole = Field(default=200, ge=1)
    min_blocks: Whole = Field(default=28, ge=2)
    reference: Duration = timedelta(days=90)
    bins: Whole = Field(default=10, ge=2, le=100)

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        for name in ("window", "reference"):
            if getattr(self, name) % timedelta(days=1):
                raise ValueError(f"{name}: not whole days; write whole days, as in '7 days'")
        if self.reference < self.window:
            raise ValueError("reference: shorter than window; write at least one window")
        if self.min_blocks > self.reference.days:
            most = self.reference.days
            raise ValueError(
                f"min_blocks: {self.min_blocks} days are never reached; write at most {most}, as the reference has"
            )
        return self


class When(Section):
    """Evidence that asks for an action.

    Attributes:
        bias: Mean score minus mean outcome, beyond which the model is retrained (with persistence).
        skill: Skill against the constant reference below which the model is retrained (with persistence).
        contract_drift: `any` notifies and blocks retraining when a contract feature drifts.
    """

    bias: Number | None = Field(default=None, gt=0)
    skill: Number | None = None
    contract_drift: Literal["any", "ignore"] = "any"


class Decide(Section):
    """When the model is trained again.

    Attributes:
        schedule: Retrain when the last training is at least this old.
        when: Evidence that asks for an action before.
        cooldown: Least time between two trainings.
        min_closed_days: Least number of newly closed days since the last training.
    """

    schedule: Duration | None = None
    when: When = When()
    cooldown: Duration = timedelta(days=7)
    min_closed_days: Whole = Field(default=7, ge=1)


class Model(Section):
    """A model and everything its loop needs.

    Attributes:
        model: Name, also in the registry; predictions are in `predictions.<model>`.
        description: What it is for.
        owner: Who answers for it.
        task: Kind of label.
        predict: The spine.
        label: What is predicted.
        features: `<feature_table>.<feature>` or `<feature_table>.*`.
        on_demand: Column -> call of a named function over known columns, id columns, features and `prediction_ts`.
        split: Time-ordered split.
        preprocess: Fitted steps; the first group that names a column takes it.
        estimator: What is fitted.
        gate: What a challenger has to show.
        monitor: How scored data is compared.
        decide: When it is trained again.
        audit: How its training sets are searched for leaks.
    """

    model: Name
    description: Words = ""
    owner: Words = ""
    task: Task = Task.CLASSIFICATION
    predict: Predict
    label: Label
    features: tuple[str, ...] = ()
    on_demand: dict[Name, str] = Field(default_factory=dict)
    split: Split
    preprocess: tuple[Preprocess, ...] = Field(min_length=1)
    estimator: Estimator
    gate: Gate
    monitor: Monitor = Monitor()
    decide: Decide = Decide()
    audit: Audit = Field(default=Audit(), exclude=True)

    @model_validator(mode="after")
    def _metric_fits_task(self) -> Self:
        regression = {Metric.MEAN_ABSOLUTE_ERROR, Metric.ROOT_MEAN_SQUARED_ERROR, Metric.R2}
        for metric in {self.gate.metric, *self.gate.absolute, *self.gate.too_good}:
            if (metric in regression) != (self.task is Task.REGRESSION):
                fit = [m for m in Metric if (m in regression) == (self.task is Task.REGRESSION)]
                where = f"gate.absolute.{metric}" if metric in self.gate.absolute else f"gate.too_good.{metric}"
                if metric is self.gate.metric:
                    where, fit = "gate.metric", [m for m in fit if m in COMPARED]
                allowed = ", ".join(fit)
                raise ValueError(f"{where}: metric {metric} does not fit the task {self.task}; write one of {allowed}")
        return self

    @model_validator(mode="after")
    def _holdout_is_long_enough(self) -> Self:
        if self.gate.min_blocks > self.split.holdout.days:
            days = self.split.holdout.days
            raise ValueError(
                f"gate.min_blocks: so many days are never reached; write at most {days}, as the holdout has"
            )
        return self
