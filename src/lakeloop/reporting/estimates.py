"""What the performance is expected to be until labels are known: for the eye, beside what was realised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lakeloop.reporting.recorded import Row
from lakeloop.reporting.windows import WindowPerformance
from lakeloop.statuses import EstimateStatus


@dataclass(frozen=True)
class EstimatedWindow:
    """What was expected of one window, at its newest evaluation.

    Attributes:
        version: Model version.
        start: First instant of the window.
        end: First instant after it.
        status: ESTIMATED, or why there is no estimate.
        loss: The expected loss; None when there is none.
        rows: Scored rows.
        rows_open: Those of days that were not closed yet.
    """

    version: str | None
    start: datetime
    end: datetime
    status: str
    loss: float | None
    rows: int
    rows_open: int


@dataclass(frozen=True)
class Estimates:
    """Estimates of the last windows, and how far they were from what was realised later.

    Attributes:
        windows: Oldest first.
        compared: Windows that have both.
        off_by: Mean absolute difference in them; None without any.
    """

    windows: tuple[EstimatedWindow, ...] = ()
    compared: int = 0
    off_by: float | None = None

    @property
    def is_shown(self) -> bool:
        """Whether anything was estimated."""
        return any(window.loss is not None for window in self.windows)


def read_estimates(rows: Iterable[Row], realised: Sequence[WindowPerformance], loss_name: str) -> Estimates:
    """Gather the newest estimate of each window and version.

    Args:
        rows: Rows of `monitoring.estimated_performance` of one model.
        realised: Realised performance per window.
        loss_name: Metric that stands for the loss.

    Returns:
        The estimates, and how well they told what was realised.

    >>> from datetime import UTC
    >>> window = {"start": datetime(2013, 4, 1, tzinfo=UTC), "end": datetime(2013, 4, 8, tzinfo=UTC)}
    >>> row = {"as_of": window["end"], "model_version": "1", "window": window, "metric": "log_loss", "value": 0.4,
    ...        "rows": 900, "rows_open": 900, "status": "ESTIMATED"}
    >>> found = read_estimates([row], [judged], "log_loss")
    >>> found.windows[0].loss, found.compared, round(found.off_by, 3)
    (0.4, 1, 0.025)
    """
    newest: dict[tuple[datetime, datetime, str], Row] = {}
    for row in sorted(rows, key=lambda each: each["as_of"]):
        key = (row["window"]["end"], row["window"]["start"], row["model_version"] or "")
        known = newest.get(key)
        if row["metric"] == loss_name or known is None or known["as_of"] < row["as_of"]:
            newest[key] = row
    windows = tuple(
        EstimatedWindow(
            version=row["model_version"],
            start=row["window"]["start"],
            end=row["window"]["end"],
            status=row["status"],
            loss=row["value"] if row["metric"] == loss_name and row["status"] == EstimateStatus.ESTIMATED else None,
            rows=row["rows"],
            rows_open=row["rows_open"],
        )
        for _, row in sorted(newest.items())
    )
    known_losses = {(each.end, each.start, each.version): each.loss for each in realised if each.loss is not None}
    pairs = [
        (each.loss, known_losses[each.end, each.start, each.version])
        for each in windows
        if each.loss is not None and (each.end, each.start, each.version) in known_losses
    ]
    off = [abs(expected - found) for expected, found in pairs]
    return Estimates(windows, len(off), sum(off) / len(off) if off else None)


def say_estimates(estimates: Estimates, words: str) -> str:
    """Say what is expected of the newest window, and how far estimates were off before.

    Args:
        estimates: The estimates.
        words: The loss in words.

    Returns:
        Two or three sentences; nothing where nothing was estimated.

    >>> from datetime import UTC
    >>> from textwrap import fill
    >>> april, may = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)
    >>> window = EstimatedWindow("1", april, may, "ESTIMATED", 0.4, 900, 900)
    >>> print(fill(say_estimates(Estimates((window,), 1, 0.025), "log loss"), 100))
    Estimate, not a measurement: from the scores alone, the log loss of the newest window (to
    2013-04-08) is expected to be 0.4. In 1 window where the labels are known by now estimates were off
    by 0.025 on average. No decision looks at it.
    """
    last = next((each for each in reversed(estimates.windows) if each.loss is not None), None)
    if last is None:
        return ""
    said = (
        f"Estimate, not a measurement: from the scores alone, the {words} of the newest window "
        f"(to {last.end:%Y-%m-%d}) is expected to be {last.loss:.4g}."
    )
    if estimates.off_by is not None:
        windows = "1 window" if estimates.compared == 1 else f"{estimates.compared} windows"
        said += f" In {windows} where the labels are known by now estimates were off by {estimates.off_by:.3g}"
        said += " on average."
    return f"{said} No decision looks at it."
