"""Daily profiles: per day, slice and column what monitoring needs to know of the rows, in one pass and mergeable.

The profile of any stretch is the merge of its days; rows are read once, when they are new. The same code runs per batch
inside Spark and in this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.column_profiler import ColumnProfiler
from lakeloop.drift.slicing import Slicing
from lakeloop.errors import DistributionError

PROFILES_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("block", pa.date32(), nullable=False),
        pa.field("block_start", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("slice_key", pa.string()),
        pa.field("slice_value", pa.string()),
        pa.field("column_name", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("num_nan", pa.int64(), nullable=False),
        pa.field("num_zeros", pa.int64(), nullable=False),
        pa.field("num_infinite", pa.int64(), nullable=False),
        pa.field("sum_squares", pa.float64(), nullable=False),
        pa.field("min", pa.float64()),
        pa.field("max", pa.float64()),
        pa.field("bins", pa.list_(pa.int64()), nullable=False),
        pa.field("bin_sums", pa.list_(pa.float64())),
        pa.field("quantile_sketch", pa.binary()),
        pa.field("distinct_sketch", pa.binary()),
        pa.field("status", pa.string(), nullable=False),
    ]
)
"""One row per block, slice and column that has rows. A block is a local day, or one of its hours; `block` is the day.

`bins` are rows per frozen bin, the last of them null, in which a NaN is counted too. `bin_sums` are the sums of a
number's finite values in them; `sum_squares`, `min` and `max` are of the finite values too. Sketches are kept over all
rows only, not in slices.
"""

Ints = npt.NDArray[np.int64]

_HOUR = 3_600_000_000
_MICRO = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _EPOCH.date()


@dataclass(frozen=True)
class ProfilePlan:
    """What a pass over rows counts.

    Attributes:
        bins: Frozen bins, one entry per column.
        timezone: Zone of the days.
        time_col: Column with the instant that places a row.
        is_hourly: Whether a block is an hour; else it is a day.
        slicings: How the rows are sliced, beside all of them.
        sketches: Whether sketches are kept over all rows.
        private: Columns that say something of a person: no single value of them is kept, be it in a sketch or as an
            extreme.
    """

    bins: tuple[ColumnBins, ...]
    timezone: str
    time_col: str
    is_hourly: bool = False
    slicings: tuple[Slicing, ...] = ()
    sketches: bool = True
    private: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are read where the rows have them, each once."""
        of_slices = (column for each in self.slicings for column in each.columns)
        return tuple(dict.fromkeys((self.time_col, *(each.name for each in self.bins), *of_slices)))


class DailyProfiler:
    """Takes batches of rows in, and gives their daily profiles.

    Memory depends on blocks, slices and bins, not on rows. Give every task its own, and merge what they give.

    Raises:
        DistributionError: If rows have no instant, or the time column is absent.

    >>> from datetime import UTC
    >>> bins = (ColumnBins("distance", "number", edges=(100.0,)),)
    >>> profiler = DailyProfiler(ProfilePlan(bins, "America/New_York", "at"))
    >>> instants = [datetime(2013, 4, 2, hour, tzinfo=UTC) for hour in (3, 4, 5)]
    >>> profiler.add(pa.table({"at": instants, "distance": [50.0, 120.0, None]}).to_batches()[0])
    >>> profiler.profiles().select(["block", "count", "bins", "max"]).to_pylist()[1]
    {'block': datetime.date(2013, 4, 2), 'count': 2, 'bins': [0, 1, 1], 'max': 120.0}
    """

    def __init__(self, plan: ProfilePlan) -> None:
        self._plan = plan
        self._blocks: dict[int, int] = {}
        self._days: dict[int, date] = {}
        slices = [1, *(each.n_slices for each in plan.slicings)]
        self._columns = {
            each.name: ColumnProfiler(each, slices, sketches=plan.sketches, is_private=each.name in plan.private)
            for each in plan.bins
        }

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Take a batch in.

        Args:
            batch: Rows with the time column, and those of the plan's columns that there are.
        """
        if batch.num_rows == 0:
            return
        starts, block_of_row = self._place_in_time(batch)
        blocks = np.array([self._blocks.setdefault(start, len(self._blocks)) for start in starts.tolist()])
        sliced = [block_of_row * each.n_slices + each.place(batch) for each in self._plan.slicings]
        for name, column in self._columns.items():
            if name in batch.schema.names:
                column.add(batch.column(name), blocks, [block_of_row, *sliced])

    def _place_in_time(self, batch: pa.RecordBatch | pa.Table) -> tuple[Ints, Ints]:
        """Starts of the batch's blocks, microseconds since 1970, and the place of each row among them."""
        name = self._plan.time_col
        if name not in batch.schema.names:
            raise DistributionError(name, "the column that places rows in time is absent")
        values = batch.column(name)
        if values.null_count:
            raise DistributionError(name, f"{values.null_count} rows without an instant")
        micros = values.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
        midnights, days = _midnights(int(micros.min()), int(micros.max()), self._plan.timezone)
        day_of_row = np.searchsorted(midnights, micros, side="right") - 1
        start_of_row = midnights[day_of_row]
        if self._plan.is_hourly:
            start_of_row = start_of_row + (micros - start_of_row) // _HOUR * _HOUR
        starts, place = np.unique(start_of_row, return_inverse=True)
        for start, day in zip(starts.tolist(), np.searchsorted(midnights, starts, side="right") - 1, strict=True):
            self._days[start] = days[day]
        return starts, place.astype(np.int64)

    def profiles(self) -> pa.Table:
        """Give what was counted.

        Returns:
            A table of `PROFILES_SCHEMA`, by block, slice and column.
        """
        names: list[tuple[str | None, str | None]] = [(None, None)]
        names += [(each.name, value) for each in self._plan.slicings for value in each.bins.labels()]
        rows = [
            {"block": self._days[start], "block_start": start, **row}
            for start, block in sorted(self._blocks.items())
            for column in self._columns.values()
            for row in column.rows(block, names)
        ]
        return pa.Table.from_pylist(rows, schema=PROFILES_SCHEMA)


def local_days(instants: pa.Array | pa.ChunkedArray, timezone: str) -> pa.Array:
    """Give the local day of each instant.

    Args:
        instants: Instants, without nulls.
        timezone: Zone of the days.

    Returns:
        Dates, one per instant.

    >>> local_days(pa.array([datetime(2013, 4, 2, 3, tzinfo=UTC)]), "America/New_York").to_pylist()
    [datetime.date(2013, 4, 1)]
    """
    if not len(instants):
        return pa.array([], pa.date32())
    micros = instants.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    midnights, days = _midnights(int(micros.min()), int(micros.max()), timezone)
    places = np.searchsorted(midnights, micros, side="right") - 1
    numbers = np.array([(each - _FIRST_DAY).days for each in days], dtype=np.int32)
    return pa.array(numbers[places], pa.int32()).cast(pa.date32())


def _midnights(first: int, last: int, timezone: str) -> tuple[Ints, list[date]]:
    """Instants at which the local days from the first to the last instant begin, and the days."""
    zone = ZoneInfo(timezone)
    day, stop = ((_EPOCH + each * _MICRO).astimezone(zone).date() for each in (first, last))
    days = [day + timedelta(days=each) for each in range((stop - day).days + 1)]
    starts = [(datetime.combine(each, time(), zone).astimezone(UTC) - _EPOCH) // _MICRO for each in days]
    return np.array(starts, dtype=np.int64), days
