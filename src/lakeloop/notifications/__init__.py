"""Notifications: messages, and the channels that carry them; what became of them is recorded by the runs."""

from lakeloop.notifications.delivery import Delivery, deliver
from lakeloop.notifications.message import DIGEST, TEST, Message, from_plain, join_messages
from lakeloop.notifications.place import Place
from lakeloop.notifications.retrying import Patience

__all__ = ["DIGEST", "TEST", "Delivery", "Message", "Patience", "Place", "deliver", "from_plain", "join_messages"]
