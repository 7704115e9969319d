"""What is announced once stays announced, whatever became of the file; and a command that fails is told of."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lakeloop.notifications.journal import FILE, Journal
from lakeloop.notifications.local import call_command
from tests.notifications.sending import channel, message, send

COPY = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('a').write(sys.stdin.read() + chr(10))"


@pytest.mark.parametrize("cut", ['{"id": "f9", "ki', "7", '{"kind": "bias"}'], ids=["cut short", "no message", "no id"])
def test_a_line_that_is_no_message_ends_nothing(tmp_path: Path, cut: str) -> None:
    declared, file = channel(file="told.jsonl"), tmp_path / "told.jsonl"
    assert send(tmp_path, declared).is_sent
    with file.open("a", encoding="utf-8") as lines:
        lines.write(cut)  # and the disk was full
    for message_id in ("f1", "f2", "f2"):
        assert send(tmp_path, declared, message(message_id)).is_sent
    first, second, third = file.read_text(encoding="utf-8").splitlines()
    assert (json.loads(first)["id"], second, json.loads(third)["id"]) == ("f1", cut, "f2")


def test_a_line_says_all_of_it(tmp_path: Path) -> None:
    send(tmp_path, channel(file="told.jsonl"))
    assert json.loads((tmp_path / "told.jsonl").read_text(encoding="utf-8")) == {
        "id": "f1", "about": "flag", "kind": "contract_drift", "severity": "critical", "model": "late",
        "model_version": "3", "subject": "items", "title": "late version 3: contract drift of items",
        "lines": ["Why: psi 0.3, threshold 0.1."], "as_of": "2024-02-04T00:00:00Z",
        "window_end": "2024-02-04T00:00:00Z",
    }  # fmt: skip


def test_a_file_that_can_not_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "told.jsonl").mkdir()
    delivery = send(tmp_path, channel(file="told.jsonl"))
    assert (delivery.is_sent, delivery.error) == (False, "Is a directory")


def test_a_command_gets_a_message_once(tmp_path: Path) -> None:
    declared = channel(command=[sys.executable, "-c", COPY, str(tmp_path / "got")])
    assert [send(tmp_path, declared).is_sent for _ in range(2)] == [True, True]
    (line,) = (tmp_path / "got").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["id"] == "f1"
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8")) == {"channel": "oncall", "id": "f1"}


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["no-such-command"], "No such file or directory"),
        ([sys.executable, "-c", "import sys; sys.exit('no network to ' + sys.argv[1])", "https://x/t0ken-of-it"],
         "exit code 1: no network to (hidden)"),
        ([sys.executable, "-c", "import sys; sys.stderr.write('x y ' * 400); sys.exit(3)"], "exit code 3: x y x y"),
    ],
)  # fmt: skip
def test_a_command_that_fails_is_told_of_and_called_again(tmp_path: Path, command: list[str], error: str) -> None:
    delivery = send(tmp_path, channel(command=command), hidden=["https://x/t0ken-of-it"])
    assert not delivery.is_sent
    assert delivery.error.startswith(error)
    assert len(delivery.error) <= 300
    assert not Journal(tmp_path).knows("oncall", "f1")


def test_a_command_that_does_not_end_is_ended() -> None:
    attempt = call_command([sys.executable, "-c", "import time; time.sleep(30)"], message(), seconds=0.3)
    assert attempt.problem == "no end within 0.3 seconds"


def test_what_was_sent_when_there_was_but_one_channel_is_not_sent_again(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"id": "f1"}\n', encoding="utf-8")
    assert send(tmp_path, channel(command=["no-such-command"])).is_sent
    assert not send(tmp_path, channel(command=["no-such-command"]), message("f2")).is_sent


def test_a_journal_that_can_not_be_written_keeps_nothing_from_being_sent(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    assert send(tmp_path, channel(command=["true"])).is_sent
