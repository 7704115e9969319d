"""Whether the channels of notifications can be reached; nothing is sent."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lakeloop.runs.doctor.finding import Finding, ok, warn

if TYPE_CHECKING:
    from lakeloop.config.notify import Channel
    from lakeloop.config.tree import Config

_PATIENCE_SECONDS = 2
_PORTS = {"http": 80, "https": 443}


def check_channels(config: Config) -> Finding:
    """Check that commands are there and that servers take connections.

    Args:
        config: The project.

    Returns:
        WARN when one cannot be reached: the loop runs without it. No address is shown.

    >>> check_channels(shops).found
    'file: `lakeloop notify test` sends a message by it'
    """
    named = config.project.notify.named
    problems = {name: problem for name, each in named.items() if (problem := _problem(each))}
    if problems:
        found = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        return warn("notifications", found, "correct the channel, or the network; `lakeloop notify test` tells more")
    them = "it" if len(named) == 1 else "each"
    return ok("notifications", f"{', '.join(named)}: `lakeloop notify test` sends a message by {them}")


def _problem(channel: Channel) -> str:
    """Say what is wrong with a channel; a server that only a proxy reaches is found wrong, too."""
    if channel.command is not None:
        return "" if shutil.which(channel.command[0]) else "there is no such command"
    if channel.email is not None:
        return _unreachable(channel.email.host, channel.email.server_port)
    address = channel.slack or (channel.webhook.url if channel.webhook is not None else None)
    if address is None:
        return ""
    parts = urlsplit(address.get_secret_value())
    return _unreachable(parts.hostname or "", parts.port or _PORTS[parts.scheme])


def _unreachable(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), timeout=_PATIENCE_SECONDS):
            return ""
    except (OSError, UnicodeError) as failure:
        return f"its server takes no connection: {getattr(failure, 'strerror', None) or type(failure).__name__}"
