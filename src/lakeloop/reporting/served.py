"""What the last audit of served values found: which columns were not what the offline tables say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lakeloop.reporting.recorded import Row
from lakeloop.statuses import ServedVerdict

MAX_COLUMNS = 20
_BOTH = ("online", "offline")
_WORST_FIRST = (ServedVerdict.SKEWED, ServedVerdict.STALE, ServedVerdict.UNKNOWN, ServedVerdict.CONSISTENT)


@dataclass(frozen=True)
class ServedColumn:
    """A served column against the offline tables.

    Attributes:
        origin: `online` or `offline`.
        column: Its name, or `score`.
        rows: Answers compared.
        missing: Served without a value where there is one.
        extra: Served with a value where there is none.
        mismatch: Served with another value.
        marked: Of the rows that were served as old, those that differ.
        max_difference: Greatest absolute difference of numbers.
        verdict: CONSISTENT, STALE, SKEWED or UNKNOWN.
    """

    origin: str
    column: str
    rows: int
    missing: int
    extra: int
    mismatch: int
    marked: int
    max_difference: float | None
    verdict: str


@dataclass(frozen=True)
class Served:
    """The last audit of a model's answers.

    Attributes:
        as_of: Its instant; None when there was none.
        columns: What was compared, worst first.
    """

    as_of: datetime | None = None
    columns: tuple[ServedColumn, ...] = ()

    @property
    def shown(self) -> tuple[ServedColumn, ...]:
        """Columns that are not CONSISTENT, and the score of each origin; at most twenty."""
        told = [each for each in self.columns if each.verdict != ServedVerdict.CONSISTENT or each.column == "score"]
        return tuple(told[:MAX_COLUMNS])


def assemble_served(rows: Sequence[Row]) -> Served:
    """Assemble the last audit.

    Args:
        rows: Rows of `monitoring.consistency` of one model.

    Returns:
        What it found.

    >>> from datetime import UTC
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> row = {"origin": "online", "column_name": "weather__wind", "count": 100, "num_missing": 2, "num_extra": 0,
    ...        "num_mismatch": 1, "num_marked_different": 0, "max_difference": 3.0, "verdict": "SKEWED", "as_of": may}
    >>> assemble_served([row]).columns[0].missing, assemble_served([]).as_of
    (2, None)
    """
    newest = max((row["as_of"] for row in rows), default=None)
    columns = [
        ServedColumn(
            origin=row["origin"],
            column=row["column_name"],
            rows=row["count"],
            missing=row["num_missing"],
            extra=row["num_extra"],
            mismatch=row["num_mismatch"],
            marked=row["num_marked_different"],
            max_difference=row["max_difference"],
            verdict=row["verdict"],
        )
        for row in rows
        if row["as_of"] == newest
    ]
    columns.sort(key=lambda each: (_WORST_FIRST.index(ServedVerdict(each.verdict)), each.origin, each.column))
    return Served(newest, tuple(columns))


def say_served(served: Served) -> str:
    """Say in a sentence what the last audit found.

    Args:
        served: The audit.

    Returns:
        The sentence.

    >>> column = ServedColumn("online", "weather__wind", 100, 2, 0, 1, 0, 3.0, "SKEWED")
    >>> say_served(Served(datetime(2013, 5, 1), (column,)))
    'Of 100 online and 0 offline answers, 1 of 1 column was served otherwise than the tables say: weather__wind.'
    """
    counts = dict.fromkeys(_BOTH, 0)
    for each in served.columns:
        counts[each.origin] = max(counts[each.origin], each.rows)
    answers = " and ".join(f"{count:,} {origin}" for origin, count in counts.items())
    skewed = sorted({each.column for each in served.columns if each.verdict == ServedVerdict.SKEWED})
    stale = sorted({each.column for each in served.columns if each.verdict == ServedVerdict.STALE})
    judged = {each.column for each in served.columns if each.verdict != ServedVerdict.UNKNOWN}
    if not judged:
        return "Nothing that was answered could be compared with the offline tables."
    of = f"of {len(judged)} column{'' if len(judged) == 1 else 's'}"
    if skewed:
        was = "was" if len(skewed) == 1 else "were"
        named = ", ".join(skewed[:3]) + (f" and {len(skewed) - 3} more" if len(skewed) > 3 else "")
        return f"Of {answers} answers, {len(skewed)} {of} {was} served otherwise than the tables say: {named}."
    if stale:
        rest = "nothing was served as right that is not"
        return f"Of {answers} answers, {len(stale)} {of} differed where it was served as old; {rest}."
    return f"Of {answers} answers, every column is what the offline tables say."
