"""Drift of the last windows as a table: columns down, windows across, what drifted first."""

from __future__ import annotations

from collections.abc import Iterable

from lakeloop.reporting.evidence import describe_numbers, read_object
from lakeloop.reporting.judgements import DriftCell, DriftRow, DriftTable, DriftWindow
from lakeloop.reporting.recorded import MAX_WINDOWS, Row
from lakeloop.statuses import Verdict

FEATURE = "feature"
_ROLE_ORDER = {"contract": 0, "regime": 1, "seasonal": 2}
_VERDICT_ORDER = {Verdict.DRIFT: 0, Verdict.UNKNOWN: 1, Verdict.STABLE: 2, Verdict.RECORDED: 3}


def tabulate(rows: Iterable[Row], *, features: bool, max_windows: int = MAX_WINDOWS) -> DriftTable:
    """Lay out the newest evaluation of each column over the last windows.

    Args:
        rows: Rows of `monitoring.drift_metrics` of one model; those of slices are left out.
        features: Whether to show the features; otherwise the prediction and the target.
        max_windows: Windows shown, the newest ones.

    Returns:
        Columns by their verdict in the newest window that speaks of them (DRIFT, UNKNOWN, STABLE, RECORDED), then by
        how often they drifted in the windows shown, then contract before regime before seasonal, then by name.
    """
    chosen = [row for row in rows if row.get("slice_key") is None and (row["kind"] == FEATURE) is features]
    windows = sorted({_window(row) for row in chosen}, key=_by_end)[-max_windows:]
    newest: dict[tuple[str, str, str, str], dict[DriftWindow, Row]] = {}
    for row in sorted(chosen, key=lambda each: each["as_of"]):
        if _window(row) in windows:
            key = (row["column_name"], row["kind"], row["role"], row["test"])
            newest.setdefault(key, {})[_window(row)] = row
    laid_out = [
        DriftRow(*key, tuple(_cell(of_window[window]) if window in of_window else None for window in windows))
        for key, of_window in newest.items()
    ]
    return DriftTable(tuple(windows), tuple(sorted(laid_out, key=_worst_first)))


def last_cell(row: DriftRow) -> DriftCell | None:
    """Give the newest window that says something about a column; None when none does."""
    return next((cell for cell in reversed(row.cells) if cell is not None), None)


def count_drifts(row: DriftRow) -> int:
    """Count the windows shown in which a column drifted."""
    return sum(cell is not None and cell.verdict == Verdict.DRIFT for cell in row.cells)


def _window(row: Row) -> DriftWindow:
    return DriftWindow(row["model_version"], row["window"]["start"], row["window"]["end"])


def _by_end(window: DriftWindow) -> tuple[object, ...]:
    return (window.end, window.start, window.version or "")


def _cell(row: Row) -> DriftCell:
    return DriftCell(
        statistic=row["statistic"],
        threshold=row["threshold"],
        status=row["status"],
        verdict=row["verdict"],
        rows=row["count"],
        evidence="" if row["kind"] == FEATURE else describe_numbers(read_object(row.get("evidence"))),
    )


def _worst_first(row: DriftRow) -> tuple[int, int, int, str, str]:
    cell = last_cell(row)
    verdict = len(_VERDICT_ORDER) if cell is None else _VERDICT_ORDER.get(Verdict(cell.verdict), len(_VERDICT_ORDER))
    return (verdict, -count_drifts(row), _ROLE_ORDER.get(row.role, len(_ROLE_ORDER)), row.column, row.test)
