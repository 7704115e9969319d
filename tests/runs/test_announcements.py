"""What becomes of messages over the turns: sent once, held at night, tried again, given up; no channel fails a job."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakeloop import schemas
from lakeloop.config import Config
from lakeloop.config.notify import Notify
from lakeloop.decisions.flags import Flag
from lakeloop.notifications import retrying
from lakeloop.runs.announcements import (
    MOST_TURNS,
    announce,
    announce_closed,
    announce_decision,
    announce_flags,
    announce_promotion,
)
from lakeloop.runs.context import Context
from lakeloop.runs.flags import clear_flags, close_flags, close_gate_flags, raise_flags, raise_quality_flag
from lakeloop.runs.promotions import Promotion
from lakeloop.statuses import FlagKind, LedgerEvent, NotificationStatus
from tests.laws.small_loop import write_project
from tests.notifications.http_server import answering
from tests.notifications.sending import KEY, message

TURN = datetime(2024, 2, 4, tzinfo=UTC)
NOON, NIGHT = datetime(2024, 2, 4, 12, tzinfo=UTC), datetime(2024, 2, 4, 23, tzinfo=UTC)
QUIET = {"from": "22:00", "to": "07:00", "timezone": "UTC", "except": ["quality"]}
RETRAIN = {"action": "retrain", "reasons": ["schedule: due"]}
NOTHING: dict[str, Any] = {"action": "none", "reasons": []}

Turn = Callable[..., Context]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel is waited for as long as a job waits, but between attempts."""
    monkeypatch.setattr(retrying.time, "sleep", lambda _: None)


@pytest.fixture
def turn(tmp_path: Path) -> Turn:
    """Open the project at a turn, with channels and a wall clock."""
    config = write_project(tmp_path)

    def open_at(days: int = 0, now: datetime = NOON, **notify: Any) -> Context:
        project = config.project.model_copy(update={"notify": Notify.model_validate(notify)})
        changed: Config = replace(config, project=project)
        return Context(changed, TURN + timedelta(days=days), clock=lambda: now + timedelta(days=days))

    return open_at


def flag(kind: FlagKind = FlagKind.CONTRACT_DRIFT, subject: str = "items", version: str = "1", day: int = 0) -> Flag:
    at = TURN + timedelta(days=day)
    evidence = {"statistic": "psi", "value": 0.3, "threshold": 0.1, "rows": 640}
    return Flag(kind, "late", version, subject, at - timedelta(days=7), at, at, evidence)


def steps(context: Context) -> list[tuple[Any, ...]]:
    """Channel, what it is about, kind, status and attempts, in the order in which it was recorded."""
    rows = context.lake.own_rows(schemas.NOTIFICATIONS, None)
    keys = ("channel", "about", "kind", "status", "attempts")
    order = {"SKIPPED": 0, "HELD": 0, "FAILED": 1, "SENT": 2, "GIVEN_UP": 2}
    rows.sort(key=lambda row: (row["as_of"], row["channel"], row["attempts"], order[row["status"]], row["about"]))
    return [tuple(row[key] for key in keys) for row in rows]


def errors(context: Context) -> list[str]:
    return [row["error"] for row in context.lake.own_rows(schemas.NOTIFICATIONS, None) if row["error"]]


def lines(context: Context, name: str = "told.jsonl") -> list[Any]:
    path = context.config.workspace / name
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def test_a_message_goes_once_to_every_channel_it_is_for(turn: Turn) -> None:
    with answering() as server:
        channels = {
            "log": {"file": "told.jsonl"},
            "oncall": {"slack": server.url, "on": ["flag"], "severity": "critical"},
            "tickets": {"webhook": {"url": server.url, "secret": KEY}, "on": ["decision"]},
        }
        context = turn(channels=channels)
        for _ in range(2):  # a turn that is done again says nothing again
            announce_flags(context, [flag(), flag(FlagKind.REGIME_DRIFT, "shop")])
            announce_decision(context, "d1", "late", RETRAIN)
    assert [(each["about"], each["kind"]) for each in lines(context)] == [
        ("flag", "contract_drift"), ("flag", "regime_drift"), ("decision", "retrain"),
    ]  # fmt: skip
    assert len(server.posted) == 2
    assert sorted(steps(context)) == sorted([
        ("log", "flag", "contract_drift", "SENT", 1), ("log", "flag", "regime_drift", "SENT", 1),
        ("log", "decision", "retrain", "SENT", 1),
        ("oncall", "flag", "contract_drift", "SENT", 1), ("oncall", "flag", "regime_drift", "SKIPPED", 0),
        ("oncall", "decision", "retrain", "SKIPPED", 0),
        ("tickets", "flag", "contract_drift", "SKIPPED", 0), ("tickets", "flag", "regime_drift", "SKIPPED", 0),
        ("tickets", "decision", "retrain", "SENT", 1),
    ])  # fmt: skip
    assert {row["message"] for row in context.lake.own_rows(schemas.NOTIFICATIONS, None)} == {None}


def test_what_another_machine_recorded_is_not_sent_again(turn: Turn) -> None:
    context = turn(command=["no-such-command"])
    announce_decision(turn(file="told.jsonl"), "d1", "late", RETRAIN)
    (context.config.workspace / "told.jsonl").unlink()  # a fresh container, over the same tables
    announce_decision(turn(file="told.jsonl"), "d1", "late", RETRAIN)
    assert lines(context) == []


@pytest.mark.parametrize("how", ["refuses", "breaks", "is gone", "is no command", "is a folder"])
def test_a_channel_that_fails_fails_no_job_and_is_told_of(
    turn: Turn, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with answering(404 if how == "refuses" else 503) as server, socket.create_server(("127.0.0.1", 0)) as free:
        url = server.url if how in ("refuses", "breaks") else f"http://127.0.0.1:{free.getsockname()[1]}/T0KEN-of-it"
        free.close()
        bad: dict[str, Any] = {"slack": url}
        bad = {"command": ["no-such-command"]} if how == "is no command" else bad
        bad = {"file": "models"} if how == "is a folder" else bad
        context = turn(channels={"bad": bad, "log": {"file": "told.jsonl"}})
        (context.config.workspace / "models").mkdir(parents=True)
        with caplog.at_level(logging.WARNING):
            assert raise_flags(context, "late", [flag(), flag(subject="shop")]) == 2
            announce_decision(context, "d1", "late", RETRAIN)
        asked = len(server.posted)
    assert [each["about"] for each in lines(context)] == ["flag", "flag", "decision"]
    assert [step for step in steps(context) if step[0] == "bad"] == [
        ("bad", "decision", "retrain", "FAILED", 1),
        ("bad", "flag", "contract_drift", "FAILED", 1), ("bad", "flag", "contract_drift", "FAILED", 1),
    ]  # fmt: skip
    (warning,) = [each.getMessage() for each in caplog.records if each.name == "lakeloop.runs.announcements"]
    assert warning.startswith("notification channel bad failed: ")
    assert asked == {"refuses": 1, "breaks": 3}.get(how, 0)  # once it failed, it is left alone for the turn
    assert len(errors(context)) == 3
    assert not any("T0KEN" in text for text in [warning, *errors(context)])


def test_what_failed_is_sent_in_the_next_turn_as_one_message(turn: Turn) -> None:
    with answering(503, 503, 503, 200) as server:
        channels = {"oncall": {"webhook": {"url": server.url, "secret": KEY}}}
        raise_flags(turn(channels=channels), "late", [flag(), flag(FlagKind.BIAS, "bias")])
        assert len(server.posted) == 3
        announce(turn(channels=channels), [])  # the same turn: not again
        assert len(server.posted) == 3
        context = turn(1, channels=channels)
        announce_decision(context, "d2", "late", NOTHING)
        announce_decision(context, "d2", "late", NOTHING)
    assert len(server.posted) == 4
    digest = server.posted[-1].plain
    assert (digest["about"], digest["title"], digest["severity"]) == (
        "digest", "2 messages that were held back", "critical",
    )  # fmt: skip
    assert {each["kind"] for each in digest["messages"]} == {"contract_drift", "bias"}
    assert [step[3:] for step in steps(context)] == [("FAILED", 1), ("FAILED", 1), ("SENT", 2), ("SENT", 2)]


def test_what_fails_in_every_turn_is_given_up(turn: Turn, caplog: pytest.LogCaptureFixture) -> None:
    bad = {"command": ["no-such-command"]}
    for day in range(MOST_TURNS + 2):
        context = turn(day, channels={"bad": bad})
        for _ in range(2):
            announce_decision(context, "d1", "late", RETRAIN if day == 0 else NOTHING)
        if day == MOST_TURNS - 1:
            caplog.clear()
            announce(context, [message("m2")])  # the channel has failed in this turn already
            assert caplog.records == []
            assert "not tried: the channel failed earlier in this turn" in errors(context)
    assert [step[3:] for step in steps(context) if step[1] == "decision"] == [
        *(("FAILED", attempt) for attempt in range(1, MOST_TURNS)), ("GIVEN_UP", MOST_TURNS),
    ]  # fmt: skip


def test_every_channel_comes_to_its_status(turn: Turn) -> None:
    channels = {
        "log": {"file": "told.jsonl"},
        "deaf": {"file": "deaf.jsonl", "on": ["flag"]},
        "asleep": {"command": ["true"], "quiet_hours": {"from": "11:00", "to": "13:00"}},
        "bad": {"command": ["no-such-command"]},
    }
    expected = {
        "log": NotificationStatus.SENT,
        "deaf": NotificationStatus.SKIPPED,
        "asleep": NotificationStatus.HELD,
        "bad": NotificationStatus.FAILED,
    }
    for day in range(MOST_TURNS):
        context = turn(day, channels=channels)
        announce_decision(context, "d1", "late", RETRAIN if day == 0 else NOTHING)
        last = {channel: status for channel, _, _, status, _ in steps(context)}
        if day == MOST_TURNS - 1:
            expected["bad"] = NotificationStatus.GIVEN_UP
        assert last == {channel: status.value for channel, status in expected.items()}


def test_messages_are_held_at_night_and_sent_together_in_the_morning(turn: Turn) -> None:
    with answering() as server:
        channels = {"oncall": {"slack": server.url}, "log": {"file": "told.jsonl"}}
        night = turn(now=NIGHT, channels=channels, quiet_hours=QUIET)
        raise_flags(night, "late", [flag(), flag(FlagKind.BIAS, "bias")])
        announce_decision(night, "d1", "late", RETRAIN)
        assert server.posted == []
        assert len(lines(night)) == 3  # a file wakes nobody
        raise_quality_flag(night, "late", ["orders"])  # an exception
        assert ["quality gate failed" in each.plain["text"] for each in server.posted] == [True]

        later = turn(now=NIGHT + timedelta(hours=7, minutes=59), channels=channels, quiet_hours=QUIET)
        announce_decision(later, "d1", "late", RETRAIN)
        assert len(server.posted) == 1
        morning = turn(now=NIGHT + timedelta(hours=8), channels=channels, quiet_hours=QUIET)
        announce_decision(morning, "d1", "late", RETRAIN)  # the same turn, called again
        announce_decision(morning, "d1", "late", RETRAIN)
    assert len(server.posted) == 2
    assert server.posted[-1].plain["text"].splitlines()[0] == ":rotating_light: 3 messages that were held back"
    recorded = [step[1:] for step in steps(morning) if step[0] == "oncall"]
    told = [("decision", "retrain"), ("flag", "bias"), ("flag", "contract_drift")]
    assert sorted(recorded) == sorted(
        [(*each, "HELD", 0) for each in told] + [(*each, "SENT", 1) for each in (*told, ("flag", "quality"))]
    )


def test_one_message_that_was_held_is_sent_as_itself(turn: Turn) -> None:
    with answering() as server:
        channels = {"oncall": {"webhook": {"url": server.url, "secret": KEY}}}
        announce(turn(now=NIGHT, channels=channels, quiet_hours=QUIET), [message("m1")])
        announce(turn(1, channels=channels, quiet_hours=QUIET), [message("m2", kind="bias")])
    assert [each.headers["Lakeloop-Id"] for each in server.posted] == ["m1", "m2"]
    assert server.posted[0].plain == message("m1").to_plain() | {"project": "shops"}


def test_who_got_the_alarm_is_told_that_it_is_over(turn: Turn) -> None:
    with answering() as server:
        channels = {
            "log": {"file": "told.jsonl"},
            "oncall": {"slack": server.url, "severity": "critical"},
            "deaf": {"file": "deaf.jsonl", "on": ["flag"]},
        }
        first = turn(channels=channels)
        raise_flags(first, "late", [flag(), flag(FlagKind.BIAS, "bias")])
        context = turn(1, channels=channels)
        clear_flags(context, "late", [flag(), flag(FlagKind.BIAS, "bias")])
        clear_flags(context, "late", [flag(), flag(FlagKind.BIAS, "bias")])
        announce_closed(turn(2, channels=channels), "late")
    assert sorted((each["about"], each["title"]) for each in lines(context)[2:]) == [
        ("recovery", "resolved: late version 1: bias"),
        ("recovery", "resolved: late version 1: contract drift of items"),
    ]
    assert [each.plain["text"].splitlines()[0] for each in server.posted] == [
        ":rotating_light: late version 1: contract drift of items",
        ":rotating_light: resolved: late version 1: contract drift of items",
    ]
    assert server.posted[1].plain["text"].splitlines()[1:3] == [
        "The alarm is over: the last windows were judged and none alarmed.",
        "It was raised as of 2024-02-04T00:00:00Z.",
    ]
    assert [each["about"] for each in lines(context, "deaf.jsonl")] == ["flag", "flag"]


@pytest.mark.parametrize(
    ("kind", "close", "ending"),
    [
        (FlagKind.BIAS, lambda context: close_flags(context, "late", "2", "rejected"),
         "The training it asked for was done: version 2 was rejected."),
        (FlagKind.REGIME_DRIFT, lambda context: close_flags(context, "late", "2", "promoted"),
         "Version 2 was promoted in its place."),
        (FlagKind.QUALITY, lambda context: close_gate_flags(context, "late"), "The quality gate passed again."),
    ],
)  # fmt: skip
def test_a_recovery_says_how_it_ended(
    turn: Turn, kind: FlagKind, close: Callable[[Context], object], ending: str
) -> None:
    version = "" if kind is FlagKind.QUALITY else "1"
    raise_flags(turn(file="told.jsonl"), "late", [flag(kind, version=version)])
    context = turn(1, file="told.jsonl")
    close(context)
    assert lines(context)[-1]["lines"][0] == ending


def test_a_recovery_that_a_lost_process_did_not_send_is_sent_by_the_next_decision(
    turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_flags(turn(file="told.jsonl"), "late", [flag()])
    context = turn(1, file="told.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr("lakeloop.runs.flags.announce_closed", lambda *_: None)  # it ended here
        clear_flags(context, "late", [flag()])
    announce_decision(context, "d2", "late", NOTHING)
    assert [each["about"] for each in lines(context)] == ["flag", "recovery"]


def test_an_event_of_a_version_is_told_at_its_own_turn_without_values_of_rows(turn: Turn) -> None:
    checks = [
        {"name": "beats_baseline", "status": "PASS", "detail": "log_loss 0.41, baseline 0.52"},
        {"name": "slice_shop_no_worse[ada.lovelace]", "status": "FAIL", "detail": "ada.lovelace is worse"},
        {"name": "slice_shop_no_worse[grace.hopper]", "status": "FAIL", "detail": "grace.hopper is worse"},
        {"name": "slice_shop_no_worse[C]", "status": "PASS", "detail": ""},
    ]
    evidence = json.dumps({"checks": checks})
    event = Promotion("late", "3", "rejected", TURN, TURN, "s", "k", seq=4, actor="gate", previous_version="2",
                      evidence=evidence)  # fmt: skip
    for days in (0, 0, 1):
        announce_promotion(turn(days, file="told.jsonl"), event)
    (told,) = lines(turn(file="told.jsonl"))
    assert (told["about"], told["kind"], told["severity"], told["title"]) == (
        "promotion", "rejected", "info", "late version 3: rejected",
    )  # fmt: skip
    assert told["lines"] == [
        "Champion before: version 2. By gate.",
        "beats_baseline PASS: log_loss 0.41, baseline 0.52",
        "slice_shop_no_worse FAIL",
    ]
    by_hand = replace(event, event=LedgerEvent.ROLLBACK, outcome="promoted", seq=5, actor="ada", reason="too late",
                      evidence="{}")  # fmt: skip
    announce_promotion(turn(file="told.jsonl"), by_hand)
    told = lines(turn(file="told.jsonl"))[-1]
    assert (told["title"], told["lines"]) == (
        "late version 3: rolled back to", ["Champion before: version 2. By ada: too late."],
    )  # fmt: skip


def test_an_alarm_of_the_night_and_its_end_are_told_together(turn: Turn) -> None:
    with answering() as server:
        channels = {"oncall": {"webhook": {"url": server.url, "secret": KEY}}}
        raise_flags(turn(now=NIGHT, channels=channels, quiet_hours=QUIET), "late", [flag()])
        clear_flags(turn(1, now=NIGHT, channels=channels, quiet_hours=QUIET), "late", [flag()])
        announce_decision(turn(2, channels=channels, quiet_hours=QUIET), "d3", "late", NOTHING)
    (posted,) = server.posted
    assert [each["about"] for each in posted.plain["messages"]] == ["flag", "recovery"]


def test_a_flag_that_was_told_of_by_an_older_version_has_no_recovery(
    turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = turn(file="told.jsonl")
    monkeypatch.setattr("lakeloop.runs.flags.announce_flags", lambda *_: None)
    raise_flags(context, "late", [flag()])
    clear_flags(turn(1, file="told.jsonl"), "late", [flag()])
    assert lines(context) == []
    assert not context.lake.exists(context.lake.own(schemas.NOTIFICATIONS))
