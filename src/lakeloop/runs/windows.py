"""The windows in which a champion's predictions are monitored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class MonitorWindow:
    """A stretch of whole local days.

    Attributes:
        first_day: First local day.
        last_day: Last local day, included.
        start: Instant it starts, UTC.
        end: Instant it ends, UTC, not included.

    >>> first, last = date(2024, 1, 29), date(2024, 2, 4)
    >>> week = MonitorWindow(first, last, datetime(2024, 1, 29, tzinfo=UTC), datetime(2024, 2, 5, tzinfo=UTC))
    >>> week.holds(last), week.holds(last + timedelta(days=1))
    (True, False)
    """

    first_day: date
    last_day: date
    start: datetime
    end: datetime

    def holds(self, day: date) -> bool:
        """Tell whether a local day lies in the window.

        Args:
            day: The day, in the window's zone.

        Returns:
            True from the first day to the last, both included.
        """
        return self.first_day <= day <= self.last_day


def ended_windows(since: datetime, as_of: datetime, length: timedelta, timezone: str) -> list[MonitorWindow]:
    """List the windows of a champion that have ended.

    Args:
        since: Instant of its promotion; the first window starts at the local midnight at or after it.
        as_of: The logical now.
        length: Length of a window, whole days.
        timezone: Zone of the days.

    Returns:
        Windows in order, laid end to end, each ended at or before `as_of`.

    >>> first, *_ = ended_windows(datetime(2013, 4, 1, 4, tzinfo=UTC), datetime(2013, 5, 1, 4, tzinfo=UTC),
    ...                           timedelta(days=7), "America/New_York")
    >>> first.first_day, first.last_day, first.end.isoformat()
    (datetime.date(2013, 4, 1), datetime.date(2013, 4, 7), '2013-04-08T04:00:00+00:00')
    """
    zone, days = ZoneInfo(timezone), length // timedelta(days=1)
    local = since.astimezone(zone)
    day = local.date() if local.timetz().replace(tzinfo=None) == time() else local.date() + timedelta(days=1)
    windows: list[MonitorWindow] = []
    while True:
        after = day + timedelta(days=days)
        start, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, after))
        if end > as_of:
            return windows
        windows.append(MonitorWindow(day, after - timedelta(days=1), start, end))
        day = after
