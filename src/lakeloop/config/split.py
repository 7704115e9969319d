"""`split:` of a model: the parts of a training set, in the order of time."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, SerializerFunctionWrapHandler, Tag, model_serializer, model_validator

from lakeloop.config.section import Duration, Number, Section, Whole


class SampleRows(Section):
    """A sample of about so many training rows, however many there come to be.

    Attributes:
        rows: Training rows wanted; all are taken where there are no more.
    """

    rows: Whole = Field(ge=1)


def _kind_of_sample(value: Any) -> str:
    return "count" if isinstance(value, dict | SampleRows) else "fraction"


DeclaredSample = Annotated[
    Annotated[Number, Field(gt=0, le=1), Tag("fraction")] | Annotated[SampleRows, Tag("count")],
    Discriminator(_kind_of_sample),
]
"""A share of the training rows, or about how many."""


class Split(Section):
    """Time-ordered split, in whole periods (days): train | gap | validation | gap | calibration | gap | holdout.

    Attributes:
        train: `all past`, or the length of the training stretch.
        validation: Length of the stretch that chooses among candidates, and that tells when to stop early.
        calibration: Length of the stretch by which `estimator.calibrate` corrects the chosen one's probabilities; none
            without it.
        holdout: Length of the stretch that only the gate sees.
        gap: Length left unused between the stretches.
        sample: Share of the training rows that is trained on, above 0 and up to 1; or `{rows: 1000000}`. Chosen by the
            project's seed and each row's id; validation and holdout stay whole. All rows without it.
        refit: Whether what was chosen is fitted again through the holdout before it serves; the gate judges it before.
    """

    train: Literal["all past"] | Duration = "all past"
    validation: Duration
    calibration: Duration | None = None
    holdout: Duration
    gap: Duration = timedelta(days=1)
    # Not declared, it is no part of a fingerprint: versions fitted before the key was known keep theirs.
    sample: DeclaredSample | None = Field(default=None, exclude_if=lambda sample: sample is None)
    refit: bool = False

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        for name in ("train", "validation", "calibration", "holdout", "gap"):
            value = getattr(self, name)
            if isinstance(value, timedelta) and value % timedelta(days=1):
                raise ValueError(f"{name}: not whole days; write whole days, as in '7 days'")
        return self

    @model_serializer(mode="wrap")
    def _declared(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not declared: a set pinned before the key was known has the same fingerprint."""
        written = handler(self).items()
        return {name: value for name, value in written if value is not None and (name != "refit" or value)}

    @property
    def held_out(self) -> timedelta:
        """Length of all that comes after the training stretch, gaps included.

        >>> days = {"validation": "14 days", "holdout": "28 days", "gap": "1 day"}
        >>> Split.model_validate(days).held_out.days
        44
        >>> Split.model_validate(days | {"calibration": "7 days"}).held_out.days
        52
        """
        parts = [part for part in (self.validation, self.calibration, self.holdout) if part is not None]
        return sum((part + self.gap for part in parts), timedelta())
