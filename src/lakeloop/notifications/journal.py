"""What was sent by which channel, a line each: a process that ends before it is recorded sends nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FILE = "notifications.sent"


class Journal:
    """A file of what was sent, in the workspace; it is only appended to.

    Args:
        workspace: The folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Journal(Path(folder)).note("oncall", ["f1"])
    ...     [Journal(Path(folder)).knows(*each) for each in (("oncall", "f1"), ("mail", "f1"), ("oncall", "f2"))]
    [True, False, False]
    """

    def __init__(self, workspace: Path) -> None:
        self._path = workspace / FILE

    def knows(self, channel: str, message_id: str) -> bool:
        """Tell whether a channel was sent a message.

        Args:
            channel: Its name.
            message_id: Id of the message.

        Returns:
            Whether a line says so; one without a channel is of when there was but one.
        """
        return any(
            line.get("id") == message_id and line.get("channel", channel) == channel for line in read_lines(self._path)
        )

    def note(self, channel: str, message_ids: Iterable[str]) -> None:
        """Note that a channel was sent messages."""
        append_lines(self._path, [json.dumps({"channel": channel, "id": each}) for each in message_ids])


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the JSON objects of a file, a line each; a line that was cut short is none.

    >>> read_lines(Path("nowhere"))
    []
    """
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            plain = json.loads(line)
        except ValueError:
            continue
        if isinstance(plain, dict):
            found.append(plain)
    return found


def append_lines(path: Path, lines: Iterable[str]) -> None:
    r"""Append lines to a file, on lines of their own whatever its last one is.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "told.jsonl"
    ...     _ = path.write_text('{"id": "cut sh')  # the disk was full
    ...     append_lines(path, ["{}"])
    ...     path.read_text()
    '{"id": "cut sh\n{}\n'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    is_cut = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if is_cut else "") + "".join(f"{line}\n" for line in lines))
