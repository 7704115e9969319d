"""What was recorded, as plain rows: the input of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]

MAX_TURNS = 24
"""Turns shown, the newest ones."""

MAX_WINDOWS = 4
"""Windows of drift shown with their figures, the newest ones."""

MAX_STRIP_WINDOWS = 12
"""Windows of drift shown at a glance."""

MAX_EVENTS = 24
"""Decisions and judgements shown per model, the newest ones."""


_OF_MODEL = (
    *("predictions", "performance", "drift", "drift_counts", "raised_flags", "open_flags", "decisions", "promotions"),
    *("consistency", "slices", "slice_drift", "estimates"),
)
"""What is recorded of models, one by one."""


@dataclass(frozen=True)
class AboutModel:
    """What the declaration says of a model.

    Attributes:
        model: Its name.
        description: What it is for.
        loss_name: Metric that stands for its loss.
        bias_limit: Bias beyond which the policy acts; None when it declares none.
        label: What is predicted, as declared.
        hidden: Columns and slicings that say something of a person.
        classes: Declared classes of the label, where there are several.
        importances: Column -> its share of the champion's importance; empty where that is not known.
        bins: Column of the answers -> names of its bins, where they are known.
    """

    model: str
    description: str
    loss_name: str
    bias_limit: float | None
    label: str = ""
    hidden: frozenset[str] = frozenset()
    classes: tuple[str, ...] = ()
    importances: Mapping[str, float] = field(default_factory=dict)
    bins: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """Rows of the lake's own tables, cut at the report's `as_of`; instants are aware.

    Attributes:
        runs: Rows of `ops.runs` of the last turns.
        batches: Per source and `as_of`, the sums of the counts in `ops.ingested_batches`.
        refused_files: Rows of `ops.ingested_files` that were refused.
        quality: Rows of `monitoring.quality` of the last turns.
        predictions: Per model, `as_of` and purpose, the number of predictions as `rows`.
        reasons: Per source, `as_of`, rule and column, the rows in quarantine that broke the rule, of the last turns.
        performance: Rows of `monitoring.performance` of the last turns: over all rows, and of stretches of the score.
        drift: Rows of `monitoring.drift_metrics` over all rows, at least those of the last windows of every model.
        drift_counts: Per model, `as_of` and version, the features compared (`columns`), and of them those that drifted
            (`drifted`) or could not be judged (`unjudged`) in a window of that turn.
        raised_flags: Rows of `ops.flags` whose event is `raised`, of the last turns.
        open_flags: The same, whenever raised, of the flags that are still open.
        decisions: Rows of `ops.decisions`.
        promotions: Rows of `ops.promotions`.
        consistency: Rows of `monitoring.consistency`, at least those of the last audit of every model.
        slices: Rows of `monitoring.performance` of slices, at least those of every model's newest window.
        slice_drift: Rows of `monitoring.drift_metrics` of slices, of the newest window those that moved most.
        estimates: Rows of `monitoring.estimated_performance` of the last turns.
        notifications: Rows of `ops.notifications` that tell what became of each message last.
        since: `as_of` of the first of the last turns; None when the rows reach back to the beginning.
    """

    runs: Sequence[Row] = ()
    batches: Sequence[Row] = ()
    refused_files: Sequence[Row] = ()
    quality: Sequence[Row] = ()
    reasons: Sequence[Row] = ()
    predictions: Sequence[Row] = ()
    performance: Sequence[Row] = ()
    drift: Sequence[Row] = ()
    drift_counts: Sequence[Row] = ()
    raised_flags: Sequence[Row] = ()
    open_flags: Sequence[Row] = ()
    decisions: Sequence[Row] = ()
    promotions: Sequence[Row] = ()
    consistency: Sequence[Row] = ()
    slices: Sequence[Row] = ()
    slice_drift: Sequence[Row] = ()
    estimates: Sequence[Row] = ()
    notifications: Sequence[Row] = ()
    since: datetime | None = None

    def of_model(self, model: str) -> Recorded:
        """Keep the rows of one model; what belongs to no model stays.

        Args:
            model: Its name.

        Returns:
            The rows that are its own, and those of runs and sources.

        >>> rows = [{"model": "late_arrival"}, {"model": "arrival_delay"}]
        >>> Recorded(decisions=rows).of_model("late_arrival").decisions
        ({'model': 'late_arrival'},)
        """

        def kept(rows: Sequence[Row]) -> tuple[Row, ...]:
            return tuple(row for row in rows if row["model"] == model)

        own: dict[str, Any] = {name: kept(getattr(self, name)) for name in _OF_MODEL}
        return replace(self, **own)


def keep_last_attempts(rows: Sequence[Row], subject: str) -> list[Row]:
    """Keep what a turn said last of each subject: a quality gate that failed may be asked again.

    Args:
        rows: Rows with `as_of` and `attempt`.
        subject: Column that names what they speak of.

    Returns:
        The rows of the greatest attempt per subject and `as_of`, in their order.

    >>> may = datetime(2013, 5, 1)
    >>> failed = {"source": "weather", "as_of": may, "attempt": 1, "passed": False}
    >>> passed = {"source": "weather", "as_of": may, "attempt": 2, "passed": True}
    >>> [row["passed"] for row in keep_last_attempts([passed, failed], "source")]
    [True]
    """
    last: dict[tuple[Any, datetime], int] = {}
    for row in rows:
        key = (row[subject], row["as_of"])
        last[key] = max(row["attempt"], last.get(key, 0))
    return [row for row in rows if row["attempt"] == last[row[subject], row["as_of"]]]
