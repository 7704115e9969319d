"""Realised performance over a window and over a turn, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class WindowPerformance:
    """Realised performance over one window of closed days, at one evaluation.

    Attributes:
        as_of: Evaluation it comes from.
        version: Model version.
        start: First instant of the window.
        end: First instant after it.
        status: OK, or why it could not be judged.
        loss: Log loss in nats, or mean absolute error in the label's unit; like all figures None unless judged.
        baseline: The same of the constant reference.
        auc: Area under the ROC curve; None for a regression.
        bias: Mean score minus mean outcome.
        bias_lower: Lower end of its interval.
        bias_upper: Upper end.
        rows: Rows with a label.
        rows_void: Closed rows without a label.
        closed_days: Closed days.
        mean_score: Mean prediction.
        mean_outcome: Mean outcome.
        skill_lower: Lower end of the interval of the skill.
        skill_upper: Upper end.
    """

    as_of: datetime
    version: str | None
    start: datetime
    end: datetime
    status: str
    loss: float | None
    baseline: float | None
    auc: float | None
    bias: float | None
    bias_lower: float | None
    bias_upper: float | None
    rows: int
    rows_void: int
    closed_days: int
    mean_score: float | None = None
    mean_outcome: float | None = None
    skill_lower: float | None = None
    skill_upper: float | None = None

    @property
    def skill(self) -> float | None:
        """Share of the baseline's loss that the model avoids: 1 - loss / baseline."""
        return skill_of(self.loss, self.baseline)

    @property
    def loss_interval(self) -> tuple[float, float] | None:
        """The interval of the skill as losses, from the lower to the greater one; None where it is not known."""
        if self.baseline is None or self.skill_lower is None or self.skill_upper is None:
            return None
        return self.baseline * (1 - self.skill_upper), self.baseline * (1 - self.skill_lower)


@dataclass(frozen=True)
class Realised:
    """Realised performance of a turn: its judged windows that do not overlap, weighted by rows.

    Attributes:
        loss: As of a window.
        baseline: As of a window.
        auc: Mean of the windows' areas, weighted by rows.
        bias: As of a window.
        rows: Rows with a label in those windows.
        judged: Windows that went in.
        unjudged: Why the others could not be judged, `2 NOT_MATURED`.
    """

    loss: float | None = None
    baseline: float | None = None
    auc: float | None = None
    bias: float | None = None
    rows: int = 0
    judged: int = 0
    unjudged: tuple[str, ...] = ()

    @property
    def skill(self) -> float | None:
        """Share of the baseline's loss that the model avoids: 1 - loss / baseline."""
        return skill_of(self.loss, self.baseline)


def skill_of(loss: float | None, baseline: float | None) -> float | None:
    """Measure the share of the baseline's loss that a model avoids.

    Args:
        loss: Mean loss of the model, >= 0.
        baseline: Mean loss of the constant reference, same unit.

    Returns:
        1 - loss / baseline; None when one is missing or the baseline is not above 0.

    >>> skill_of(0.375, 0.5), skill_of(0.375, None)
    (0.25, None)
    """
    if loss is None or baseline is None or not baseline > 0:
        return None
    return 1 - loss / baseline
