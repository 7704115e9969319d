"""Messages as Slack's incoming webhooks take them; servers that know no blocks show the text."""

from __future__ import annotations

from typing import Any

from lakeloop.notifications.message import Message, one_line
from lakeloop.notifications.place import Place
from lakeloop.statuses import MessageSeverity

_MAX_HEADER, _MAX_SECTION = 150, 2900
_MARKS = {
    MessageSeverity.INFO: ":information_source:",
    MessageSeverity.WARNING: ":warning:",
    MessageSeverity.CRITICAL: ":rotating_light:",
}


def slack_body(message: Message, place: Place) -> dict[str, Any]:
    """Write a message for an incoming webhook.

    Args:
        message: The message.
        place: Where it comes from.

    Returns:
        `text`, which holds all of it, and `blocks`, which Slack shows in its place.

    Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and the limits of block kit.

    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> place = Place("shops", Path("/data"), "/data/report.html", datetime(2024, 2, 4, tzinfo=UTC))
    >>> message = Message("f1", "flag", "bias", MessageSeverity.WARNING, "late: bias", ("a < b",), "2024-02-04")
    >>> body = slack_body(message, place)
    >>> body["text"].splitlines()[:2]
    [':warning: late: bias', 'a &lt; b']
    >>> [block["type"] for block in body["blocks"]]
    ['header', 'section', 'context']
    """
    mark = _MARKS[message.severity]
    header = {"type": "plain_text", "text": one_line(f"{mark} {message.title}", _MAX_HEADER), "emoji": True}
    said = "\n".join(_escape(line) for line in message.lines)
    said = said if len(said) <= _MAX_SECTION else f"{said[:_MAX_SECTION]}..."
    footer = "\n".join(_escape(line) for line in place.footer_of(message))
    blocks: list[dict[str, Any]] = [{"type": "header", "text": header}]
    if said:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": said}})
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]})
    return {
        "text": "\n".join([f"{mark} {_escape(message.title)}", *([said] if said else []), footer]),
        "blocks": blocks,
    }


def _escape(text: str) -> str:
    """Write the three characters that Slack gives a meaning to: no text becomes a link or calls a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
