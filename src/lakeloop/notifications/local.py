"""Channels of this machine: a file of JSON lines, and a command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lakeloop.notifications.journal import append_lines, read_lines
from lakeloop.notifications.message import Message
from lakeloop.notifications.retrying import SENT, Attempt

_COMMAND_SECONDS = 30.0


def write_line(path: Path, message: Message) -> Attempt:
    """Append a message to a file, unless the file has it.

    Args:
        path: The file.
        message: The message.

    Returns:
        SENT, or what the file system said.

    >>> import tempfile
    >>> from lakeloop.statuses import MessageSeverity
    >>> message = Message("f1", "flag", "bias", MessageSeverity.WARNING, "late: bias", ())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sent = [write_line(Path(folder) / "told.jsonl", message).is_sent for _ in range(2)]
    ...     sent, len((Path(folder) / "told.jsonl").read_text().splitlines())
    ([True, True], 1)
    """
    try:
        if not any(line.get("id") == message.id for line in read_lines(path)):
            append_lines(path, [json.dumps(message.to_plain(), sort_keys=True, default=str)])
    except OSError as failure:
        return Attempt(failure.strerror or str(failure))
    return SENT


def call_command(command: Sequence[str], message: Message, seconds: float = _COMMAND_SECONDS) -> Attempt:
    """Call a command with a message as JSON on its standard input.

    Args:
        command: The command and its arguments.
        message: The message.
        seconds: How long it may take.

    Returns:
        SENT when it ended with 0.

    >>> from lakeloop.statuses import MessageSeverity
    >>> message = Message("f1", "flag", "bias", MessageSeverity.WARNING, "late: bias", ())
    >>> call_command(["false"], message).problem
    'exit code 1'
    """
    line = json.dumps(message.to_plain(), sort_keys=True, default=str)
    try:
        done = subprocess.run(  # noqa: S603 - the project's own declared command
            list(command), input=line, text=True, capture_output=True, timeout=seconds, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return Attempt(f"no end within {seconds:.3g} seconds")
    except (OSError, ValueError) as failure:
        return Attempt(getattr(failure, "strerror", None) or str(failure))
    said = done.stderr.strip()
    return SENT if done.returncode == 0 else Attempt(f"exit code {done.returncode}{f': {said}' if said else ''}")
