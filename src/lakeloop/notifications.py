"""Announcing flags and decisions: one JSON line in a file, or one call of a command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lakeloop.config.project import Notify
from lakeloop.errors import EnvironmentProblemError, Failure

_COMMAND_SECONDS = 30


def announce(notify: Notify, workspace: Path, message: Mapping[str, Any]) -> bool:
    """Announce a message once per id.

    Args:
        notify: The declared channel.
        workspace: Folder of the file channel, and of the list of ids that were announced.
        message: JSON-safe; holds its `id`.

    Returns:
        Whether it was announced now; False when an earlier call did.

    Raises:
        EnvironmentProblemError: If the command is missing, fails or takes longer than 30 seconds.

    >>> import tempfile
    >>> flag = {"id": "f1", "kind": "contract_drift", "subject": "items"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     told = [announce(Notify(file="told.jsonl"), Path(folder), flag) for _ in range(2)]
    ...     lines = (Path(folder) / "told.jsonl").read_text().splitlines()
    >>> told, lines
    ([True, False], ['{"id": "f1", "kind": "contract_drift", "subject": "items"}'])
    """
    workspace.mkdir(parents=True, exist_ok=True)
    line = json.dumps(message, sort_keys=True, default=str)
    sent = workspace / (notify.file or "notifications.sent")
    text = sent.read_text(encoding="utf-8", errors="replace") if sent.exists() else ""
    if any(_id_of(each) == message["id"] for each in text.splitlines()):
        return False
    if notify.command is not None:
        _call(notify.command, line)
    with sent.open("a", encoding="utf-8") as lines:
        begin = "" if text.endswith("\n") or not text else "\n"  # a full disk has cut the last line short
        lines.write(begin + (line if notify.file else json.dumps({"id": message["id"]})) + "\n")
    return True


def _id_of(line: str) -> object:
    """Give the id of a line that was announced; None of one that was cut short."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found.get("id") if isinstance(found, dict) else None


def _call(command: tuple[str, ...], line: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the project's own declared command
            list(command), input=line, text=True, capture_output=True, timeout=_COMMAND_SECONDS, check=False
        )
        problem = None if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr.strip()[:200]}"
    except (OSError, subprocess.TimeoutExpired) as failure:
        problem = str(failure)
    if problem is not None:
        raise EnvironmentProblemError(
            "notification", [Failure(command[0], problem)], "correct notify.command in project.yml, or use notify.file"
        )
