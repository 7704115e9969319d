"""Messages, places and channels of the tests, each stating only what matters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakeloop.config.notify import Channel
from lakeloop.notifications import Delivery, Message, Patience, Place, deliver
from lakeloop.statuses import MessageSeverity

NOW = datetime(2024, 2, 4, 12, tzinfo=UTC)
KEY = "a key that nobody guesses"
HASTE = Patience(total=20.0, each=10.0, waits=(0.05, 0.05))


def message(message_id: str = "f1", **changes: Any) -> Message:
    declared: dict[str, Any] = {
        "about": "flag", "kind": "contract_drift", "severity": MessageSeverity.CRITICAL,
        "title": "late version 3: contract drift of items", "lines": ("Why: psi 0.3, threshold 0.1.",),
        "as_of": "2024-02-04T00:00:00Z", "model": "late", "model_version": "3", "subject": "items",
        "details": {"window_end": "2024-02-04T00:00:00Z"},
    }  # fmt: skip
    return Message(message_id, **(declared | changes))


def channel(**declared: Any) -> Channel:
    return Channel.model_validate(declared)


def send(
    folder: Path,
    declared: Channel,
    sent: Message | None = None,
    patience: Patience = HASTE,
    hidden: Sequence[str] = (),
) -> Delivery:
    place = Place("shops", folder, "/ws/report.html", NOW, patience)
    return deliver("oncall", declared, sent or message(), place, hidden)
