"""Channels of notifications: entry points of the group `lakeloop.channels` name a class.

It inherits from `DeclaredChannel`.

>>> sorted(DeclaredChannel.__abstractmethods__), SENT.is_sent
(['send'], True)
"""

from lakeloop.config.notify import WebAddress
from lakeloop.config.section import Duration, Number, Text, Whole
from lakeloop.notifications.channel import DeclaredChannel
from lakeloop.notifications.message import Message
from lakeloop.notifications.place import Place
from lakeloop.notifications.posting import post_json
from lakeloop.notifications.retrying import SENT, Attempt
from lakeloop.statuses import MessageSeverity

__all__ = [
    "SENT",
    "Attempt",
    "DeclaredChannel",
    "Duration",
    "Message",
    "MessageSeverity",
    "Number",
    "Place",
    "Text",
    "WebAddress",
    "Whole",
    "post_json",
]
