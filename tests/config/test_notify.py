"""`notify:` as it is declared: the old form keeps its hash, secrets are variables, mistakes have their line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from lakeloop.config.loading import load_config
from lakeloop.config.notify import Channel, ChannelKind, Notify, QuietHours
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigError
from lakeloop.statuses import FlagKind, MessageAbout, MessageSeverity
from tests.config.small_project import PROJECT, write_project
from tests.config.wrong_project import PROJECT as FILE

HOOK = "https://hooks.example.com/services/T0KEN"
VARIABLES = {"HOOK": HOOK, "KEY": "a key that nobody guesses", "PASSWORD": "hunter2-hunter2", "TOKEN": "T0KEN"}
OLD = "notify: {file: notifications.jsonl}\n"
CHANNELS = """\
notify:
  quiet_hours: {from: "22:00", to: "07:00", timezone: Europe/Berlin, except: [quality]}
  channels:
    log: {file: told.jsonl}
    oncall:
      slack: ${HOOK}
      on: [flag, recovery]
      severity: critical
      at_any_hour: true
    tickets:
      webhook: {url: "https://tickets.example.com/${TOKEN}", secret: "${KEY}"}
      quiet_hours: {from: "12:00", to: "13:00"}
    team:
      email:
        host: mail.example.com
        from: lakeloop@example.com
        to: [ada@example.com]
        user: lakeloop
        password: ${PASSWORD}
    page: {command: [page, page, "${TOKEN}"]}
"""


def load(root: Path, notify: str = CHANNELS, variables: dict[str, str] | None = None) -> Config:
    text = PROJECT.replace(OLD, notify)
    return load_config(write_project(root, {FILE: text}), variables=variables or VARIABLES)


def test_channels_are_read(tmp_path: Path) -> None:
    config = load(tmp_path)
    notify, zone = config.project.notify, config.project.zone
    assert {name: each.kind.value for name, each in notify.named.items()} == {
        "log": "file", "oncall": "slack", "tickets": "webhook", "team": "email", "page": "command",
    }  # fmt: skip
    oncall, team = notify.channels["oncall"], notify.channels["team"].email
    assert (oncall.on, oncall.severity) == ((MessageAbout.FLAG, MessageAbout.RECOVERY), MessageSeverity.CRITICAL)
    assert notify.channels["log"].on == tuple(MessageAbout)
    assert team is not None
    assert (team.server_port, team.security.value) == (587, "starttls")
    night = notify.quiet_hours
    assert night is not None
    assert night.except_ == (FlagKind.QUALITY,)
    hours = {name: notify.quiet_hours_of(each) for name, each in notify.named.items()}
    own = notify.channels["tickets"].quiet_hours
    assert hours == {"log": None, "oncall": None, "tickets": own, "team": night, "page": night}
    assert own is not None
    assert own.hold(datetime(2024, 1, 15, 17, 30, tzinfo=UTC), zone)  # half past twelve in New York


def test_no_secret_is_shown_or_hashed(tmp_path: Path) -> None:
    config = load(tmp_path / "a")
    other = load(tmp_path / "b", variables={name: f"{value}-of-another-place" for name, value in VARIABLES.items()})
    assert config.spec_hash("project", "flights") == other.spec_hash("project", "flights")
    assert config.shown_notify == (
        f"log ({config.workspace}/told.jsonl), oncall (slack), tickets (webhook), team (email), page (command)"
    )
    assert not any(value in repr(config.project.notify.channels[name]) for value in VARIABLES.values()
                   for name in ("oncall", "tickets", "team"))  # fmt: skip
    assert config.hidden_arguments("page") == ("T0KEN",)
    assert config.hidden_arguments("log") == ()


@pytest.mark.parametrize(
    ("notify", "name"),
    [(OLD, "file"), ("notify: {command: [page, oncall]}\n", "command"), ("", "file")],
    ids=["file", "command", "default"],
)
def test_the_form_without_names_is_a_channel_of_its_kind_and_keeps_its_declaration(
    tmp_path: Path, notify: str, name: str
) -> None:
    found = load(tmp_path, notify).project.notify
    assert list(found.named) == [name]
    assert set(found.model_dump(mode="json", by_alias=True)) == {"file", "command"}  # as when there were no others


def test_a_later_key_changes_no_channel_s_declaration() -> None:
    assert Channel(file="a").model_dump(mode="json", by_alias=True) == {"file": "a"}


@pytest.mark.parametrize(
    ("written", "where", "got", "allowed", "remedy"),
    [
        (f"a: {{slack: '{HOOK}'}}", "a.slack", "(hidden), in the file itself", "without a default", "slack: ${NAME}"),
        (f"a: {{slack: '${{NO:-{HOOK}}}'}}", "a.slack", "(hidden)", "environment variable", "slack: ${NAME}"),
        ("a: {webhook: {url: '${HOOK}', secret: 'hunter2-hunter2-hunter2'}}", "a.webhook.secret", "(hidden)",
         "environment variable", "secret: ${NAME}"),
        ("a: {webhook: {url: '${HOOK}', secret: 'x${KEY}'}}", "a.webhook.secret", "(hidden)", "environment variable",
         "secret: ${NAME}"),
        ("a: {webhook: {url: '${HOOK}', secret: '${TOKEN}'}}", "a.webhook.secret", "(hidden)", "16 characters",
         "in that form"),
        (f"a: {{webhook: {{url: '{HOOK}', secret: '${{KEY}}'}}}}", "a.webhook.url", "(hidden)", "environment variable",
         "url: ${NAME}"),
        ("a: {slack: '${TOKEN}'}", "a.slack", "(hidden)", "https://host/path", "in that form"),
        ("a: {slack: 'ftp://x/${TOKEN}'}", "a.slack", "(hidden)", "https://host/path", "in that form"),
        ("a: {slack: 'file:///${TOKEN}'}", "a.slack", "(hidden)", "https://host/path", "in that form"),
        ("a: {slack: 'https://me:pw@x/${TOKEN}'}", "a.slack", "(hidden)", "without them", "in that form"),
        ("a: {slack: 'https://x y/${TOKEN}'}", "a.slack", "(hidden)", "https://host/path", "in that form"),
        ("a: {file: x, command: [y]}", "a", "a section", "exactly one of file, command, slack", "contradicts"),
        ("a: {on: [flag]}", "a", "a section", "exactly one of file, command, slack", "contradicts"),
        ("a: {file: x, on: [flags]}", "a.on[0]", "'flags'", "'flag', 'decision'", "did you mean 'flag'?"),
        ("a: {file: x, on: []}", "a.on", "[]", "at least 1", "add one"),
        ("a: {file: x, severity: high}", "a.severity", "'high'", "'info', 'warning' or 'critical'", "one of these"),
        ("a: {file: x, quiet_hours: {from: '22:00', to: '07:00'}}", "a.quiet_hours", "a file wakes nobody",
         "at another channel", "in that form"),
        ("a: {command: [x], quiet_hours: {from: '22:00', to: '7:00'}}", "a.quiet_hours.to", "'7:00'", "'22:00'",
         "in that form"),
        ("a: {command: [x], quiet_hours: {from: '22:00', to: '22:00'}}", "a.quiet_hours.to", "no time lies", "another",
         "in that form"),
        ("a: {command: [x], quiet_hours: {from: '22:00', to: '07:00', timezone: Mars}}", "a.quiet_hours.timezone",
         "'Mars'", "Europe/Berlin", "IANA"),
        ("a: {command: [x], quiet_hours: {from: '22:00', to: '07:00', except: [qualty]}}", "a.quiet_hours.except[0]",
         "'qualty'", "'quality'", "did you mean 'quality'?"),
        ("a: {email: {host: m, from: a@x.org, to: ['Ada <a@x.org>']}}", "a.email.to[0]", "Ada", "name@example.com",
         "in that form"),
        ("a: {email: {host: m, from: a@x.org, to: [a@x.org], user: me}}", "a.email", "a section", "user and password",
         "contradicts"),
        ("a: {email: {host: m, security: none, from: a@x.org, to: [a@x.org], user: me, password: '${PASSWORD}'}}",
         "a.email.security", "read the password", "starttls or tls", "in that form"),
        ("a: {email: {host: m, from: a@x.org, to: [a@x.org], user: me, password: hunter2}}", "a.email.password",
         "(hidden)", "environment variable", "password: ${NAME}"),
        ("a: {email: {host: m, port: 70000, from: a@x.org, to: [a@x.org]}}", "a.email.port", "70000", "65535",
         "change"),
        ("a: {slak: '${HOOK}'}", "a.slak", "the key 'slak'", "slack", "did you mean 'slack'?"),
        ("A: {file: x}", "A", "'A'", "lower case letters", "rename"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line_and_shows_no_secret(
    tmp_path: Path, written: str, where: str, got: str, allowed: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, f"notify:\n  channels:\n    {written}\n")
    issue = next((each for each in raised.value.issues if each.where == f"notify.channels.{where}"), None)
    assert issue is not None, str(raised.value)
    assert (issue.file, issue.line) == (FILE, 6)
    assert got in issue.got, str(issue)
    assert allowed in issue.allowed, str(issue)
    assert remedy in issue.remedy, str(issue)
    assert not any(secret in str(raised.value) for secret in (HOOK, "hunter2-", "nobody guesses", "T0KEN"))


@pytest.mark.parametrize("notify", ["{}", "{channels: {}}", "{file: a, channels: {a: {file: b}}}"])
def test_one_form_is_declared(tmp_path: Path, notify: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, f"notify: {notify}\n")
    assert "exactly one of file, command and channels" in raised.value.issues[0].allowed


def test_an_environment_adds_a_channel_and_its_variable_is_only_needed_there(tmp_path: Path) -> None:
    base = PROJECT.replace(OLD, "notify: {channels: {log: {file: told.jsonl}}}\n")
    override = "notify:\n  channels:\n    oncall: {slack: '${HOOK}'}\n"
    root = write_project(tmp_path, {FILE: base, "conf/prod/project.yml": override})
    assert list(load_config(root, variables={}).project.notify.named) == ["log"]
    assert list(load_config(root, "prod", variables=VARIABLES).project.notify.named) == ["log", "oncall"]
    with pytest.raises(ConfigError, match="HOOK"):
        load_config(root, "prod", variables={})


@pytest.mark.parametrize(
    ("begin", "end", "instant", "holds"),
    [
        ("22:00", "07:00", "2024-01-15T21:59:59", False),
        ("22:00", "07:00", "2024-01-15T22:00:00", True),
        ("22:00", "07:00", "2024-01-16T00:00:00", True),
        ("22:00", "07:00", "2024-01-16T06:59:59", True),
        ("22:00", "07:00", "2024-01-16T07:00:00", False),
        ("12:00", "13:00", "2024-01-15T11:59:00", False),
        ("12:00", "13:00", "2024-01-15T12:00:00", True),
        ("12:00", "13:00", "2024-01-15T13:00:00", False),
        ("00:00", "08:00", "2024-01-15T00:00:00", True),
        ("22:00", "00:00", "2024-01-15T23:59:00", True),
        ("22:00", "00:00", "2024-01-16T00:00:00", False),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_quiet_hours_are_of_the_wall_clock_there(begin: str, end: str, instant: str, holds: bool, zone: str) -> None:
    there = datetime.fromisoformat(instant).replace(tzinfo=ZoneInfo(zone))
    own = QuietHours.model_validate({"from": begin, "to": end, "timezone": zone})
    projects = QuietHours.model_validate({"from": begin, "to": end})
    assert own.hold(there.astimezone(UTC), ZoneInfo("Pacific/Auckland")) is holds
    assert projects.hold(there.astimezone(UTC), ZoneInfo(zone)) is holds


def test_every_kind_is_a_key_of_a_channel() -> None:
    assert set(ChannelKind) <= set(Channel.model_fields)
    with pytest.raises(ValidationError):
        Notify()
