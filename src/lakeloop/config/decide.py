"""`decide:` of a model: when it is trained again."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from lakeloop.config.answers import BackOff, Blackout, Budget, Condition, Escalate, Rule, WindowCount
from lakeloop.config.metric import Metric, Task
from lakeloop.config.section import Duration, Number, Section, Whole

WINDOW_METRICS: dict[Task, tuple[Metric, ...]] = {
    Task.CLASSIFICATION: (Metric.ROC_AUC, Metric.LOG_LOSS, Metric.BRIER),
    Task.MULTICLASS: (Metric.LOG_LOSS, Metric.BRIER),
    Task.REGRESSION: (Metric.MEAN_ABSOLUTE_ERROR,),
}
"""Metrics that every window of closed days is measured by."""


class When(Section):
    """Evidence that asks for an action.

    Attributes:
        bias: Mean score minus mean outcome, beyond which the model is recalibrated, or retrained as `escalate` says
            (with persistence).
        skill: Skill against the constant reference below which the model is retrained (with persistence).
        contract_drift: `any` notifies and blocks retraining when a contract feature drifts.
        metric_drop: Metric -> how much worse than on the holdout that the champion was accepted on it may be, in the
            metric's unit; beyond it the model is retrained (with persistence). Losses follow the base rate.
        prediction_drift: What a drift of the scores asks for: `notify` or `retrain`.
        target_drift: What a drift of the label asks for: `notify` or `retrain`.
        regime_drift: What a drift of a feature of the role regime asks for: `notify` or `retrain`.
        new_rows: Retrain when so many labelled rows have closed since the last training.
    """

    bias: Number | None = Field(default=None, gt=0)
    skill: Number | None = None
    contract_drift: Literal["any", "ignore"] = "any"
    metric_drop: dict[Metric, Annotated[Number, Field(gt=0)]] = Field(default_factory=dict)
    prediction_drift: Literal["notify", "retrain"] = "notify"
    target_drift: Literal["notify", "retrain"] = "notify"
    regime_drift: Literal["notify", "retrain"] = "notify"
    new_rows: Whole | None = Field(default=None, ge=1)

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not declared, so that a declaration without it keeps its hash."""
        kept = ("bias", "skill", "contract_drift")
        return {key: each for key, each in write(self).items() if key in kept or each not in (None, {}, "notify")}


class RecalibrationMethod(StrEnum):
    """What a recalibration fits on the log-odds of the scores."""

    INTERCEPT = "intercept"
    PLATT = "platt"


class Recalibrate(Section):
    """How the champion's scores are corrected on recent closed days, its fitted steps left as they are.

    Attributes:
        by: `intercept` shifts the log-odds (of a regression, the predictions); `platt` fits a slope too.
        window: Longest stretch of closed days it is fitted on, whole days.
        folds: Stretches of days; each is judged by what was fitted on the others.
    """

    by: RecalibrationMethod = RecalibrationMethod.INTERCEPT
    window: Duration = timedelta(days=28)
    folds: Whole = Field(default=4, ge=2, le=50)

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        if self.window % timedelta(days=1):
            raise ValueError("window: not whole days; write whole days, as in '28 days'")
        if self.folds > self.window.days:
            raise ValueError(f"folds: more than the {self.window.days} days of the window; write fewer")
        return self


class Decide(Section):
    """When the model is trained again.

    Attributes:
        schedule: Retrain when the last training is at least this old.
        when: Evidence that asks for an action before.
        cooldown: Least time between two trainings.
        min_closed_days: Least number of newly closed days since the last training.
        recalibrate: How `lakeloop recalibrate` corrects the champion's scores.
        escalate: How a bias is answered first, and when it comes back.
        rules: What is done on which conditions, in place of what each asks for by itself. What blocks holds as ever,
            and a first training asks by itself.
        budget: How often the loop may answer in a stretch of time.
        blackout: Local days, in the project's time zone, on which neither a training nor a recalibration is begun.
        back_off: How evidence waits longer where trainings do not help.
        flag_life: A flag that asks or informs expires when its alarm was not seen for so many windows; by default three
            more than `monitor.persistence` looks at.
    """

    schedule: Duration | None = None
    when: When = When()
    cooldown: Duration = timedelta(days=7)
    min_closed_days: Whole = Field(default=7, ge=1)
    recalibrate: Recalibrate = Field(default=Recalibrate(), exclude=True)
    escalate: Escalate = Escalate()
    rules: tuple[Rule, ...] = ()
    budget: Budget | None = None
    blackout: tuple[Blackout, ...] = ()
    back_off: BackOff = BackOff()
    flag_life: WindowCount | None = None

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not declared, so that a declaration without it keeps its hash."""
        unused = {name for name in _ADDED if getattr(self, name) == Decide.model_fields[name].default}
        return {key: each for key, each in write(self).items() if key not in unused}

    @model_validator(mode="after")
    def _rules_name_what_is_declared(self) -> Self:
        if not self.rules:
            return self
        named = {name for rule in self.rules for name in rule.names()}
        declared = {
            Condition.SCHEDULE: ("schedule", self.schedule is not None),
            Condition.NEW_ROWS: ("when.new_rows", self.when.new_rows is not None),
            Condition.BIAS: ("when.bias", self.when.bias is not None),
            Condition.BIAS_AGAIN: ("when.bias", self.when.bias is not None),
            Condition.SKILL: ("when.skill", self.when.skill is not None),
            Condition.METRIC_DROP: ("when.metric_drop", bool(self.when.metric_drop)),
        }
        for name, (where, is_there) in declared.items():
            if name in named and not is_there:
                raise ValueError(f"rules: {name} is named, and {where} is not declared; declare it, or name another")
        for name in (Condition.SCHEDULE, Condition.NEW_ROWS):
            where, is_there = declared[name]
            if is_there and name not in named:
                raise ValueError(f"{where}: no rule names {name}; name it in a rule, or leave it out")
        for where in ("prediction_drift", "target_drift", "regime_drift"):
            if getattr(self.when, where) != "notify":
                raise ValueError(f"when.{where}: rules say what is done; name {where} in a rule instead")
        return self


_ADDED = ("escalate", "rules", "budget", "blackout", "back_off", "flag_life")
"""Keys that declarations of earlier versions do not have."""
