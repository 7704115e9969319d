"""`conf/base/models/*.yml`: what is predicted, from what, how it is judged and when it is trained again."""

from __future__ import annotations

import re
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from lakeloop.config.project import Timezone
from lakeloop.config.section import Duration, Name, Section
from lakeloop.statuses import Role


class Task(StrEnum):
    """Kind of label."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Predict(Section):
    """The spine.

    Attributes:
        from_: Source whose rows are scored.
        id: Columns that identify a spine row.
        at: Spark SQL expression of `prediction_ts`.
        known: Columns of the source that are known at `prediction_ts` and may be features.
    """

    from_: Name = Field(alias="from")
    id: tuple[Name, ...] = Field(min_length=1)
    at: str
    known: tuple[Name, ...] = ()


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
        of: Timestamp column of the spine's source whose local date is the period.
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
    void: dict[Name, str] = Field(default_factory=dict)
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
                raise ValueError(f"{name} must be whole days")
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


class Bounds(Section):
    """Absolute thresholds of a metric, both included."""

    min: float | None = None
    max: float | None = None


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
    non_inferior_by: float = Field(gt=0)
    absolute: dict[Metric, Bounds] = Field(default_factory=dict)
    too_good: dict[Metric, float] = Field(default_factory=dict)
    block: Literal["day"] = "day"
    min_blocks: int = Field(default=10, ge=2)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=1000, ge=100)
    slices: tuple[str, ...] = ()


_PERSISTENCE = re.compile(r"^(\d+) of (\d+)$")


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
        if match is None:
            raise ValueError(f"{value!r} is not a persistence rule; write '2 of 3'")
        return Persistence(hits=int(match[1]), windows=int(match[2]))
    return value


def _default_min_effect() -> dict[Literal["psi", "total_variation"], float]:
    return {"psi": 0.1, "total_variation": 0.05}


class Monitor(Section):
    """How scored data is compared with the champion's reference.

    Attributes:
        window: Length of a window, whole days.
        persistence: How many of the last windows must agree.
        roles: Role -> model columns or patterns; the rest are `regime`.
        level: Chance of any false alarm per window, over the whole family of columns.
        min_effect: Statistic below which a difference is never called drift: population stability index for numbers,
            total variation for categories.
        min_rows: Rows below which a window is not judged.
        min_blocks: Days of reference below which it is INSUFFICIENT_REFERENCE.
        reference: Longest stretch of days the reference covers.
        bins: Bins of a number.
    """

    window: Duration = timedelta(days=7)
    persistence: Annotated[Persistence, BeforeValidator(_parse_persistence)] = Persistence(hits=2, windows=3)
    roles: dict[Role, tuple[str, ...]] = Field(default_factory=dict)
    level: float = Field(default=0.05, gt=0, lt=1)
    min_effect: dict[Literal["psi", "total_variation"], float] = Field(default_factory=_default_min_effect)
    min_rows: int = Field(default=200, ge=1)
    min_blocks: int = Field(default=28, ge=2)
    reference: Duration = timedelta(days=90)
    bins: int = Field(default=10, ge=2, le=100)

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        for name in ("window", "reference"):
            if getattr(self, name) % timedelta(days=1):
                raise ValueError(f"{name} must be whole days")
        return self


class When(Section):
    """Evidence that asks for an action.

    Attributes:
        bias: Mean score minus mean outcome, beyond which the model is retrained (with persistence).
        skill: Skill against the constant reference below which the model is retrained (with persistence).
        contract_drift: `any` notifies and blocks retraining when a contract feature drifts.
    """

    bias: float | None = Field(default=None, gt=0)
    skill: float | None = None
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
    min_closed_days: int = Field(default=7, ge=1)


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
    """

    model: Name
    description: str = ""
    owner: str = ""
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

    @model_validator(mode="after")
    def _metric_fits_task(self) -> Self:
        regression = {Metric.MEAN_ABSOLUTE_ERROR, Metric.ROOT_MEAN_SQUARED_ERROR, Metric.R2}
        for metric in {self.gate.metric, *self.gate.absolute, *self.gate.too_good}:
            if (metric in regression) != (self.task is Task.REGRESSION):
                raise ValueError(f"metric {metric} does not fit the task {self.task}")
        return self
