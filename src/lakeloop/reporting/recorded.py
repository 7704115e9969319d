"""What was recorded, as plain rows: the input of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]

MAX_TURNS = 24
"""Turns shown, the newest ones."""

MAX_WINDOWS = 4
"""Windows of drift shown, the newest ones."""

MAX_EVENTS = 24
"""Decisions and judgements shown per model, the newest ones."""


@dataclass(frozen=True)
class AboutModel:
    """What the declaration says of a model.

    Attributes:
        model: Its name.
        description: What it is for.
        loss_name: Metric that stands for its loss.
        bias_limit: Bias beyond which the policy retrains; None when it declares none.
    """

    model: str
    description: str
    loss_name: str
    bias_limit: float | None


@dataclass(frozen=True)
class Recorded:
    """Rows of the lake's own tables, cut at the report's `as_of`; instants are aware.

    Attributes:
        runs: Rows of `ops.runs` of the last turns.
        batches: Per source and `as_of`, the sums of the counts in `ops.ingested_batches`.
        refused_files: Rows of `ops.ingested_files` that were refused.
        quality: Rows of `monitoring.quality` of the last turns.
        predictions: Per model, `as_of` and purpose, the number of predictions as `rows`.
        performance: Rows of `monitoring.performance` of the last turns, over all rows (no slices).
        drift: Rows of `monitoring.drift_metrics` over all rows, at least those of the last windows of every model.
        raised_flags: Rows of `ops.flags` whose event is `raised`, of the last turns.
        open_flags: The same, whenever raised, of the flags that are still open.
        decisions: Rows of `ops.decisions`.
        promotions: Rows of `ops.promotions`.
        since: `as_of` of the first of the last turns; None when the rows reach back to the beginning.
    """

    runs: Sequence[Row] = ()
    batches: Sequence[Row] = ()
    refused_files: Sequence[Row] = ()
    quality: Sequence[Row] = ()
    predictions: Sequence[Row] = ()
    performance: Sequence[Row] = ()
    drift: Sequence[Row] = ()
    raised_flags: Sequence[Row] = ()
    open_flags: Sequence[Row] = ()
    decisions: Sequence[Row] = ()
    promotions: Sequence[Row] = ()
    since: datetime | None = None

    def of_model(self, model: str) -> Recorded:
        """Keep the rows of one model; what belongs to no model stays.

        >>> rows = [{"model": "late_arrival"}, {"model": "arrival_delay"}]
        >>> Recorded(decisions=rows).of_model("late_arrival").decisions
        ({'model': 'late_arrival'},)
        """

        def kept(rows: Sequence[Row]) -> tuple[Row, ...]:
            return tuple(row for row in rows if row["model"] == model)

        return Recorded(
            runs=self.runs,
            batches=self.batches,
            refused_files=self.refused_files,
            quality=self.quality,
            predictions=kept(self.predictions),
            performance=kept(self.performance),
            drift=kept(self.drift),
            raised_flags=kept(self.raised_flags),
            open_flags=kept(self.open_flags),
            decisions=kept(self.decisions),
            promotions=kept(self.promotions),
            since=self.since,
        )
