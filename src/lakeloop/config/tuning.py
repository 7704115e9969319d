"""How a search is done: which combinations are tried, on which cuts, and where."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from lakeloop.config.section import Duration, Number, Section, Whole

MAX_FOLDS = 12
"""Most cuts of a cross-validation: each is a fit of every trial."""

MAX_TRIALS = 1000
"""Most trials of a search."""


def _as_bound(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("that is no number; write a number")  # noqa: TRY004 - pydantic turns it into a mistake
    return value


Bound = Annotated[int | float, BeforeValidator(_as_bound)]
"""An end of a distribution: whole numbers stay whole."""


class Distribution(Section):
    """A range of numbers that a search draws from.

    Attributes:
        low: Least value. Where both ends are whole numbers (`1`, not `1.0`), whole numbers are drawn.
        high: Greatest value.
        log: Whether a step is a factor: for what spans orders of magnitude.
    """

    low: Bound
    high: Bound
    log: bool = False

    @model_validator(mode="after")
    def _ends_in_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low: {self.low} is not below high, {self.high}; write low below high")
        if self.log and not self.low > 0:
            raise ValueError(f"low: {self.low} has no logarithm; write low above 0, or leave log out")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether whole numbers are drawn.

        >>> [Distribution.model_validate({"low": low, "high": 64}).is_whole for low in (8, 8.0)]
        [True, False]
        """
        return isinstance(self.low, int) and isinstance(self.high, int)


class Tuner(StrEnum):
    """What chooses the combinations that are tried."""

    GRID = "grid"
    OPTUNA = "optuna"


class Parallel(StrEnum):
    """Where the trials of a search are fitted."""

    AUTO = "auto"
    THREADS = "threads"
    SPARK = "spark"


class Tuning(Section):
    """How a search is done.

    Attributes:
        by: `grid` tries every combination; `optuna` draws them, by what earlier ones have shown (TPE).
        trials: Most trials: each is a whole fit, `folds` times, in every turn that trains. With `grid` the most
            combinations, 4 without it; with `optuna` as many as are tried, 20 without it.
        seed: Seed of what is drawn; without it the project's.
        folds: Cuts of the rolling-origin cross-validation; with 1 a trial is judged on the validation part alone.
        batch: Trials that are handed out together. With `optuna` those of a batch do not learn from one another:
            another number draws other combinations.
        parallel: `threads` of this process, `spark`, or `auto`: on Spark where it is a cluster.
        timeout: Time after which no further trial is begun; how many there are then depends on the machine.
        max_failed: Share of the trials that may fail.
    """

    by: Tuner = Tuner.GRID
    trials: Annotated[Whole, Field(gt=0, le=MAX_TRIALS)] | None = None
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] | None = None
    folds: Whole = Field(default=1, gt=0, le=MAX_FOLDS)
    batch: Whole = Field(default=4, gt=0, le=MAX_TRIALS)
    parallel: Parallel = Field(default=Parallel.AUTO, exclude=True)  # where it is done changes nothing that is made
    timeout: Duration | None = None
    max_failed: Number = Field(default=0.5, ge=0, lt=1)

    @property
    def most_trials(self) -> int:
        """Most trials, the default filled in."""
        if self.trials is not None:
            return self.trials
        return 20 if self.by is Tuner.OPTUNA else 4
