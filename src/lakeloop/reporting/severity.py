"""How grave the drift of a column is: what the column carries of the model, times how far it moved."""

from __future__ import annotations

from lakeloop.reporting.judgements import DriftCell, DriftRow, DriftTable
from lakeloop.statuses import DriftSeverity, Verdict


def last_cell(row: DriftRow) -> DriftCell | None:
    """Give the newest window that says something about a column.

    Args:
        row: The column over the last windows.

    Returns:
        Its cell; None when no window says anything.

    >>> first = DriftCell(0.25, 0.1, "OK", "DRIFT", 100)
    >>> last_cell(DriftRow("carrier", "feature", "contract", "psi", (first, None))).verdict
    'DRIFT'
    """
    return next((cell for cell in reversed(row.cells) if cell is not None), None)


def times_threshold(cell: DriftCell | None) -> float | None:
    """Give a statistic as a multiple of its threshold; None without either.

    >>> times_threshold(DriftCell(0.25, 0.125, "OK", "DRIFT", 100))
    2.0
    """
    if cell is None or cell.statistic is None or not cell.threshold:
        return None
    return abs(cell.statistic) / cell.threshold


def severity_of(row: DriftRow) -> float | None:
    """Give the severity of a column's drift: its share of the importance times its multiple of the threshold.

    Args:
        row: The column over the last windows; the newest that speaks of it counts.

    Returns:
        What was recorded with the verdict; else the product. None where importance or threshold is not known.

    >>> cell = DriftCell(0.25, 0.125, "OK", "DRIFT", 100)
    >>> severity_of(DriftRow("carrier", "feature", "contract", "psi", (cell,), importance=0.25))
    0.5
    """
    cell = last_cell(row)
    if cell is not None and cell.score is not None:
        return cell.score
    times = times_threshold(cell)
    return None if times is None or row.importance is None else row.importance * times


def gravity(row: DriftRow) -> tuple[int, float]:
    """Give the place of a column among those that drifted: by the recorded word, then by the number.

    Args:
        row: The column over the last windows.

    Returns:
        What sorts the gravest first.

    >>> cell = DriftCell(0.25, 0.125, "OK", "DRIFT", 100, severity="high", score=0.1)
    >>> gravity(DriftRow("carrier", "feature", "contract", "psi", (cell,)))
    (-2, -0.1)
    """
    cell, words = last_cell(row), tuple(DriftSeverity)
    place = words.index(DriftSeverity(cell.severity)) if cell is not None and cell.severity in words else 0
    return -place, -(severity_of(row) or 0.0)


def severity_word(row: DriftRow) -> str:
    """Give the recorded word of a column's drift, to stand before its number; nothing where there is none.

    >>> severity_word(DriftRow("carrier", "feature", "contract", "psi", (DriftCell(0.1, 0.2, "OK", "STABLE", 9),)))
    ''
    """
    cell = last_cell(row)
    return f"{cell.severity} " if cell is not None and cell.severity else ""


def say_severity(table: DriftTable) -> str:
    """Say whether the drift of the features matters to the model, and what is gravest.

    Args:
        table: The features over the last windows.

    Returns:
        One or two sentences; nothing where no feature drifted in the newest window that speaks of it.

    >>> cell = DriftCell(0.25, 0.125, "OK", "DRIFT", 100)
    >>> row = DriftRow("carrier", "feature", "contract", "psi", (cell,), importance=0.25)
    >>> from textwrap import fill
    >>> print(fill(say_severity(DriftTable(rows=(row,))), 100))
    Gravest is carrier: its share of the model's importance is 25.0%, and it lies at 2.0 times its
    threshold. The columns that drifted have 25.0% in all; they are ordered by severity.
    """
    drifted = [row for row in table.rows if (cell := last_cell(row)) is not None and cell.verdict == Verdict.DRIFT]
    if not drifted:
        return ""
    known = [row for row in drifted if severity_of(row) is not None]
    if not known:
        return "How much the model leans on these columns is not known: its importances could not be read."
    worst = min(known, key=gravity)
    times = times_threshold(last_cell(worst)) or 0.0
    total = min(sum(row.importance or 0.0 for row in known), 1.0)
    return (
        f"Gravest is {worst.column}: its share of the model's importance is {worst.importance or 0.0:.1%}, and it lies "
        f"at {times:.1f} times its threshold. The columns that drifted have {total:.1%} in all; they are ordered by "
        "severity."
    )
