"""`conf/base/models/*.yml`: what is predicted, from what, how it is judged and when it is trained again."""

from __future__ import annotations

from typing import Self

from pydantic import Field, ValidationError, model_validator

from lakeloop.config.audit import Audit
from lakeloop.config.decide import WINDOW_METRICS, Decide, RecalibrationMethod
from lakeloop.config.estimator import Estimator
from lakeloop.config.gate import Gate
from lakeloop.config.label import Label
from lakeloop.config.metric import COMPARED, METRICS_OF, Metric, Task
from lakeloop.config.monitor import Monitor
from lakeloop.config.predict import Predict
from lakeloop.config.preprocess import Preprocess
from lakeloop.config.score import Score
from lakeloop.config.section import Name, Section, Words
from lakeloop.config.split import Split


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
        score: How its rows are scored.
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
    score: Score = Field(default=Score(), exclude=True)

    @model_validator(mode="after")
    def _metric_fits_task(self) -> Self:
        fitting = METRICS_OF[self.task]
        named: dict[str, Metric] = {"gate.metric": self.gate.metric}
        named |= {f"gate.absolute.{metric}": metric for metric in self.gate.absolute}
        named |= {f"gate.too_good.{metric}": metric for metric in self.gate.too_good}
        for column, rule in self.gate.slices.items():
            named |= {f"gate.slices.{column}.absolute.{metric}": metric for metric in rule.absolute}
        for where, metric in named.items():
            if metric not in fitting:
                allowed = ", ".join(m for m in fitting if m in COMPARED or where != "gate.metric")
                raise ValueError(f"{where}: metric {metric} does not fit the task {self.task}; write one of {allowed}")
        if self.gate.calibration is not None and self.task is Task.REGRESSION:
            raise ValueError("gate.calibration: a regression has no probabilities; remove it, or correct the task")
        return self

    @model_validator(mode="after")
    def _classes_fit_task(self) -> Self:
        if self.label.within is not None:  # yes or no, which is told with the other mistakes of such a label
            return self
        if self.task is Task.MULTICLASS and not self.label.classes:
            missing = {"type": "missing", "loc": ("label", "classes"), "input": None}
            raise ValidationError.from_exception_data("", [missing])  # type: ignore[list-item]  # a literal of its keys
        if self.task is not Task.MULTICLASS and self.label.classes:
            raise ValueError(f"label.classes: the task {self.task} has none; write task: multiclass, or remove them")
        return self

    @model_validator(mode="after")
    def _recalibration_fits_task(self) -> Self:
        if self.task is Task.MULTICLASS and "recalibrate" in self.decide.model_fields_set:
            raise ValueError(
                "decide.recalibrate: served scores of several classes are not corrected; write estimator.calibrate,"
                " which corrects them in training, instead of it"
            )
        if self.task is Task.REGRESSION and self.decide.recalibrate.by is RecalibrationMethod.PLATT:
            raise ValueError("decide.recalibrate.by: platt stretches log-odds; write intercept for a regression")
        return self

    @model_validator(mode="after")
    def _answers_fit_task(self) -> Self:
        asked, measured = self.decide.when.metric_drop, WINDOW_METRICS[self.task]
        for metric in asked:
            if metric not in measured:
                allowed = ", ".join(measured)
                raise ValueError(
                    f"decide.when.metric_drop.{metric}: no window of the task {self.task} is measured by it; write one"
                    f" of {allowed}"
                )
        first = self.decide.escalate.first if "first" in self.decide.escalate.model_fields_set else None
        recalibrates = any(rule.do == "recalibrate" for rule in self.decide.rules)
        if self.task is Task.MULTICLASS and (recalibrates or first == "recalibrate"):
            where = "rules" if recalibrates else "escalate.first"
            raise ValueError(f"decide.{where}: a model of several classes is not recalibrated; write retrain")
        if self.decide.rules and first is not None:
            raise ValueError("decide.escalate.first: rules say what is done; write the conditions bias and bias_again")
        return self

    @model_validator(mode="after")
    def _refit_fits(self) -> Self:
        if self.split.refit and self.estimator.calibrate is not None:
            raise ValueError("split.refit: leaves no rows to calibrate on; write false, or remove estimator.calibrate")
        if self.split.refit and self.estimator.distributed:
            raise ValueError("split.refit: a fit on Spark is of the training part; write false")
        return self

    @model_validator(mode="after")
    def _holdout_is_long_enough(self) -> Self:
        days = self.split.holdout.days
        least = {"gate.min_blocks": self.gate.min_blocks}
        least |= {
            f"gate.slices.{column}.min_blocks": rule.min_blocks
            for column, rule in self.gate.slices.items()
            if rule.min_blocks is not None
        }
        for where, blocks in least.items():
            most = days // self.gate.block_days
            if blocks > most:
                unit = "days" if self.gate.block_days == 1 else "blocks"
                raise ValueError(f"{where}: so many {unit} are never reached; write at most {most}, as the holdout has")
        return self
