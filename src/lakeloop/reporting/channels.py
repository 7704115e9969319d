"""What became of messages that a channel did not carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lakeloop.reporting.recorded import Row
from lakeloop.statuses import NotificationStatus

_WORDS = {
    NotificationStatus.FAILED: "could not be sent yet and will be tried again",
    NotificationStatus.HELD: "waits to be sent",
    NotificationStatus.GIVEN_UP: "was given up: nobody was told",
}


def assemble_channels(rows: Iterable[Row]) -> tuple[str, ...]:
    """Say of each channel what it did not carry.

    Args:
        rows: Rows of `ops.notifications`; of each message in a channel the one with the most attempts counts.

    Returns:
        A sentence per channel and kind of trouble, by channel; none where everything was sent.

    >>> row = {"notification_id": "a", "channel": "mail", "attempts": 1, "status": "FAILED"}
    >>> assemble_channels([row, {**row, "notification_id": "b", "status": "SENT"}])
    ('mail: of 2 messages 1 could not be sent yet and will be tried again',)
    >>> assemble_channels([row, {**row, "attempts": 2, "status": "SENT"}])
    ()
    """
    last: dict[tuple[str, str], Row] = {}
    for row in sorted(rows, key=lambda each: each["attempts"]):
        last[row["channel"], row["notification_id"]] = row
    counts = Counter((channel, str(row["status"])) for (channel, _), row in last.items())
    totals = Counter(channel for channel, _ in last)
    return tuple(
        f"{channel}: of {totals[channel]} message{'' if totals[channel] == 1 else 's'} {count} {words}"
        for channel in sorted(totals)
        for status, words in _WORDS.items()
        if (count := counts[channel, status.value])
    )
