"""`estimator:` of a model: what is fitted, and what is searched over."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from lakeloop.config.section import Section

MAX_CANDIDATES = 4
"""Most combinations of a search: each is a whole fit in every turn that trains."""

DISTRIBUTED_CLASSES = ("xgboost.XGBClassifier", "xgboost.XGBRegressor")
"""Classes that have a twin which fits on Spark and gives the same model."""

_ONLY_IN_PROCESS = ("class_weight", "weight", "early_stopping")
"""Keys that a fit on Spark knows nothing of."""

Parameter = bool | int | float | str | None


class Estimator(Section):
    """What is fitted.

    Attributes:
        class_: Import path of a class with scikit-learn's interface.
        params: Its fixed parameters.
        search: Parameter -> values to try; every combination is a candidate.
        distributed: Fit on Spark, where the training rows are; for xgboost.XGBClassifier and xgboost.XGBRegressor.
    """

    class_: str = Field(alias="class", pattern=r"^[A-Za-z_][\w]*(\.[A-Za-z_]\w*)+$")
    params: dict[str, Parameter] = Field(default_factory=dict)
    search: dict[str, tuple[Parameter, ...]] = Field(default_factory=dict)
    distributed: bool = Field(default=False, exclude_if=lambda distributed: not distributed)

    @model_validator(mode="after")
    def _can_be_distributed(self) -> Self:
        if self.distributed and self.class_ not in DISTRIBUTED_CLASSES:
            allowed = " or ".join(DISTRIBUTED_CLASSES)
            raise ValueError(f"distributed: {self.class_} is fitted in one process; write class: {allowed}, or false")
        # Read by name: what is not declared is None or absent.
        unfit = [name for name in _ONLY_IN_PROCESS if getattr(self, name, None) is not None]
        tuning = getattr(self, "tuning", None)
        unfit += ["tuning.folds"] if getattr(tuning, "folds", 1) > 1 else []
        unfit += ["tuning.parallel"] if getattr(tuning, "parallel", None) == "spark" else []
        if self.distributed and unfit:
            raise ValueError(f"distributed: a fit on Spark takes no {unfit[0]}; remove {unfit[0]}, or write false")
        return self
