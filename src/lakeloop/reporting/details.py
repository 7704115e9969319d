"""What else was recorded of columns in the newest window: other statistics, missing values, new and lost categories."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lakeloop.reporting.drift import FEATURE
from lakeloop.reporting.recorded import Row
from lakeloop.statuses import Role, Verdict

MAX_COLUMNS = 60
"""Columns shown: those that drifted, then contract columns."""

MAX_CATEGORIES = 5
"""Lost categories named per column."""

_LEAST_SHARE = 0.001
"""Share of the rows below which nothing stands out."""

STATISTICS: Mapping[str, str] = {
    "population_stability_index": "PSI",
    "tv_distance": "total variation",
    "js_distance": "Jensen-Shannon",
    "l_infinity_distance": "greatest difference of a share",
    "wasserstein_distance": "Wasserstein",
}
"""Column of `monitoring.drift_metrics` -> its name on the page."""


@dataclass(frozen=True)
class RecordedColumn:
    """What was recorded of a column beside its verdict; None where it does not apply.

    Attributes:
        column: The column.
        role: contract, regime or seasonal.
        verdict: Its verdict.
        statistics: Name of a statistic -> its value.
        ks: Kolmogorov-Smirnov statistic of a number.
        chi_squared: Chi-squared statistic.
        missing_points: Percentage points of missing values more than in the reference.
        missing: Share of missing values in the window, 0 to 1.
        mean_change: Change of the mean of a number, in its unit.
        unknown_share: Share of rows whose category has no bin: new, or rare in the reference.
        lost: Categories of the reference that no row has any more, the first of them.
        more_lost: Further ones; of a column that says something of a person, all of them.
    """

    column: str
    role: str
    verdict: str
    statistics: tuple[tuple[str, float | None], ...] = ()
    ks: float | None = None
    chi_squared: float | None = None
    missing_points: float | None = None
    missing: float | None = None
    mean_change: float | None = None
    unknown_share: float | None = None
    lost: tuple[str, ...] = ()
    more_lost: int = 0


def read_details(rows: Iterable[Row], hidden: Collection[str] = ()) -> tuple[RecordedColumn, ...]:
    """Read what else was recorded of features in the newest window that speaks of them.

    Args:
        rows: Rows of `monitoring.drift_metrics` of one model.
        hidden: Columns that say something of a person: their categories are counted, not named.

    Returns:
        The columns that drifted, then those of the role contract, by name.

    >>> from datetime import UTC, datetime
    >>> week = {"start": datetime(2013, 4, 1, tzinfo=UTC), "end": datetime(2013, 4, 8, tzinfo=UTC)}
    >>> row = {"column_name": "carrier", "kind": "feature", "role": "contract", "verdict": "DRIFT", "window": week,
    ...        "as_of": week["end"], "slice_key": None, "tv_distance": 0.25, "other_fraction": 0.125,
    ...        "percent_null_delta": 3.0, "vanished_categories": ["HA", "YV"]}
    >>> (found,) = read_details([row])
    >>> found.missing_points, found.unknown_share, found.lost
    (3.0, 0.125, ('HA', 'YV'))
    >>> read_details([row], hidden={"carrier"})[0].lost
    ()
    """
    newest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda each: (each["window"]["end"], each["as_of"])):
        if row.get("slice_key") is None and row["kind"] == FEATURE:
            newest[row["column_name"]] = row
    chosen = [row for row in newest.values() if row["verdict"] == Verdict.DRIFT or row["role"] == Role.CONTRACT]
    chosen.sort(key=lambda row: (row["verdict"] != Verdict.DRIFT, row["role"] != Role.CONTRACT, row["column_name"]))
    found = [_column(row, row["column_name"] in hidden) for row in chosen]
    return tuple(each for each in found if _tells(each))[:MAX_COLUMNS]


def _column(row: Row, is_hidden: bool) -> RecordedColumn:
    lost = tuple(row.get("vanished_categories") or ())
    named = () if is_hidden else lost[:MAX_CATEGORIES]
    return RecordedColumn(
        column=row["column_name"],
        role=row["role"],
        verdict=row["verdict"],
        statistics=tuple((name, row.get(column)) for column, name in STATISTICS.items()),
        ks=_statistic(row.get("ks_test")),
        chi_squared=_statistic(row.get("chi_squared_test")),
        missing_points=row.get("percent_null_delta"),
        missing=row.get("missing_share"),
        mean_change=row.get("avg_delta"),
        unknown_share=row.get("other_fraction"),
        lost=named,
        more_lost=len(lost) - len(named),
    )


def _statistic(test: Any) -> float | None:
    return test.get("statistic") if isinstance(test, Mapping) else None


def _tells(each: RecordedColumn) -> bool:
    """Whether anything was recorded: a table of an earlier lakeloop has none of it."""
    told = (each.ks, each.chi_squared, each.missing_points, each.mean_change, each.unknown_share)
    return any(value is not None for value in (*told, *(value for _, value in each.statistics)))


def say_details(columns: Iterable[RecordedColumn]) -> str:
    """Say what stands out: values that went missing, categories that are new or gone.

    Args:
        columns: What was recorded.

    Returns:
        One to three sentences; nothing where nothing stands out.

    >>> carrier = RecordedColumn("carrier", "contract", "DRIFT", missing_points=3.0, unknown_share=0.125, lost=("HA",))
    >>> from textwrap import fill
    >>> print(fill(say_details([carrier]), 100))
    Missing values rose most in carrier, by 3.0 points. New or rare categories: carrier (12.5% of its
    rows). No longer seen: HA of carrier.
    """
    known = list(columns)
    said = []
    rose = max(known, key=lambda each: each.missing_points or 0.0, default=None)
    if rose is not None and (rose.missing_points or 0.0) >= 100 * _LEAST_SHARE:
        said.append(f"Missing values rose most in {rose.column}, by {rose.missing_points:.1f} points.")
    new = sorted(
        (each for each in known if (each.unknown_share or 0.0) >= 0.001), key=lambda e: -(e.unknown_share or 0)
    )
    if new:
        listed = ", ".join(f"{each.column} ({each.unknown_share:.1%} of its rows)" for each in new[:3])
        more = f" and {len(new) - 3} more" if len(new) > 3 else ""
        said.append(f"New or rare categories: {listed}{more}.")
    gone = [each for each in known if each.lost or each.more_lost]
    if gone:
        listed = "; ".join(f"{name_lost(each)} of {each.column}" for each in gone[:3])
        more = f"; and of {len(gone) - 3} more columns" if len(gone) > 3 else ""
        said.append(f"No longer seen: {listed}{more}.")
    return " ".join(said)


def name_lost(each: RecordedColumn) -> str:
    """Name the categories that are gone, and count the others.

    >>> name_lost(RecordedColumn("carrier", "contract", "DRIFT", lost=("HA", "YV"), more_lost=3))
    'HA, YV and 3 more'
    >>> name_lost(RecordedColumn("name", "contract", "DRIFT", more_lost=3))
    '3 categories'
    """
    if not each.lost:
        return f"{each.more_lost} categor{'y' if each.more_lost == 1 else 'ies'}" if each.more_lost else ""
    return ", ".join(each.lost) + (f" and {each.more_lost} more" if each.more_lost else "")
