"""`decide:` of a model: when it is trained again."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from lakeloop.config.section import Duration, Number, Section, Whole


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
    """

    schedule: Duration | None = None
    when: When = When()
    cooldown: Duration = timedelta(days=7)
    min_closed_days: Whole = Field(default=7, ge=1)
    recalibrate: Recalibrate = Field(default=Recalibrate(), exclude=True)
