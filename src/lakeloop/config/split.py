"""`split:` of a model: the parts of a training set, in the order of time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from lakeloop.config.section import Duration, Section


class Split(Section):
    """Time-ordered split: train | gap | validation | gap | holdout, in whole periods (days).

    Attributes:
        train: `all past`, or the length of the training stretch.
        validation: Length of the stretch that chooses among candidates.
        holdout: Length of the stretch that only the gate sees.
        gap: Length left unused between the stretches.
        refit: Whether what was chosen is fitted again through the holdout before it serves; the gate judges it before.
    """

    train: Literal["all past"] | Duration = "all past"
    validation: Duration
    holdout: Duration
    gap: Duration = timedelta(days=1)
    refit: bool = False

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        for name in ("train", "validation", "holdout", "gap"):
            value = getattr(self, name)
            if isinstance(value, timedelta) and value % timedelta(days=1):
                raise ValueError(f"{name}: not whole days; write whole days, as in '7 days'")
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not declared: what was made before the key was known has the same fingerprint."""
        return {key: value for key, value in write(self).items() if key != "refit" or value}
