"""Slices of the newest measured window: how the model did in each, and which columns moved most in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lakeloop.reporting.recorded import Row
from lakeloop.schemas import LABEL_SLICE, SCORE_SLICE, WORST_RANK
from lakeloop.statuses import Status

MAX_SLICES = 24
"""Slices shown, the worst ones first."""

MAX_MOVED = 12
"""Columns of slices shown, those that moved most."""

NO_SLICES = (SCORE_SLICE, LABEL_SLICE)
"""Slice keys that hold something else than slices of the rows."""


@dataclass(frozen=True)
class SliceBias:
    """How the model did in one slice.

    Attributes:
        key: The slicing, or a model column that a search looked at.
        value: The slice.
        status: OK, or why there is no interval or no figure.
        rows: Answers whose label is known.
        bias: Mean score minus mean outcome; like all figures None unless measured.
        lower: Lower end of its interval.
        upper: Upper end.
        mean_score: Mean score.
        mean_outcome: Mean outcome.
        skill: Share of a constant's loss that the model avoids.
        rank: Place among the worst slices, from 1; None where its bias is not beyond doubt.
    """

    key: str
    value: str
    status: str
    rows: int
    bias: float | None = None
    lower: float | None = None
    upper: float | None = None
    mean_score: float | None = None
    mean_outcome: float | None = None
    skill: float | None = None
    rank: int | None = None

    @property
    def name(self) -> str:
        """Slicing and slice in words."""
        return f"{self.key} = {self.value}"


@dataclass(frozen=True)
class SliceMove:
    """How far a column of a slice lies from the same slice of the reference; recorded, never judged.

    Attributes:
        key: The slicing.
        value: The slice.
        column: The column.
        test: The statistic.
        statistic: Its value.
        times: The same as a multiple of the column's threshold over all rows; None where that is not known.
        rows: Rows of the slice in the window.
    """

    key: str
    value: str
    column: str
    test: str
    statistic: float
    times: float | None
    rows: int

    @property
    def name(self) -> str:
        """Slicing and slice in words."""
        return f"{self.key} = {self.value}"


@dataclass(frozen=True)
class Slices:
    """Slices of the newest window that was measured.

    Attributes:
        version: Model version; None when no slice was measured.
        start: First instant of the window.
        end: First instant after it.
        measured: The worst first, then by the size of their bias; those without one last.
        total: Slices that have a bias, shown or not.
        small: Slices with too few answers for one.
        moved_end: End of the newest window whose columns were compared within slices.
        moved: Columns of slices, those that moved most first.
        hidden: Slicings that say something of a person: named, and nothing else.
    """

    version: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    measured: tuple[SliceBias, ...] = ()
    total: int = 0
    small: int = 0
    moved_end: datetime | None = None
    moved: tuple[SliceMove, ...] = ()
    hidden: tuple[str, ...] = ()


def assemble_slices(
    measured: Iterable[Row], moved: Iterable[Row], thresholds: Mapping[str, float], hidden: Collection[str] = ()
) -> Slices:
    """Assemble what was found in the slices of the newest windows.

    Args:
        measured: Rows of `monitoring.performance` of slices of one model, at least those of the newest window.
        moved: Rows of `monitoring.drift_metrics` of slices of one model, likewise.
        thresholds: Column -> its threshold over all rows.
        hidden: Slicings and columns that say something of a person.

    Returns:
        The slices; nothing is told of a hidden one but its name.

    >>> from datetime import UTC
    >>> window = {"start": datetime(2013, 4, 1, tzinfo=UTC), "end": datetime(2013, 4, 8, tzinfo=UTC)}
    >>> row = {"as_of": window["end"], "model_version": "1", "window": window, "slice_key": "origin",
    ...        "slice_value": "JFK", "rows": 700, "lower": -0.25, "upper": -0.15, "status": "OK"}
    >>> rows = [{**row, "metric": "bias", "value": -0.2}, {**row, "metric": "worst_slice_rank", "value": 1.0}]
    >>> [(each.name, each.bias, each.rank) for each in assemble_slices(rows, [], {}).measured]
    [('origin = JFK', -0.2, 1)]
    >>> assemble_slices(rows, [], {}, hidden={"origin"}) == Slices(hidden=("origin",))
    True
    """
    told = [row for row in measured if row.get("slice_key") not in (None, *NO_SLICES)]
    drifts = [row for row in moved if row.get("slice_key") is not None]
    kept_back = sorted({row["slice_key"] for row in (*told, *drifts)}.intersection(hidden))
    newest = _newest([row for row in told if row["slice_key"] not in hidden])
    by_slice: dict[tuple[str, str], dict[str, Row]] = {}
    for row in newest:
        by_slice.setdefault((row["slice_key"], row["slice_value"]), {})[row["metric"]] = row
    found = sorted((_bias(key, rows) for key, rows in by_slice.items()), key=_worst_first)
    compared = _newest([row for row in drifts if row["slice_key"] not in hidden])
    return Slices(
        version=newest[0]["model_version"] if newest else None,
        start=newest[0]["window"]["start"] if newest else None,
        end=newest[0]["window"]["end"] if newest else None,
        measured=tuple(found[:MAX_SLICES]),
        total=sum(each.bias is not None for each in found),
        small=sum(each.bias is None for each in found),
        moved_end=compared[0]["window"]["end"] if compared else None,
        moved=_moved(compared, thresholds),
        hidden=tuple(kept_back),
    )


def _newest(rows: Sequence[Row]) -> list[Row]:
    """Keep the newest evaluation of the newest window."""

    def place(row: Row) -> tuple[datetime, datetime, str]:
        return (row["window"]["end"], row["as_of"], row["model_version"] or "")

    last = max((place(row) for row in rows), default=None)
    return [row for row in rows if place(row) == last]


def _bias(key: tuple[str, str], metrics: Mapping[str, Row]) -> SliceBias:
    leading = metrics.get("bias") or next(iter(metrics.values()))

    def figure(metric: str) -> float | None:
        row = metrics.get(metric)
        return None if row is None else row["value"]

    rank = figure(WORST_RANK)
    return SliceBias(
        *key,
        status=leading["status"],
        rows=leading["rows"],
        bias=figure("bias"),
        lower=leading["lower"],
        upper=leading["upper"],
        mean_score=figure("mean_score"),
        mean_outcome=figure("mean_outcome"),
        skill=figure("skill"),
        rank=None if rank is None else int(rank),
    )


def _worst_first(each: SliceBias) -> tuple[bool, int, bool, float, str, str]:
    return (each.rank is None, each.rank or 0, each.bias is None, -abs(each.bias or 0.0), each.key, each.value)


def _moved(rows: Iterable[Row], thresholds: Mapping[str, float]) -> tuple[SliceMove, ...]:
    found = []
    for row in rows:
        if row["statistic"] is not None and row["status"] == Status.OK:
            bound = thresholds.get(row["column_name"])
            times = row["statistic"] / bound if bound else None
            where = (row["slice_key"], row["slice_value"], row["column_name"], row["test"])
            found.append(SliceMove(*where, row["statistic"], times, row["count"]))
    found.sort(key=lambda each: (-(each.times or 0.0), -each.statistic, each.column, each.name))
    return tuple(found[:MAX_MOVED])


def say_slices(slices: Slices) -> str:
    """Say which slice is worst and by how much, or that none is beyond doubt.

    Args:
        slices: The slices of the newest measured window.

    Returns:
        One to three sentences; nothing without slices.

    >>> from textwrap import fill
    >>> worst = SliceBias("origin", "JFK", "OK", 700, -0.2, -0.25, -0.15, 0.2, 0.4, 0.1, rank=1)
    >>> fair = SliceBias("origin", "EWR", "OK", 900, 0.01, -0.02, 0.04, 0.3, 0.29, 0.2)
    >>> print(fill(say_slices(Slices("1", measured=(worst, fair), total=2)), 100))
    Worst is origin = JFK: its answers were 0.2 too low on average (interval -0.25 to -0.15, 700
    answers). The other is not beyond doubt.
    >>> say_slices(Slices("1", measured=(fair,), total=1))
    'No slice has a bias beyond doubt: 1 slice was measured.'
    """
    if not slices.measured:
        return ""
    sure = [each for each in slices.measured if each.rank is not None and each.bias is not None]
    total = slices.total
    if not sure:
        was = "slice was" if total == 1 else "slices were"
        said = f"No slice has a bias beyond doubt: {total} {was} measured."
    else:
        worst = sure[0]
        side = "too high" if (worst.bias or 0.0) > 0 else "too low"
        span = ""
        if worst.lower is not None and worst.upper is not None:
            span = f"interval {worst.lower:+.3g} to {worst.upper:+.3g}, "
        said = (
            f"Worst is {worst.name}: its answers were {abs(worst.bias or 0.0):.3g} {side} on average "
            f"({span}{worst.rows:,} answers)."
        )
        others = total - len(sure)
        if sure[1:]:
            said += f" Beyond doubt, too: {', '.join(each.name for each in sure[1:])}."
        if others:
            said += f" Of the other {others} none is beyond doubt." if others > 1 else " The other is not beyond doubt."
    return said + (f" {slices.small} had too few answers to say anything." if slices.small else "")


def say_moved(slices: Slices) -> str:
    """Say which column moved most within a slice.

    Args:
        slices: The slices of the newest windows.

    Returns:
        One sentence; nothing where no column was compared.

    >>> say_moved(Slices(moved=(SliceMove("origin", "JFK", "distance", "psi", 0.31, 3.1, 700),)))
    'Within slices distance moved most, where origin = JFK: psi 0.31, 3.1 times its threshold over all rows.'
    """
    if not slices.moved:
        return ""
    first = slices.moved[0]
    times = "" if first.times is None else f", {first.times:.2g} times its threshold over all rows"
    return f"Within slices {first.column} moved most, where {first.name}: {first.test} {first.statistic:.3g}{times}."
