"""`lakeloop notify test`: it says per channel whether a message arrived, and its exit code says whether all did."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lakeloop.cli import main
from tests.laws.small_loop import write_project
from tests.notifications.http_server import answering
from tests.notifications.sending import KEY
from tests.notifications.smtp_server import mail_server

Call = Callable[..., tuple[int, str, str]]
OLD = "notify: {file: notifications.jsonl}\n"


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    config = write_project(tmp_path)
    project = config.root / "conf/base/project.yml"

    def called(notify: str, *arguments: str) -> tuple[int, str, str]:
        project.write_text(project.read_text(encoding="utf-8").replace(OLD, notify), encoding="utf-8")
        with pytest.raises(SystemExit) as stop:
            main(["notify", "test", *arguments, "--project", str(config.root)])
        said = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, said.out, said.err

    return called


def channels(mail_port: int) -> str:
    mail = f"host: 127.0.0.1, port: {mail_port}, security: none, from: a@x.org, to: [b@x.org]"
    return f"""notify:
  quiet_hours: {{from: "00:00", to: "23:59"}}
  channels:
    log: {{file: told.jsonl, on: [decision]}}
    oncall: {{slack: "${{HOOK}}", severity: critical}}
    tickets: {{webhook: {{url: "${{HOOK}}", secret: "${{KEY}}"}}}}
    team: {{email: {{{mail}}}}}
"""


def test_every_channel_gets_a_message_whatever_it_is_told_of_and_whatever_the_hour(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with answering() as server, mail_server() as mail:
        monkeypatch.setenv("HOOK", server.url)
        monkeypatch.setenv("KEY", KEY)
        code, out, err = call(channels(mail.port))
    assert (code, err) == (0, "")
    assert out == (
        "log      file     arrived\noncall   slack    arrived\ntickets  webhook  arrived\nteam     email    arrived\n"
    )
    assert (len(server.posted), len(mail.mails)) == (2, 1)
    assert mail.mails[0]["Subject"] == "[shops] a test of the channel team"
    (line,) = (tmp_path / "workspace/told.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["about"] == "test"
    assert not (tmp_path / "workspace/ops").exists()


def test_one_that_fails_is_named_and_the_exit_code_says_so(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(404, answer=b"no_service") as server, mail_server(refuses={"MAIL": "550 5.7.1 no"}) as mail:
        monkeypatch.setenv("HOOK", server.url)
        monkeypatch.setenv("KEY", KEY)
        code, out, err = call(channels(mail.port), "--json")
    assert code == 7
    assert "  - oncall: HTTP 404 Not Found: no_service\n" in err
    assert "  - team: 550 5.7.1 no\n" in err
    line = json.loads(out)
    assert (line["exit_code"], line["error"]["type"]) == (7, "EnvironmentProblemError")
    assert [(each["channel"], each["arrived"]) for each in line["result"]["channels"]] == [
        ("log", True), ("oncall", False), ("tickets", False), ("team", False),
    ]  # fmt: skip
    assert "T0KEN" not in out + err
    assert KEY not in out + err


def test_one_channel_is_chosen_by_its_name(call: Call) -> None:
    notify = "notify: {channels: {log: {file: told.jsonl}, bad: {command: [no-such-command]}}}\n"
    assert call(notify, "--channel", "log") == (0, "log  file  arrived\n", "")
    code, out, _ = call(notify, "--channel", "bad")
    assert (code, out) == (7, "bad  command  FAILED: No such file or directory\n")
    code, _, err = call(notify, "--channel", "bda")
    assert (code, err) == (2, "--channel: got 'bda'; allowed: log, bad; remedy: did you mean 'bad'?\n")


def test_the_form_without_names_is_tested_too(call: Call) -> None:
    assert call(OLD) == (0, "file  file  arrived\n", "")
