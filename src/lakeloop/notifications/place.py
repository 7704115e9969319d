"""Where messages come from, and what a delivery came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lakeloop.notifications.message import Message
from lakeloop.notifications.retrying import PATIENT, Patience


@dataclass(frozen=True)
class Place:
    """Where messages come from.

    Attributes:
        project: Name of the project.
        workspace: Folder of the file channels, and of the record of what was sent.
        where: Where a person looks for more.
        now: Wall clock, aware, UTC.
        patience: How long a channel that does not answer is waited for.

    >>> from datetime import UTC
    >>> place = Place("shops", Path("/data"), "/data/report.html", datetime(2024, 2, 4, tzinfo=UTC))
    >>> place.patience.total
    8.0
    """

    project: str
    workspace: Path
    where: str
    now: datetime
    patience: Patience = PATIENT

    def text_of(self, message: Message) -> str:
        """Write a message as plain text below its title.

        Args:
            message: The message.

        Returns:
            Its sentences, then where it comes from and where to look.
        """
        return "\n".join([*message.lines, "", *self.footer_of(message)])

    def footer_of(self, message: Message) -> tuple[str, ...]:
        """Say where a message comes from and where to look.

        Args:
            message: The message.

        Returns:
            Two lines.
        """
        turn = f", as of {message.as_of}" if message.as_of else ""
        return f"lakeloop, project {self.project}{turn}", f"Look at {self.where}"
