"""Channels that packages bring: a section of the configuration that knows how to send a message."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from lakeloop.config.plugins import PluginSection
from lakeloop.entry_points import PluginGroup
from lakeloop.notifications.message import Message
from lakeloop.notifications.place import Place
from lakeloop.notifications.retrying import Attempt, try_again

_PASSING = (TimeoutError, ConnectionError)


class DeclaredChannel(PluginSection):
    """A channel of a package: its fields are the keys below its word in `notify.channels`.

    Lakeloop says when there is something to tell and to whom, holds back what falls into quiet hours, sends a message
    once per id as far as the workspace knows, asks again where `send` says that it may help, records what became of
    it, and keeps the values of `SecretStr` fields out of every error.

    >>> from lakeloop.notifications.retrying import SENT
    >>> from lakeloop.statuses import MessageSeverity
    >>> class Board(DeclaredChannel):
    ...     wall: str
    ...     def send(self, message, place, seconds):
    ...         print(f"{message.title} on the wall of the {self.wall}")
    ...         return SENT
    >>> board, message = Board(wall="hall"), Message("f1", "flag", "bias", MessageSeverity.WARNING, "late: bias", ())
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> send_by(board, message, Place("shops", Path("/data"), "report.html", datetime(2024, 2, 4, tzinfo=UTC))).is_sent
    late: bias on the wall of the hall
    True
    """

    group: ClassVar[PluginGroup] = PluginGroup.CHANNELS

    @abstractmethod
    def send(self, message: Message, place: Place, seconds: float) -> Attempt:
        """Send a message, once; called in a thread of its own.

        Args:
            message: What is told: `title`, `lines`, `severity`; `to_plain()` gives all of it as a JSON object.
            place: Where it comes from; `text_of(message)` writes it as plain text.
            seconds: How long it may take; what takes longer is left to itself and counts as not sent.

        Returns:
            `SENT`; or an `Attempt` that says what went wrong, and by `is_transient` whether it may pass in a moment.
            What is raised counts as not sent; a `TimeoutError` or `ConnectionError` as what may pass.
        """


def send_by(channel: DeclaredChannel, message: Message, place: Place) -> Attempt:
    """Send a message by a channel of a package.

    Args:
        channel: The channel.
        message: The message.
        place: Where it comes from, and how long is waited.

    Returns:
        What it came to; nothing that the package raises gets further than here.

    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from lakeloop.statuses import MessageSeverity
    >>> class Broken(DeclaredChannel):
    ...     def send(self, message, place, seconds):
    ...         raise ValueError("no such wall")
    >>> message = Message("f1", "flag", "bias", MessageSeverity.WARNING, "late: bias", ())
    >>> send_by(Broken(), message, Place("shops", Path("/data"), "report.html", datetime(2024, 2, 4, tzinfo=UTC)))
    Attempt(problem='ValueError: no such wall', is_sent=False, is_transient=False, wait=None)
    """

    def attempt(seconds: float) -> Attempt:
        try:
            found: object = channel.send(message, place, seconds)
        except Exception as failure:  # noqa: BLE001 - a package may raise anything; the loop goes on
            return Attempt(f"{type(failure).__name__}: {failure}", is_transient=isinstance(failure, _PASSING))
        if not isinstance(found, Attempt):
            return Attempt(f"send gave {type(found).__name__}; it has to give SENT or an Attempt")
        return found

    return try_again(attempt, place.patience)
