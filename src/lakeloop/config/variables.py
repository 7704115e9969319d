"""Environment variables in the values of `conf/`: `${NAME}`, `${NAME:-default}`, and `$${` for a literal `${`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

ALLOWED = "${NAME}, ${NAME:-default}, or $${ for the two characters themselves"

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)\}|\$\{")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_SIMILAR = 0.85  # a name this close is a slip, and naming it gives nothing away
_SHORTEST_PIECE = 6
_SHORTEST_ANYWHERE = 4


@dataclass(frozen=True)
class Filled:
    """A text after substitution.

    Attributes:
        text: The text.
        is_whole: Whether it was nothing but one variable.
        values: Value -> the reference that stands for it in messages.
    """

    text: str
    is_whole: bool
    values: Mapping[str, str]


class VariableError(ValueError):
    """A reference to a variable that cannot be filled.

    Args:
        got: What stands there.
        allowed: What would have been accepted.
        remedy: What to do.
    """

    def __init__(self, got: str, allowed: str, remedy: str) -> None:
        super().__init__(got, allowed, remedy)
        self.got, self.allowed, self.remedy = got, allowed, remedy


def has_variable(text: str) -> bool:
    """Whether a text holds `${`, as a variable or escaped.

    >>> has_variable("s3://${BUCKET}/lake"), has_variable("costs in $")
    (True, False)
    """
    return "${" in text


def fill(text: str, variables: Mapping[str, str]) -> Filled:
    """Put variables into a text.

    Args:
        text: Text with references; a variable that is empty counts as not set.
        variables: Name -> value, as in the environment. What a value holds is not looked into again.

    Returns:
        The text filled.

    Raises:
        VariableError: If a variable is not set and has no default, or a reference is malformed.

    >>> fill("s3://${BUCKET}/${TEAM:-lake}", {"BUCKET": "flights"}).text
    's3://flights/lake'
    >>> fill("$${NAME}", {}).text
    '${NAME}'
    """
    values: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        inside = _INSIDE.fullmatch(match["inside"] or "")
        if inside is None:
            shown = match[0] if match["inside"] is not None else text[match.start() : match.start() + 40]
            remedy = "write it in that form, without one variable inside another"
            raise VariableError(f"{shown!r}", ALLOWED, remedy)
        name, default = inside["name"], inside["default"]
        value = variables.get(name, "")
        if value:
            values[value] = f"${{{name}}}"
            return value
        if default is None:
            raise _not_set(name, variables)
        return default

    filled = _REFERENCE.sub(replace, text)
    whole = _REFERENCE.fullmatch(text)
    return Filled(filled, whole is not None and whole["inside"] is not None, values)


def _not_set(name: str, variables: Mapping[str, str]) -> VariableError:
    state = "set, but empty" if name in variables else "not set"
    close = get_close_matches(name, [each for each in variables if each != name], n=1, cutoff=_SIMILAR)
    hint = f"did you mean ${{{close[0]}}}? Or " if close else ""
    remedy = f"{hint}set it, or give a default: ${{{name}:-...}}"
    return VariableError(f"the environment variable {name}, which is {state}", "a variable that has a value", remedy)


def hide_values(text: str, values: Mapping[str, str], *, pieces: bool = False) -> str:
    """Put the references back for the values of variables.

    Args:
        text: A text that may hold values.
        values: Value -> reference.
        pieces: Whether the text is about such a value: then every length counts, and long pieces of it count too,
            as messages cut what they show.

    Returns:
        The text without the values.

    >>> hide_values("got 'hunter22', near 'hunter'", {"hunter22": "${KEY}"}, pieces=True)
    "got '${KEY}', near '${KEY}'"
    """
    for value in sorted(values, key=len, reverse=True):
        for written in dict.fromkeys((value, repr(value)[1:-1])):
            if written.strip() and (pieces or len(written) >= _SHORTEST_ANYWHERE):
                text = re.sub(rf"(?<!\w){re.escape(written)}(?!\w)", values[value], text)
        if pieces:
            text = _hide_pieces(text, value, values[value])
    return text


def _hide_pieces(text: str, value: str, reference: str) -> str:
    kept: list[str] = []
    position = 0
    matcher = SequenceMatcher(None, text, value, autojunk=False)
    while True:
        found = matcher.find_longest_match(position, len(text), 0, len(value))
        if found.size < _SHORTEST_PIECE:
            return "".join([*kept, text[position:]])
        before = _hide_pieces(text[position : found.a], value, reference)
        kept += [before, reference]
        position = found.a + found.size


def references(values: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Join what several files know of values and their references.

    Args:
        values: Value -> the reference that stands for it, per file.

    Returns:
        The same of all files; of two references for one value the last.

    >>> references([{"hunter22": "${KEY}"}, {"flights": "${BUCKET}"}])
    {'hunter22': '${KEY}', 'flights': '${BUCKET}'}
    """
    return {value: reference for each in values for value, reference in each.items()}
