"""The windows in which a champion's predictions are monitored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lakeloop.config.monitor import Granularity


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
    day = whole_day_from(since, timezone)
    windows: list[MonitorWindow] = []
    while True:
        window = make_window(day, day + timedelta(days=length // timedelta(days=1)), timezone)
        if window.end > as_of:
            return windows
        windows.append(window)
        day = window.last_day + timedelta(days=1)


def whole_day_from(instant: datetime, timezone: str) -> date:
    """Find the first local day that lies wholly at or after an instant.

    Args:
        instant: The instant, aware.
        timezone: Zone of the days.

    Returns:
        The day.

    >>> whole_day_from(datetime(2013, 4, 1, 4, tzinfo=UTC), "America/New_York")  # its midnight
    datetime.date(2013, 4, 1)
    >>> whole_day_from(datetime(2013, 4, 1, 5, tzinfo=UTC), "America/New_York")
    datetime.date(2013, 4, 2)
    """
    local = instant.astimezone(ZoneInfo(timezone))
    return local.date() if local.timetz().replace(tzinfo=None) == time() else local.date() + timedelta(days=1)


def make_window(first_day: date, after: date, timezone: str) -> MonitorWindow:
    """Make the window of some local days.

    Args:
        first_day: Its first day.
        after: The day after its last.
        timezone: Zone of the days.

    Returns:
        The window.

    >>> make_window(date(2013, 3, 10), date(2013, 3, 11), "America/New_York").end.isoformat()  # 23 hours
    '2013-03-11T04:00:00+00:00'
    """
    zone = ZoneInfo(timezone)
    start, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (first_day, after))
    return MonitorWindow(first_day, after - timedelta(days=1), start, end)


def ended_periods(granularity: Granularity, after: datetime, as_of: datetime, timezone: str) -> list[MonitorWindow]:
    """List the calendar periods that have ended since.

    Args:
        granularity: hour, day, week (from Monday) or month.
        after: Those that ended at or before this instant are left out.
        as_of: The logical now.
        timezone: Zone of the calendar.

    Returns:
        Periods in order, each ended at or before `as_of`. The first may have begun before `after`.

    >>> march, may = datetime(2013, 3, 10, 4, tzinfo=UTC), datetime(2013, 5, 1, 4, tzinfo=UTC)
    >>> months = ended_periods(Granularity.MONTH, march, may, "America/New_York")
    >>> [(str(each.first_day), str(each.last_day)) for each in months]
    [('2013-03-01', '2013-03-31'), ('2013-04-01', '2013-04-30')]
    >>> hours = ended_periods(Granularity.HOUR, march, march + timedelta(hours=25), "America/New_York")
    >>> len(hours), hours[2].start.isoformat()  # a day of 23 hours
    (25, '2013-03-10T06:00:00+00:00')
    """
    zone = ZoneInfo(timezone)
    day = after.astimezone(zone).date()
    if granularity is Granularity.WEEK:
        day -= timedelta(days=day.weekday())
    elif granularity is Granularity.MONTH:
        day = day.replace(day=1)
    periods: list[MonitorWindow] = []
    while True:
        following = _following(granularity, day)
        start, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, following))
        if start >= as_of:
            return periods
        parts = [(start, end)]
        if granularity is Granularity.HOUR:
            hours = -((start - end) // timedelta(hours=1))
            starts = [start + timedelta(hours=each) for each in range(hours)]
            parts = [(each, min(each + timedelta(hours=1), end)) for each in starts]
        last_day = following - timedelta(days=1)
        periods += [MonitorWindow(day, last_day, first, last) for first, last in parts if after < last <= as_of]
        day = following


def _following(granularity: Granularity, day: date) -> date:
    if granularity is Granularity.MONTH:
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + timedelta(days=7 if granularity is Granularity.WEEK else 1)
