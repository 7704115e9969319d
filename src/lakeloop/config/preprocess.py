"""`preprocess:` of a model: what is fitted to its columns before the estimator."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, SerializerFunctionWrapHandler, Tag, model_serializer, model_validator

from lakeloop.config.section import Number, Section, Text, Whole


class Step(StrEnum):
    """Fitted preprocessing steps available by name."""

    IMPUTE_MEAN = "impute_mean"
    IMPUTE_MEDIAN = "impute_median"
    IMPUTE_MODE = "impute_mode"
    IMPUTE_CONSTANT = "impute_constant"
    CLIP_OUTLIERS = "clip_outliers"
    BIN = "bin"
    LOG = "log"
    ONE_HOT = "one_hot"
    ORDINAL = "ordinal"
    SCALE = "scale"
    PASS = "pass"  # noqa: S105 - leave as it is


OF_NUMBERS = frozenset(
    {Step.IMPUTE_MEAN, Step.IMPUTE_MEDIAN, Step.CLIP_OUTLIERS, Step.BIN, Step.LOG, Step.SCALE},
)
"""Steps that take numbers only."""

ENCODES = frozenset({Step.ONE_HOT, Step.ORDINAL})
"""Steps that turn categories into numbers."""

IMPUTES = frozenset({Step.IMPUTE_MEAN, Step.IMPUTE_MEDIAN, Step.IMPUTE_MODE, Step.IMPUTE_CONSTANT})
"""Steps that fill what is missing."""


class Kind(StrEnum):
    """Kinds of columns: numbers (truth values and instants too), and texts."""

    NUMBER = "number"
    CATEGORY = "category"


class Impute(Section):
    """How missing values are filled.

    Attributes:
        indicator: Whether a column is added that tells where a value was missing, for columns in which training rows
            lack values.
    """

    indicator: bool = False


class ImputeConstant(Impute):
    """How missing values are filled by one of your own.

    Attributes:
        value: What is put in: a number, or a text for columns of text.
        indicator: As of the other imputing steps.
    """

    value: Number | Text


class ClipOutliers(Section):
    """To which bounds values are pulled in.

    Attributes:
        by: `quantile`; or `iqr`: the quartiles, widened by `factor` times their distance. A column whose quartiles are
            equal has no such bounds, and is left as it is.
        lower: Lower quantile.
        upper: Upper quantile.
        factor: Of the distance of the quartiles.
    """

    by: Literal["quantile", "iqr"] = "quantile"
    lower: Number = Field(default=0.005, ge=0, le=1)
    upper: Number = Field(default=0.995, ge=0, le=1)
    factor: Number = Field(default=1.5, gt=0)

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        for name in {"lower", "upper", "factor"} & self.model_fields_set:
            other = "iqr" if name == "factor" else "quantile"
            if self.by != other:
                raise ValueError(f"{name}: is of by: {other}; write by: {other}, or leave {name} out")
        if not self.lower < self.upper:
            raise ValueError(f"lower: {self.lower} is not below upper {self.upper}; write a lower quantile below it")
        return self


class Bin(Section):
    """How numbers are put into bins.

    Attributes:
        by: `quantile`: bins hold about equally many training rows; `uniform`: bins are equally wide.
        bins: Most bins; equal quantiles make fewer.
    """

    by: Literal["quantile", "uniform"] = "quantile"
    bins: Whole = Field(default=10, ge=2, le=255)


class OneHot(Section):
    """How categories become columns of 0 and 1; missing is a category.

    Attributes:
        min_fraction: Share of the training rows below which categories are rare: they share a column.
        max_categories: Most columns, that of the rare ones included; none is without a limit.
        unseen: What a category is that no training row has: among the rare ones (0 in every column where there are
            none), 0 in every column, or an error.
        max_allowed: Categories of a column in the training rows, beyond which it is refused.
    """

    min_fraction: Number = Field(default=0.01, ge=0, lt=1)
    max_categories: Whole | None = Field(default=None, ge=2)
    unseen: Literal["infrequent", "ignore", "error"] = "infrequent"
    max_allowed: Whole = Field(default=1000, ge=1)


class Ordinal(Section):
    """How categories become numbers: 0, 1, 2 and so on.

    Attributes:
        min_fraction: Share of the training rows below which categories are rare.
        order: Categories in their order, for columns that have one; the others are unseen. Without it they are in
            alphabetical order.
        rare: Number of all rare categories.
        unseen: Number of a category that no training row has.
        missing: Number of what is missing; without it, missing stays missing.
        max_allowed: Categories of a column in the training rows, beyond which it is refused.
    """

    min_fraction: Number = Field(default=0.01, ge=0, lt=1)
    order: tuple[Text, ...] = ()
    rare: Whole = Field(default=-1, lt=0)
    unseen: Whole = Field(default=-1, lt=0)
    missing: Whole | None = Field(default=None, lt=0)
    max_allowed: Whole = Field(default=1000, ge=1)

    @model_validator(mode="after")
    def _order_has_no_rare(self) -> Self:
        for name in sorted({"min_fraction", "rare"} & self.model_fields_set) if self.order else ():
            raise ValueError(f"{name}: is of categories without an order; write order or {name}")
        return self


Options = Impute | ImputeConstant | ClipOutliers | Bin | OneHot | Ordinal
"""Options of a step that has any."""


class _Sparse(Section):
    """A section whose fingerprint holds what is declared only, so that a key it gains later changes none."""

    @model_serializer(mode="wrap")
    def _declared(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class StepOptions(_Sparse):
    """A step with options: one of these keys.

    Attributes:
        impute_mean: Fill with the mean of the training rows.
        impute_median: Fill with their median.
        impute_mode: Fill with their most frequent value.
        impute_constant: Fill with a value of your own.
        clip_outliers: Pull outliers in.
        bin: Replace a number by the rank of its bin.
        one_hot: A column of 0 and 1 per category.
        ordinal: A number per category.
    """

    impute_mean: Impute | None = None
    impute_median: Impute | None = None
    impute_mode: Impute | None = None
    impute_constant: ImputeConstant | None = None
    clip_outliers: ClipOutliers | None = None
    bin: Bin | None = None
    one_hot: OneHot | None = None
    ordinal: Ordinal | None = None

    @model_validator(mode="after")
    def _one_step(self) -> Self:
        if len(self._given()) != 1:
            raise ValueError("one step with its options, as in {clip_outliers: {by: iqr}}")
        return self

    def _given(self) -> dict[str, Options]:
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def step(self) -> Step:
        """The step."""
        return Step(next(iter(self._given())))

    @property
    def options(self) -> Options:
        """Its options."""
        return next(iter(self._given().values()))


def _tag(value: Any) -> str:
    return "options" if isinstance(value, dict | StepOptions) else "name"


DeclaredStep = Annotated[
    Annotated[Step, Tag("name")] | Annotated[StepOptions, Tag("options")],
    Discriminator(_tag),
]
"""A step: its name, or its name with options."""

_DEFAULTS: dict[Step, Options] = {
    Step.IMPUTE_MEAN: Impute(),
    Step.IMPUTE_MEDIAN: Impute(),
    Step.IMPUTE_MODE: Impute(),
    Step.CLIP_OUTLIERS: ClipOutliers(),
    Step.BIN: Bin(),
    Step.ONE_HOT: OneHot(),
    Step.ORDINAL: Ordinal(),
}


def options_of(declared: Step | StepOptions) -> tuple[Step, Options | None]:
    """Give the name of a step and its options.

    Args:
        declared: The step as it is declared.

    Returns:
        Its name; its options with every default, None where it takes none.

    >>> step, options = options_of(StepOptions(clip_outliers=ClipOutliers(by="iqr")))
    >>> step.value, options.factor
    ('clip_outliers', 1.5)
    >>> options_of(Step.BIN)[1].bins, options_of(Step.LOG)[1]
    (10, None)
    """
    if isinstance(declared, StepOptions):
        return declared.step, declared.options
    return declared, _DEFAULTS.get(declared)


class Preprocess(_Sparse):
    """Fitted steps for a group of columns; each model column belongs to the first group that names it.

    Attributes:
        columns: Model columns, or patterns: `weather.*`, `*`. A group has these or a `type`.
        type: All columns of a kind that no group above took: `number` (truth values and instants too) or `category`.
        steps: Steps, in order; a step with options is one key with a section, `{bin: {bins: 5}}`.
    """

    columns: tuple[str, ...] | None = Field(default=None, min_length=1)
    type: Kind | None = None
    steps: tuple[DeclaredStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_way_to_name_columns(self) -> Self:
        if (self.columns is None) == (self.type is None):
            raise ValueError("a group of columns is named in one way; write columns or type")
        return self

    @model_validator(mode="after")
    def _constant_has_a_value(self) -> Self:
        for index, step in enumerate(self.steps):
            if step is Step.IMPUTE_CONSTANT:
                raise ValueError(f"steps[{index}]: without a value; write {{impute_constant: {{value: 0}}}}")
        return self

    @property
    def names(self) -> tuple[Step, ...]:
        """Names of the steps, in order."""
        return tuple(options_of(step)[0] for step in self.steps)

    @property
    def patterns(self) -> tuple[str, ...]:
        """Columns and patterns; none of a group by type."""
        return self.columns or ()
