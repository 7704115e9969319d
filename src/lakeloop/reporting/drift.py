"""Drift of the last windows as a table: columns down, windows across, what drifted first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from lakeloop.reporting.evidence import describe_numbers, read_object
from lakeloop.reporting.judgements import DriftCell, DriftRow, DriftTable, DriftWindow
from lakeloop.reporting.recorded import MAX_WINDOWS, Row
from lakeloop.reporting.severity import gravity, last_cell
from lakeloop.statuses import Status, Verdict

FEATURE = "feature"
TARGET = "target"
_ROLE_ORDER = {"contract": 0, "regime": 1, "seasonal": 2}
_VERDICT_ORDER = {Verdict.DRIFT: 0, Verdict.UNKNOWN: 1, Verdict.STABLE: 2, Verdict.RECORDED: 3}


def tabulate(
    rows: Iterable[Row],
    *,
    features: bool | None,
    max_windows: int = MAX_WINDOWS,
    importances: Mapping[str, float] | None = None,
) -> DriftTable:
    """Lay out the newest evaluation of each column over the last windows.

    Args:
        rows: Rows of `monitoring.drift_metrics` of one model; those of slices are left out.
        features: Whether to show the features or else the prediction and the target; None for all, features last.
        max_windows: Windows shown, the newest ones.
        importances: Column -> its share of the champion's importance; nothing where that is not known.

    Returns:
        Columns by their verdict in the newest window that speaks of them (DRIFT, UNKNOWN, STABLE, RECORDED); those that
        drifted by severity where importances are known; then by how often they drifted in the windows shown, then
        contract before regime before seasonal, then by name.

    >>> from datetime import UTC, datetime
    >>> week = {"start": datetime(2013, 4, 1, tzinfo=UTC), "end": datetime(2013, 4, 8, tzinfo=UTC)}
    >>> quiet = {"column_name": "distance", "kind": "feature", "role": "contract", "test": "psi", "status": "OK",
    ...          "window": week, "model_version": "1", "as_of": week["end"], "statistic": 0.02, "threshold": 0.1,
    ...          "verdict": "STABLE", "count": 6000}
    >>> loud = quiet | {"column_name": "carrier", "statistic": 0.25, "verdict": "DRIFT"}
    >>> [(row.column, row.cells[0].verdict) for row in tabulate([quiet, loud], features=True).rows]
    [('carrier', 'DRIFT'), ('distance', 'STABLE')]
    """
    chosen = [
        row
        for row in rows
        if row.get("slice_key") is None and (features is None or (row["kind"] == FEATURE) is features)
    ]
    windows = sorted({_window(row) for row in chosen}, key=_by_end)[-max_windows:]
    newest: dict[tuple[str, str, str, str], dict[DriftWindow, Row]] = {}
    for row in sorted(chosen, key=lambda each: each["as_of"]):
        if _window(row) in windows:
            key = (row["column_name"], row["kind"], row["role"], row["test"])
            newest.setdefault(key, {})[_window(row)] = row
    laid_out = [
        DriftRow(
            *key,
            tuple(_cell(of_window[window]) if window in of_window else None for window in windows),
            importance=(importances or {}).get(key[0]) if key[1] == FEATURE else None,
        )
        for key, of_window in newest.items()
    ]
    return DriftTable(tuple(windows), tuple(sorted(laid_out, key=_worst_first)))


def only(table: DriftTable, kind: str) -> DriftTable:
    """Keep the columns of one kind.

    Args:
        table: Columns over the last windows.
        kind: feature, prediction or target.

    Returns:
        The same windows, and of the columns those of the kind.

    >>> score = DriftRow("score", "prediction", "regime", "psi", ())
    >>> len(only(DriftTable(rows=(score,)), "prediction").rows), len(only(DriftTable(rows=(score,)), TARGET).rows)
    (1, 0)
    """
    return replace(table, rows=tuple(row for row in table.rows if row.kind == kind))


def count_drifts(row: DriftRow) -> int:
    """Count the windows shown in which a column drifted.

    Args:
        row: The column over the last windows.

    Returns:
        Their number; a window that could not be judged does not count.

    >>> drifted, unjudged = DriftCell(0.25, 0.1, "OK", "DRIFT", 100), DriftCell(None, None, "ALL_NULL", "UNKNOWN", 100)
    >>> count_drifts(DriftRow("carrier", "feature", "contract", "psi", (drifted, drifted, unjudged, None)))
    2
    """
    return sum(cell is not None and cell.verdict == Verdict.DRIFT for cell in row.cells)


def rate_cell(cell: DriftCell | None, kind: str = FEATURE) -> str:
    """Show a cell at a glance: its statistic as a multiple of its threshold; of a target, the difference itself.

    A target drifts by its interval too, so a multiple of its least difference would not say whether it did.

    Args:
        cell: The cell.
        kind: feature, prediction or target.

    Returns:
        A few letters; `?` where it could not be judged, nothing where nobody looked.

    >>> rate_cell(DriftCell(0.25, 0.1, "OK", "DRIFT", 100)), rate_cell(DriftCell(0.2, None, "ALL_NULL", "UNKNOWN", 100))
    ('2.5', '?')
    >>> rate_cell(DriftCell(-0.0625, 0.05, "OK", "STABLE", 100), "target"), rate_cell(None)
    ('-.06', '')
    """
    if cell is None:
        return ""
    if cell.status != Status.OK or cell.statistic is None:
        return "?"
    if kind == TARGET:
        small = abs(cell.statistic) < 0.995
        return f"{cell.statistic:+.2f}".replace("0.", ".") if small else f"{cell.statistic:+.1f}"
    if not cell.threshold:
        return "-"
    ratio = abs(cell.statistic) / cell.threshold
    return f"{ratio:.1f}" if ratio < 10 else f"{min(ratio, 999):.0f}"


def describe_cell(cell: DriftCell | None) -> str:
    """Say in words what a cell holds.

    >>> describe_cell(DriftCell(0.25, 0.1, "OK", "DRIFT", 100))
    'DRIFT: 0.25, threshold 0.1, 100 rows'
    """
    if cell is None:
        return "not looked at"
    word = cell.verdict if cell.status == Status.OK else cell.status
    statistic = "no statistic" if cell.statistic is None else f"{cell.statistic:.3g}"
    threshold = "no threshold" if cell.threshold is None else f"threshold {cell.threshold:.3g}"
    return f"{word}: {statistic}, {threshold}, {cell.rows:,} rows"


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
        severity=row.get("severity"),
        score=row.get("severity_score"),
    )


def _worst_first(row: DriftRow) -> tuple[Any, ...]:
    cell = last_cell(row)
    verdict = len(_VERDICT_ORDER) if cell is None else _VERDICT_ORDER.get(Verdict(cell.verdict), len(_VERDICT_ORDER))
    return (
        row.kind == FEATURE,
        verdict,
        *(gravity(row) if cell is not None and cell.verdict == Verdict.DRIFT else (0, 0.0)),
        -count_drifts(row),
        _ROLE_ORDER.get(row.role, len(_ROLE_ORDER)),
        row.column,
        row.test,
    )
