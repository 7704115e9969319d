"""A test message to the declared channels, whatever they are told of and whatever the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lakeloop.notifications.delivery import deliver
from lakeloop.notifications.message import TEST, Message
from lakeloop.notifications.place import Place
from lakeloop.statuses import MessageSeverity

if TYPE_CHECKING:
    from lakeloop.config.tree import Config


@dataclass(frozen=True)
class ChannelTest:
    """What became of a test message in a channel.

    Attributes:
        channel: The channel's name.
        kind: What it is.
        arrived: Whether the channel took it.
        error: What went wrong, without secrets; empty where nothing did.
    """

    channel: str
    kind: str
    arrived: bool
    error: str = ""


def try_channels(config: Config, names: Sequence[str], now: datetime) -> tuple[ChannelTest, ...]:
    """Send a test message to channels; it is no part of what is recorded.

    Args:
        config: The project.
        names: Channels of it.
        now: Wall clock, aware, UTC.

    Returns:
        What became of it, channel by channel.

    >>> from datetime import UTC
    >>> try_channels(shops, ["file"], datetime(2024, 2, 4, tzinfo=UTC))
    (ChannelTest(channel='file', kind='file', arrived=True, error=''),)
    """
    project = config.project
    place = Place(project.project, config.workspace, "nothing: nothing happened", now)
    found = []
    for name in names:
        channel = project.notify.named[name]
        message = Message(
            id=f"test-{now:%Y%m%dT%H%M%S%fZ}",
            about=TEST,
            kind=TEST,
            severity=MessageSeverity.INFO,
            title=f"a test of the channel {name}",
            lines=("Whoever reads this would be told of flags, decisions and promotions.",),
        )
        delivery = deliver(name, channel, message, place, config.hidden_arguments(name))
        found.append(ChannelTest(name, channel.word, delivery.is_sent, delivery.error))
    return tuple(found)


def describe_tests(tests: Sequence[ChannelTest]) -> str:
    """Write what became of test messages, a line each.

    Args:
        tests: By channel.

    Returns:
        Lines of plain text.

    >>> print(describe_tests([ChannelTest("log", "file", True), ChannelTest("oncall", "slack", False, "HTTP 404")]))
    log     file   arrived
    oncall  slack  FAILED: HTTP 404
    """
    names, kinds = (max(len(text) for text in each) for each in zip(*((t.channel, t.kind) for t in tests), strict=True))
    return "\n".join(
        f"{each.channel:<{names}}  {each.kind:<{kinds}}  "
        + ("arrived" if each.arrived else "FAILED")
        + (f": {each.error}" if each.error else "")
        for each in tests
    )
