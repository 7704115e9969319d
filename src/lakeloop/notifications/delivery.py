"""Handing a message to a channel: what goes wrong is told, never raised, and holds no secret."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from lakeloop.config.addresses import hide_credentials
from lakeloop.config.notify import Channel
from lakeloop.config.variables import hide_values
from lakeloop.notifications.channel import DeclaredChannel, send_by
from lakeloop.notifications.journal import Journal
from lakeloop.notifications.local import call_command, write_line
from lakeloop.notifications.mail import send_mail, write_mail
from lakeloop.notifications.message import Message, one_line
from lakeloop.notifications.place import Place
from lakeloop.notifications.posting import post_json
from lakeloop.notifications.retrying import Attempt, try_again
from lakeloop.notifications.signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from lakeloop.notifications.slack import slack_body

_MAX_ERROR = 300
_HIDDEN = "(hidden)"


@dataclass(frozen=True)
class Delivery:
    """What became of a message.

    Attributes:
        is_sent: Whether the channel took it.
        error: What went wrong, bounded and without secrets; empty where nothing did.
    """

    is_sent: bool
    error: str = ""


def deliver(name: str, channel: Channel, message: Message, place: Place, hidden: Sequence[str] = ()) -> Delivery:
    """Hand a message to a channel, once per id as far as this workspace knows.

    Args:
        name: The channel's name.
        channel: The channel.
        message: The message.
        place: Where it comes from.
        hidden: Texts no error may show, beside the secrets of the channel.

    Returns:
        Whether it arrived; a message that was sent before has.

    >>> import tempfile
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from lakeloop.statuses import MessageSeverity
    >>> message = Message("f1", "flag", "bias", MessageSeverity.WARNING, "late: bias", ("bias 0.3",), "2024-02-04")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place = Place("shops", Path(folder), "report.html", datetime(2024, 2, 4, tzinfo=UTC))
    ...     [deliver("oncall", Channel(command=each), message, place) for each in (["false"], ["true"], ["false"])]
    [Delivery(is_sent=False, error='exit code 1'), Delivery(is_sent=True, error=''), Delivery(is_sent=True, error='')]
    """
    if channel.file is not None:
        return _told(write_line(place.workspace / channel.file, message), hidden)
    journal = Journal(place.workspace)
    with contextlib.suppress(OSError):  # without the journal it is sent; what is recorded of it holds too
        if journal.knows(name, message.id):
            return Delivery(True)
    attempt = _send(channel, message, place)
    if attempt.is_sent:
        with contextlib.suppress(OSError):
            journal.note(name, message.ids)
    return _told(attempt, (*channel.secrets, *hidden))


def _send(channel: Channel, message: Message, place: Place) -> Attempt:
    if channel.command is not None:
        return call_command(channel.command, message)
    if channel.slack is not None:
        url, body = channel.slack.get_secret_value(), _bytes(slack_body(message, place))
        return try_again(lambda seconds: post_json(url, body, {}, seconds), place.patience)
    if channel.webhook is not None:
        url, secret = channel.webhook.url.get_secret_value(), channel.webhook.secret.get_secret_value()
        body, timestamp = _bytes({**message.to_plain(), "project": place.project}), int(place.now.timestamp())
        headers = {
            ID_HEADER: message.id,
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: sign(secret, timestamp, body),
        }
        return try_again(lambda seconds: post_json(url, body, headers, seconds), place.patience)
    if channel.email is not None:
        email, mail = channel.email, write_mail(channel.email, message, place)
        return try_again(lambda seconds: send_mail(email, mail, seconds), place.patience)
    if isinstance(channel.plugin, DeclaredChannel):
        return send_by(channel.plugin, message, place)
    raise ValueError("a channel of no kind; the declaration refuses it")


def _bytes(body: object) -> bytes:
    return json.dumps(body, sort_keys=True, default=str, ensure_ascii=False).encode("utf-8", "replace")


def _told(attempt: Attempt, hidden: Sequence[str]) -> Delivery:
    text = hide_credentials(" ".join(attempt.problem.split()))
    return Delivery(
        attempt.is_sent, one_line(hide_values(text, dict.fromkeys(hidden, _HIDDEN), pieces=True), _MAX_ERROR)
    )
