"""`estimator:` of a model: what is fitted, and what is searched over."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, SerializerFunctionWrapHandler, Tag, model_serializer, model_validator

from lakeloop.config.section import Duration, Name, Number, Section, Text, Whole
from lakeloop.config.tuning import Distribution, Parallel, Tuning

DISTRIBUTED_CLASSES = ("xgboost.XGBClassifier", "xgboost.XGBRegressor")
"""Classes that have a twin which fits on Spark and gives the same model."""

_ONLY_IN_PROCESS = ("class_weight", "weight", "early_stopping")
"""Keys that a fit on Spark knows nothing of."""

Parameter = bool | int | float | str | None


def _kind_of_values(value: Any) -> str:
    return "distribution" if isinstance(value, dict | Distribution) else "values"


Values = Annotated[
    Annotated[tuple[Parameter, ...], Tag("values")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_kind_of_values),
]
"""What a search tries for a parameter: a list, or a range to draw from."""


class ClassWeights(Section):
    """What a row of each class counts.

    Attributes:
        true: Weight of rows whose label is true.
        false: Weight of rows whose label is false.
    """

    true: Number = Field(default=1.0, gt=0)
    false: Number = Field(default=1.0, gt=0)


class RowWeight(Section):
    """What a row counts, beside its class. Given both, the two are multiplied.

    Attributes:
        column: Known column, on-demand column or feature that holds the weight, at least 0 and never missing. It is no
            feature, unless a group of `preprocess` names it in full.
        half_life: Age, from the newest training row's `prediction_ts`, at which a row counts half.
    """

    column: Text | None = None
    half_life: Duration | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.column is None and self.half_life is None:
            raise ValueError("a weight is of something; write column, half_life or both")
        return self

    @property
    def model_column(self) -> str | None:
        """The column as training sets name it.

        >>> RowWeight(column="fares.last_fare").model_column
        'fares__last_fare'
        """
        return None if self.column is None else self.column.replace(".", "__", 1)


class EarlyStopping(Section):
    """When boosting ends before its last round.

    Attributes:
        rounds: Rounds without a better loss on the validation part after which it ends.
    """

    rounds: Whole = Field(ge=1)


class Calibration(StrEnum):
    """How probabilities are corrected."""

    SIGMOID = "sigmoid"
    ISOTONIC = "isotonic"


class Estimator(Section):
    """What is fitted.

    Attributes:
        class_: Import path of a class with scikit-learn's interface: of scikit-learn, LightGBM or XGBoost. What another
            package's or your own class holds may not be in a stored model, unless `registry.allow_pickle` is set.
        params: Its fixed parameters.
        search: Parameter -> values to try, or a range to draw from (`{low: 0.01, high: 0.3, log: true}`).
        class_weight: `balanced`: every class counts the same in all; or, of two classes, the weight of each. It is part
            of the rows' weights, so it works with every estimator that takes these.
        weight: What a row counts: a column that holds it, or a section.
        early_stopping: End boosting when the loss on the validation part no longer falls.
        calibrate: Correct the probabilities of the chosen candidate on `split.calibration`: `sigmoid` (two numbers are
            fitted), or `isotonic` (a step function; it needs more rows).
        distributed: Fit on Spark, where the training rows are; for xgboost.XGBClassifier and xgboost.XGBRegressor.
        feature_sets: Name -> model columns, or patterns; the search tries each. Without any every column is used.
        tuning: How the search is done.
    """

    class_: str = Field(alias="class", pattern=r"^[A-Za-z_][\w]*(\.[A-Za-z_]\w*)+$")
    params: dict[str, Parameter] = Field(default_factory=dict)
    search: dict[str, Values] = Field(default_factory=dict)
    class_weight: Literal["balanced"] | ClassWeights | None = None
    weight: Text | RowWeight | None = None
    early_stopping: EarlyStopping | None = None
    calibrate: Calibration | None = None
    distributed: bool = Field(default=False, exclude_if=lambda distributed: not distributed)
    feature_sets: dict[Name, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(default_factory=dict)
    tuning: Tuning = Tuning()

    @model_validator(mode="after")
    def _can_be_distributed(self) -> Self:
        if self.distributed and self.class_ not in DISTRIBUTED_CLASSES:
            allowed = " or ".join(DISTRIBUTED_CLASSES)
            raise ValueError(f"distributed: {self.class_} is fitted in one process; write class: {allowed}, or false")
        unfit = [name for name in _ONLY_IN_PROCESS if getattr(self, name) is not None]
        unfit += ["tuning.folds"] if self.tuning.folds > 1 else []
        unfit += ["tuning.parallel"] if self.tuning.parallel is Parallel.SPARK else []
        if self.distributed and unfit:
            raise ValueError(f"distributed: a fit on Spark takes no {unfit[0]}; remove {unfit[0]}, or write false")
        return self

    @property
    def row_weight(self) -> RowWeight | None:
        """What a row counts, as a section.

        >>> Estimator.model_validate({"class": "a.B", "weight": "fare"}).row_weight.column
        'fare'
        """
        return RowWeight(column=self.weight) if isinstance(self.weight, str) else self.weight

    @property
    def is_weighted(self) -> bool:
        """Whether the fit is given weights."""
        return self.class_weight is not None or self.weight is not None

    @model_serializer(mode="wrap")
    def _declared(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not declared: a version fitted before a key was known has the same fingerprint."""
        unused = {"feature_sets"} if not self.feature_sets else set()
        unused |= {"tuning"} if self.tuning == Tuning() else set()
        return {name: value for name, value in handler(self).items() if value is not None and name not in unused}
