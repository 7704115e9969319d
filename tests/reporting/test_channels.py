from __future__ import annotations

from lakeloop.reporting.channels import assemble_channels
from tests.reporting.recordings import notification


def test_the_last_step_of_each_message_counts() -> None:
    rows = [
        notification("mail", "FAILED"),
        notification("mail", "GIVEN_UP", attempts=5),
        notification("mail", "FAILED", 2),
        notification("mail", "HELD", 3),
        notification("mail", "SKIPPED", 4),
        notification("chat", "FAILED"),
        notification("chat", "SENT", attempts=2),
    ]
    assert assemble_channels(rows) == (
        "mail: of 4 messages 1 could not be sent yet and will be tried again",
        "mail: of 4 messages 1 waits to be sent",
        "mail: of 4 messages 1 was given up: nobody was told",
    )
    assert assemble_channels([]) == ()
