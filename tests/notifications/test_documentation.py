"""`docs/notifications.md`: its project is read, its receiver verifies what is sent, its numbers are the code's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lakeloop.config.located_yaml import parse_yaml
from lakeloop.config.notify import ChannelKind
from lakeloop.config.notify_issues import notify_issues
from lakeloop.config.project import Project
from lakeloop.decisions.flags import Flag
from lakeloop.notifications.local import _COMMAND_SECONDS
from lakeloop.notifications.retrying import PATIENT
from lakeloop.notifications.wording import flag_message
from lakeloop.runs.announcements import MOST_TURNS
from lakeloop.statuses import FlagKind, MessageAbout, MessageSeverity, NotificationStatus
from tests.notifications.http_server import answering
from tests.notifications.sending import KEY, NOW, channel, send

PAGE = (Path(__file__).parents[2] / "docs/notifications.md").read_text(encoding="utf-8")


def test_the_project_of_the_page_is_read() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    variables = {
        "SLACK_WEBHOOK": "https://hooks.example.com/x", "TICKETS_URL": "https://tickets.example.com/x",
        "TICKETS_KEY": KEY, "SMTP_PASSWORD": "x",
    }  # fmt: skip
    document = parse_yaml(block, "project.yml", variables)
    assert (document.issues, list(notify_issues(document))) == ((), [])
    assert list(Project.model_validate(document.data).notify.named) == ["log", "oncall", "tickets", "team"]


def test_the_receiver_of_the_page_verifies_what_is_sent(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    known: dict[str, Any] = {}
    exec(compile(block, "docs/notifications.md", "exec"), known)
    verify = known["is_from_lakeloop"]
    with answering() as server:
        assert send(tmp_path, channel(webhook={"url": server.url, "secret": KEY})).is_sent
    (posted,) = server.posted
    sent_at = NOW.timestamp()
    assert verify(KEY, posted.headers, posted.body, sent_at + 60) is True
    assert verify(KEY, posted.headers, posted.body, sent_at + 600) is False
    assert verify(KEY, posted.headers, posted.body.replace(b"late", b"lake"), sent_at) is False
    assert verify("another key of length", posted.headers, posted.body, sent_at) is False


def test_the_page_says_what_the_code_does() -> None:
    rows = {row.split(" | ")[0].strip("| `"): row for row in PAGE.splitlines() if row.startswith("| `")}
    assert {*ChannelKind, *MessageAbout, *NotificationStatus} <= set(rows)
    for kind in FlagKind:
        severity = flag_message(Flag(kind, "late", "1", "x", NOW, NOW, NOW)).severity
        (said,) = re.findall(rf"`({'|'.join(MessageSeverity)})`: [^;|]*`{kind.value}`", rows["flag"])
        assert said == severity.value, kind
    assert f"at most three times within {PATIENT.total:.0f} seconds" in PAGE
    assert len(PATIENT.waits) == 2
    assert f"After {MOST_TURNS} turns it is given up" in PAGE
    assert f"failed in {MOST_TURNS} turns" in PAGE
    assert f"no end within {_COMMAND_SECONDS:.0f} seconds" in PAGE
