"""What arrives, in words: how much against what is usual, and how old the newest of it is."""

from __future__ import annotations

from statistics import median

from lakeloop.reporting.quality import QualityHistory

_LEAST_TURNS = 3
"""Earlier turns from which on a usual number of records is spoken of."""


def say_volume(history: QualityHistory) -> str:
    """Say which source brought far more or fewer records than it usually does.

    Args:
        history: The last turns.

    Returns:
        One sentence; nothing with fewer than three earlier turns.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.reporting.quality import QualityCell, QualityRow
    >>> turns = tuple(datetime(2013, month, 1, tzinfo=UTC) for month in (2, 3, 4, 5))
    >>> cells = tuple(QualityCell(read=read) for read in (400, 420, 440, 40))
    >>> say_volume(QualityHistory(turns, (QualityRow("weather", cells),)))
    'In the newest turn weather brought 40 records (usually 420).'
    """
    if len(history.turns) <= _LEAST_TURNS:
        return ""
    odd = []
    for row in history.sources:
        usual = median(cell.read for cell in row.cells[:-1])
        if usual and not usual / 2 <= row.cells[-1].read <= usual * 2:
            odd.append(f"{row.source} brought {row.cells[-1].read:,} records (usually {usual:,.0f})")
    if odd:
        return f"In the newest turn {', '.join(odd)}."
    return "In the newest turn every source brought between half and twice its usual number of records."


def say_ages(history: QualityHistory) -> str:
    """Say how old the newest rows are, and where that is too old.

    Args:
        history: The last turns.

    Returns:
        A sentence per freshness rule; where none was asked it says so.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.reporting.quality import NewestAge
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> say_ages(QualityHistory((may,), ages=(NewestAge("weather", "event_ts", (7500.0,), (True,)),)))
    'Newest event_ts of weather: 2 h 05 min old, young enough.'
    >>> say_ages(QualityHistory((may,)))
    'No freshness rule was asked in the turns shown.'
    """
    said = []
    for each in history.ages:
        place = next((turn for turn in reversed(range(len(each.passed))) if each.passed[turn] is not None), None)
        if place is not None:
            age = each.seconds[place]
            word = "young enough" if each.passed[place] else "too old"
            old = "no row is known" if age is None else f"{show_age(age)} old, {word}"
            said.append(f"Newest {each.column} of {each.source}: {old}.")
    return " ".join(said) if said else "No freshness rule was asked in the turns shown."


def show_age(seconds: float | None) -> str:
    """Show an age: minutes, hours or days.

    >>> show_age(90.0), show_age(7500.0), show_age(200_000.0), show_age(None)
    ('1 min', '2 h 05 min', '2 d 7 h', '-')
    """
    if seconds is None:
        return "-"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
