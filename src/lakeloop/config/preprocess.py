"""`preprocess:` of a model: what is fitted to its columns before the estimator."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from lakeloop.config.section import Section


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
