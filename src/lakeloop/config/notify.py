"""`notify:` of the project: which channels are told of flags, decisions and promotions, and when they are not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from lakeloop.config.addresses import address_parts
from lakeloop.config.plugins import OrPlugin, PluginHost, choose_host
from lakeloop.config.section import Name, Section, Text, Timezone, Whole
from lakeloop.entry_points import PluginGroup
from lakeloop.statuses import FlagKind, MessageAbout, MessageSeverity

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_UNSAFE = re.compile(r"[\s\x00-\x1f\x7f]")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")


def _clock_time(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError("it is no time of a day; write it with hours and minutes, in quotes, as in '22:00'")
    return value


ClockTime = Annotated[str, AfterValidator(_clock_time)]
"""A time of a day, `22:00`."""


def _mailbox(value: str) -> str:
    if not _MAILBOX.fullmatch(value):
        raise ValueError("it is no address of a mailbox; write name@example.com")
    return value


Mailbox = Annotated[str, AfterValidator(_mailbox)]
"""An address of e-mail, without a name beside it."""


def _web_address(value: SecretStr) -> SecretStr:
    """Check an address without ever quoting it: whoever knows it can post there."""
    address = value.get_secret_value()
    try:
        parts = urlsplit(address)
        is_fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fit = False
    if not is_fit or _UNSAFE.search(address) or not address.isascii():
        raise ValueError("it is no address that can be posted to; write a variable that holds https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds a user or a password; write an address without them")
    return value


WebAddress = Annotated[SecretStr, AfterValidator(_web_address)]
"""An address of http or https; it is a secret."""


class ChannelKind(StrEnum):
    """What a channel is."""

    FILE = "file"
    COMMAND = "command"
    SLACK = "slack"
    WEBHOOK = "webhook"
    EMAIL = "email"


class EmailSecurity(StrEnum):
    """How a connection to a mail server is encrypted: after it began, from its beginning, or not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_PORTS = {EmailSecurity.STARTTLS: 587, EmailSecurity.TLS: 465, EmailSecurity.NONE: 25}


class QuietHours(Section):
    """When messages are held back; they are sent together with the first message after that.

    Attributes:
        from_: First minute of every day's quiet hours, `"22:00"`.
        to: The minute they end; before `from` it is one of the next day.
        timezone: IANA zone of both; by default the project's.
        except_: Kinds of flags that are told at any hour.
    """

    from_: ClockTime = Field(alias="from")
    to: ClockTime
    timezone: Timezone | None = None
    except_: tuple[FlagKind, ...] = Field(default=(), alias="except")

    @model_validator(mode="after")
    def _some_hours(self) -> Self:
        if self.from_ == self.to:
            raise ValueError("to: no time lies between both; write another time than in from")
        return self

    def hold(self, instant: datetime, zone: ZoneInfo) -> bool:
        """Tell whether an instant lies in the quiet hours.

        Args:
            instant: Wall clock, aware.
            zone: The project's time zone.

        Returns:
            Whether messages are held back then; at `from` they are, at `to` they are not.

        >>> night = QuietHours.model_validate({"from": "22:00", "to": "07:00"})
        >>> berlin = ZoneInfo("Europe/Berlin")
        >>> [night.hold(datetime.fromisoformat(f"2024-06-01T{at}:00Z"), berlin) for at in ("19:59", "20:00", "05:00")]
        [False, True, False]
        """
        own = ZoneInfo(self.timezone) if self.timezone is not None else zone
        now = instant.astimezone(own).time().replace(tzinfo=None)
        begin, end = time.fromisoformat(self.from_), time.fromisoformat(self.to)
        return begin <= now < end if begin < end else now >= begin or now < end


class WebhookChannel(Section):
    """A web address that gets each message as signed JSON.

    Attributes:
        url: Address, written as an environment variable.
        secret: Key of the signature, written as an environment variable.
    """

    url: WebAddress
    secret: SecretStr

    @field_validator("secret")
    @classmethod
    def _hard_to_guess(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 16:
            raise ValueError("it is short enough to be guessed; write a variable that holds 16 characters or more")
        return value


class EmailChannel(Section):
    """A mail server, and who gets mail.

    Attributes:
        host: Name of the mail server.
        port: Its port; by default 587, 465 or 25, as `security` is.
        security: `starttls`, `tls`, or `none`, which sends no password but to this machine.
        from_: Address of the sender.
        to: Addresses of those who get it.
        user: User of the mail server.
        password: Password of the user, written as an environment variable.
    """

    host: Text
    port: Whole | None = Field(default=None, ge=1, le=65535)
    security: EmailSecurity = EmailSecurity.STARTTLS
    from_: Mailbox = Field(alias="from")
    to: tuple[Mailbox, ...] = Field(min_length=1)
    user: Text | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("declare user and password, or neither")
        if self.password is not None and self.security is EmailSecurity.NONE and self.host not in _HERE:
            raise ValueError("security: everybody on the way could read the password; write starttls or tls")
        return self

    @property
    def server_port(self) -> int:
        """The port that is connected to."""
        return self.port if self.port is not None else _PORTS[self.security]


class Channel(PluginHost):
    """A channel; exactly one of its first five keys, or the word of a package's channel, says what it is.

    Attributes:
        file: A file, relative to the workspace, that gets one JSON line per message.
        command: A command that gets the message as JSON on its standard input.
        slack: Address of an incoming webhook of Slack, or of a server that takes the same, as an environment variable.
        webhook: A web address that gets each message as signed JSON.
        email: A mail server, and who gets mail.
        on: What it is told of.
        severity: Least severity of what it is told of.
        quiet_hours: Its own quiet hours, in place of those of all channels.
        at_any_hour: Whether no quiet hours hold for it.
    """

    file: Text | None = None
    command: tuple[Text, ...] | None = Field(default=None, min_length=1)
    slack: WebAddress | None = None
    webhook: WebhookChannel | None = None
    email: EmailChannel | None = None
    on: tuple[MessageAbout, ...] = Field(default=tuple(MessageAbout), min_length=1)
    severity: MessageSeverity = MessageSeverity.INFO
    quiet_hours: QuietHours | None = None
    at_any_hour: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = sum(getattr(self, kind.value) is not None for kind in ChannelKind)
        if given + (self.plugin is not None) != 1:
            known = ", ".join((*ChannelKind, *((self.plugin_word,) if self.plugin_word is not None else ())))
            raise ValueError(f"declare exactly one of {known}")
        if self.quiet_hours is not None and (self.file is not None or self.at_any_hour):
            why = "a file wakes nobody" if self.file is not None else "none hold for it"
            raise ValueError(f"quiet_hours: {why}; write them at another channel")
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is as it is by default, so that a later key changes no declaration's hash."""
        return {key: each for key, each in write(self).items() if key in self.model_fields_set}

    @property
    def kind(self) -> ChannelKind | None:
        """What it is; None of a channel that a package brings.

        >>> Channel(file="told.jsonl").kind
        <ChannelKind.FILE: 'file'>
        """
        return next((kind for kind in ChannelKind if getattr(self, kind.value) is not None), None)

    @property
    def word(self) -> str:
        """What it is, as it is written: the key that says so.

        >>> Channel(command=("page", "oncall")).word
        'command'
        """
        return self.plugin_word or str(self.kind)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may show: addresses, keys, and who gets mail.

        >>> Channel(slack="https://hooks.example.com/services/T0/B0/x").secrets
        ('hooks.example.com', '/T0/B0/x')
        """
        if self.slack is not None:
            return address_parts(self.slack.get_secret_value())
        if self.webhook is not None:
            return *address_parts(self.webhook.url.get_secret_value()), self.webhook.secret.get_secret_value()
        if self.email is not None:
            password = self.email.password.get_secret_value() if self.email.password is not None else None
            return tuple(each for each in (password, self.email.user, *self.email.to) if each)
        return () if self.plugin is None else self.plugin.secrets


def _choose_channel(data: Mapping[Any, Any]) -> type[Section] | None:
    return choose_host(Channel, PluginGroup.CHANNELS, data)


AnyChannel = Annotated[Channel, OrPlugin(PluginGroup.CHANNELS, (Channel,), _choose_channel)]
"""A channel, or one with the key of a package's channel."""


class Notify(Section):
    """Where flags, decisions and promotions are announced: a file, a command, or channels with names of their own.

    Attributes:
        file: A file, relative to the workspace, that gets one JSON line per message.
        command: A command that gets the message as JSON on its standard input.
        channels: Any number of channels, in place of `file` and `command`.
        quiet_hours: When messages are held back, of all channels that have none of their own; never of files.
    """

    file: Text | None = None
    command: tuple[Text, ...] | None = Field(default=None, min_length=1)
    channels: dict[Name, AnyChannel] = Field(default_factory=dict)
    quiet_hours: QuietHours | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.file is not None) + (self.command is not None) + bool(self.channels) != 1:
            raise ValueError("declare exactly one of file, command and channels")
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out keys that are not used, so that a declaration without them keeps its hash."""
        return {key: each for key, each in write(self).items() if key in ("file", "command") or each}

    @property
    def named(self) -> dict[str, Channel]:
        """Name -> channel; one that is declared without a name has that of its kind.

        >>> list(Notify(command=("page", "oncall")).named)
        ['command']
        """
        if self.file is not None:
            return {"file": Channel(file=self.file)}
        if self.command is not None:
            return {"command": Channel(command=self.command)}
        return dict(self.channels)

    def quiet_hours_of(self, channel: Channel) -> QuietHours | None:
        """Tell the quiet hours that hold for a channel.

        Args:
            channel: One of its channels.

        Returns:
            Its own, or those of all; None where none hold.

        >>> night = QuietHours.model_validate({"from": "22:00", "to": "07:00"})
        >>> notify = Notify(channels={"log": Channel(file="a"), "oncall": Channel(command=["page"])}, quiet_hours=night)
        >>> [notify.quiet_hours_of(each) == night for each in notify.channels.values()]
        [False, True]
        """
        if channel.file is not None or channel.at_any_hour:
            return None
        return channel.quiet_hours or self.quiet_hours
