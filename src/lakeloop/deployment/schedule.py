"""When a turn is begun: after the labels of the day before have closed, in the project's time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from lakeloop.config.tree import Config
from lakeloop.errors import UsageError

AFTER_CLOSING = timedelta(minutes=30)
"""How long after the last closing of labels a turn is begun."""

_DAY = timedelta(days=1)
_TIME = re.compile(r"(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])", re.ASCII)


@dataclass(frozen=True)
class Schedule:
    """A time of every day.

    Attributes:
        hour: Hour on the clock of the zone, 0 to 23.
        minute: Minute, 0 to 59.
        timezone: IANA zone.

    >>> daily = Schedule(6, 30, "America/New_York")
    >>> daily.cron, daily.quartz
    ('30 6 * * *', '0 30 6 * * ?')
    """

    hour: int
    minute: int
    timezone: str

    @property
    def cron(self) -> str:
        """The time as cron has it: minute, hour, day, month, weekday."""
        return f"{self.minute} {self.hour} * * *"

    @property
    def quartz(self) -> str:
        """The time as Quartz has it: seconds before, and one of the two days left open."""
        return f"0 {self.minute} {self.hour} * * ?"

    @property
    def clock(self) -> str:
        """The time as people write it."""
        return f"{self.hour:02d}:{self.minute:02d}"


def make_schedule(config: Config, at: str | None = None) -> Schedule:
    """Tell when turns are begun.

    Args:
        config: The project.
        at: A time of day, `06:30`; None for half an hour after the last closing of labels in the project's zone.

    Returns:
        The time.

    Raises:
        UsageError: If the time is none, or no closing in the project's zone tells one.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> make_schedule(load_config(Path())).clock  # days of the flights close at 06:00
    '06:30'
    """
    zone = config.project.timezone
    if at is not None:
        found = _TIME.fullmatch(at.strip())
        if found is None:
            raise UsageError("--at", repr(at), "a time of day, as in 06:30", "write hours and minutes, 00:00 to 23:59")
        return Schedule(int(found["hour"]), int(found["minute"]), zone)
    closings = [model.label.closes for model in config.models.values()]
    times = [timedelta(hours=each.at.at.hour, minutes=each.at.at.minute) for each in closings]
    elsewhere = sorted(name for name, each in config.models.items() if each.label.closes.timezone != zone)
    if not times or elsewhere:
        got = f"nothing, and the labels of {elsewhere[0]} close by another zone's clock" if elsewhere else "nothing"
        raise UsageError("--at", got, "a time of day, as in 06:30", f"name the time, by the clock of {zone}")
    begun = (max(times) + AFTER_CLOSING) % _DAY
    return Schedule(begun.seconds // 3600, begun.seconds % 3600 // 60, zone)
