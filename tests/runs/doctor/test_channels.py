"""Channels that cannot be reached are a warning, without their addresses; nothing is sent to those that can."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

from lakeloop.config.notify import Notify
from lakeloop.runs.doctor.channels import check_channels
from lakeloop.runs.doctor.finding import Finding
from tests.laws.small_loop import write_project
from tests.notifications.http_server import answering
from tests.notifications.sending import KEY


def check(root: Path, **channels: Any) -> Finding:
    config = write_project(root)
    notify = Notify.model_validate({"channels": channels})
    return check_channels(replace(config, project=config.project.model_copy(update={"notify": notify})))


def test_what_can_be_reached_is_sent_nothing(tmp_path: Path) -> None:
    with answering() as server, socket.create_server(("127.0.0.1", 0)) as mail:
        email = {"host": "127.0.0.1", "port": mail.getsockname()[1], "from": "a@x.org", "to": ["b@x.org"]}
        found = check(
            tmp_path,
            log={"file": "told.jsonl"},
            page={"command": ["true"]},
            oncall={"slack": server.url},
            tickets={"webhook": {"url": server.url, "secret": KEY}},
            team={"email": email},
        )
    assert found.status.value == "OK"
    assert found.found == "log, page, oncall, tickets, team: `lakeloop notify test` sends a message by each"
    assert server.posted == []


def test_what_cannot_be_reached_is_a_warning_without_addresses(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = check(tmp_path, page={"command": ["no-such-command"]}, oncall={"slack": f"http://127.0.0.1:{port}/T0KEN"})
    assert found.status.value == "WARN"
    assert found.found == ("page: there is no such command; oncall: its server takes no connection: Connection refused")
