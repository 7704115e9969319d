"""A message to people and to programs: what, why, what was done, in plain words; keys of data, never its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakeloop.statuses import MessageSeverity

DIGEST, TEST = "digest", "test"
"""What a message may be about besides what a channel can be declared to be told of."""

_MAX_TITLE = 150
_MAX_LINE = 300
_MAX_LINES = 12
_MAX_IN_DIGEST = 20


@dataclass(frozen=True)
class Message:
    """What is announced.

    Attributes:
        id: What makes it the same message: a channel is sent it once.
        about: What it is about: a flag, a decision, a promotion, a recovery, a digest of several, a test.
        kind: Kind of the flag, action of the decision, outcome of the promotion.
        severity: How much it matters.
        title: What happened, in a line.
        lines: Why, and what was done, a sentence each.
        as_of: The logical now it belongs to, ISO, UTC; empty of a test.
        model: The model.
        model_version: The version it speaks of; empty where it is about none.
        subject: Column, metric or source.
        details: More for programs; JSON-safe.

    >>> message = Message("f1", "flag", "bias", MessageSeverity.WARNING, "late: bias", ("bias 0.3",), "2024-02-04")
    >>> message.to_plain()["title"], from_plain(message.to_plain()) == message
    ('late: bias', True)
    """

    id: str
    about: str
    kind: str
    severity: MessageSeverity
    title: str
    lines: tuple[str, ...]
    as_of: str = ""
    model: str = ""
    model_version: str = ""
    subject: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """Give it as a JSON object, `details` beside the other keys."""
        own = {name: getattr(self, name) for name in _NAMES}
        return {**self.details, **own, "severity": self.severity.value, "lines": list(self.lines)}

    @property
    def ids(self) -> tuple[str, ...]:
        """Its id, and those of the messages in a digest."""
        return self.id, *(each["id"] for each in self.details.get("messages", ()))


_NAMES = tuple(name for name in Message.__dataclass_fields__ if name != "details")


def from_plain(plain: Mapping[str, Any]) -> Message:
    """Read what `to_plain` gave.

    >>> from_plain(Message("t", TEST, "", MessageSeverity.INFO, "a test", ()).to_plain()).about
    'test'
    """
    own = {name: plain[name] for name in _NAMES}
    own |= {"severity": MessageSeverity(plain["severity"]), "lines": tuple(plain["lines"])}
    return Message(**own, details={key: each for key, each in plain.items() if key not in _NAMES})


def join_messages(messages: Sequence[Message], digest_id: str) -> Message:
    """Make one message of several.

    Args:
        messages: In the order in which they are told; at least one.
        digest_id: Id of the digest.

    Returns:
        A digest as severe as the most severe of them; the message itself where there is but one.

    >>> two = [Message(each, "flag", "bias", MessageSeverity.INFO, f"late: {each}", ("why",)) for each in "ab"]
    >>> digest = join_messages(two, "d1")
    >>> digest.title, digest.lines, digest.ids
    ('2 messages that were held back', ('late: a', '  why', 'late: b', '  why'), ('d1', 'a', 'b'))
    """
    if len(messages) == 1:
        return messages[0]
    lines: list[str] = []
    for each in messages[:_MAX_IN_DIGEST]:
        lines += [each.title, *(f"  {line}" for line in each.lines)]
    if len(messages) > _MAX_IN_DIGEST:
        lines.append(f"... and {len(messages) - _MAX_IN_DIGEST} more")
    severity = max((each.severity for each in messages), key=list(MessageSeverity).index)
    newest = max(each.as_of for each in messages)
    plain = [each.to_plain() for each in messages]
    title = f"{len(messages)} messages that were held back"
    return Message(digest_id, DIGEST, "", severity, title, tuple(lines), newest, details={"messages": plain})


def one_line(text: str, at_most: int = _MAX_TITLE) -> str:
    r"""Write a text within a line and a bound.

    >>> one_line("a\nb"), one_line("abcdef", 4)
    ('a b', 'a...')
    """
    text = " ".join(text.split())
    return text if len(text) <= at_most else f"{text[: at_most - 3]}..."


def bounded(lines: Sequence[str]) -> tuple[str, ...]:
    """Keep the first sentences and count the rest, each within a bound.

    >>> bounded(["why"] * 14)[-2:]
    ('why', '... and 2 more')
    """
    more = (f"... and {len(lines) - _MAX_LINES} more",) if len(lines) > _MAX_LINES else ()
    return (*(one_line(each, _MAX_LINE) for each in lines[:_MAX_LINES]), *more)
