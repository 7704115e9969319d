"""`decide:` of a model: when it is trained again."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

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
