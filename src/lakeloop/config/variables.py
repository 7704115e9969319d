"""Variables in the values of `conf/`.

`${NAME}` and `${NAME:-default}` are of the environment, `${secret:scope/key}` is of a scope of secrets, and `$${` is a
literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

ALLOWED = "${NAME}, ${NAME:-default}, ${secret:scope/key}, or $${ for the two characters themselves"

OF_A_SCOPE = r"secret:[A-Za-z0-9_.@-]+/[A-Za-z0-9_.-]+"
"""Pattern of a secret's name in a reference."""

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)\}|\$\{")
_INSIDE = re.compile(rf"(?P<secret>{OF_A_SCOPE})|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]")
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


def variable_of(secret: str) -> str:
    """Name the variable of the environment that holds a secret where there is no scope to ask.

    Args:
        secret: The secret's name, `secret:scope/key`.

    Returns:
        The variable's name.

    >>> variable_of("secret:flights-prod/store.address")
    'LAKELOOP_SECRET_FLIGHTS_PROD__STORE_ADDRESS'
    """
    scope, _, key = secret.removeprefix("secret:").partition("/")
    scope, key = (_NOT_IN_A_NAME.sub("_", each).upper() for each in (scope, key))
    return f"LAKELOOP_SECRET_{scope}__{key}"


def names_in(text: str) -> tuple[str, ...]:
    """List the variables and secrets that a text refers to, in the order of their first mention.

    Args:
        text: Text as it is written.

    Returns:
        Names, those of secrets as `secret:scope/key`; what is malformed is left out.

    >>> names_in("redis://:${secret:flights/redis}@${HOST:-cache}/0 $${NOT}")
    ('secret:flights/redis', 'HOST')
    """
    inside = (_INSIDE.fullmatch(match["inside"] or "") for match in _REFERENCE.finditer(text))
    return tuple(dict.fromkeys(found["secret"] or found["name"] for found in inside if found is not None))


def fill(text: str, variables: Mapping[str, str]) -> Filled:
    """Put variables into a text.

    Args:
        text: Text with references; a variable that is empty counts as not set.
        variables: Name -> value, as in the environment; a secret's name is `secret:scope/key`, or that of the variable
            that stands for it. What a value holds is not looked into again.

    Returns:
        The text filled.

    Raises:
        VariableError: If a variable is not set and has no default, or a reference is malformed.

    >>> fill("s3://${BUCKET}/${TEAM:-lake}", {"BUCKET": "flights"}).text
    's3://flights/lake'
    >>> fill("$${NAME}", {}).text
    '${NAME}'
    >>> fill("${secret:flights/redis}", {"LAKELOOP_SECRET_FLIGHTS__REDIS": "hunter22"}).values
    {'hunter22': '${secret:flights/redis}'}
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
        name, default = inside["secret"] or inside["name"], inside["default"]
        value = variables.get(name, "")
        if not value and inside["secret"]:
            value = variables.get(variable_of(name), "")
        if value:
            values[value] = f"${{{name}}}"
            return value
        if default is None:
            raise _unknown_secret(name) if inside["secret"] else _not_set(name, variables)
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


def _unknown_secret(name: str) -> VariableError:
    shown = name.removeprefix("secret:")
    remedy = f"on Databricks put it into the scope; elsewhere set the variable {variable_of(name)}"
    return VariableError(f"the secret {shown}, which is not known here", "a secret that has a value", remedy)


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
