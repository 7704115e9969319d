"""One YAML file as plain data, with the line of every key and value.

The scalars are those of YAML 1.2's core schema: only `true` and `false` are booleans, so `on`, `no` and `yes` stay
text; dates and instants stay text; `12:30` is text and `0123` the number 123. Keys are always text. Environment
variables are put into values while they are read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import yaml

from lakeloop.config.variables import VariableError, fill, has_variable, hide_values
from lakeloop.config.yaml_syntax import ALLOWED, character_issue, syntax_issue
from lakeloop.errors import ConfigIssue

KeyPath = tuple[str | int, ...]
"""Keys and list positions that lead from the top of a file to a value."""

MAX_NODES = 100_000
"""Values in one file beyond which it is refused; repeated aliases can multiply without bound."""

_MAX_TEXT = 80
_MAX_KEYS = 12
_SWITCH = re.compile(r"^(?:y|n|yes|no|on|off)$", re.IGNORECASE)
_SECRET = re.compile(r"secret|password|passwd|token|credential", re.IGNORECASE)
_TAG = "tag:yaml.org,2002:"


class _CoreLoader(yaml.SafeLoader):
    """A loader that is used for its composer only, with the core schema's resolvers."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol


def _resolve(kind: str, pattern: str, first: str) -> None:
    _CoreLoader.add_implicit_resolver(_TAG + kind, re.compile(pattern), list(first))


_resolve("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF")
_resolve("int", r"^(?:[-+]?[0-9]{1,300}|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789")
_resolve(
    "float",
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    "-+0123456789.",
)
_CoreLoader.add_implicit_resolver(_TAG + "null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])


class Place(NamedTuple):
    """Where a value stands.

    Attributes:
        file: Path of the file, as the user would type it.
        key_line: 1-based line of its key; of the value itself for an item of a list.
        value_line: 1-based line on which the value begins.
        written: The value as it is written, where that is not what is read: a variable, `0123`, `~`, a bare `no`.
        has_variable: Whether it is written with an environment variable.
    """

    file: str
    key_line: int
    value_line: int
    written: str | None = None
    has_variable: bool = False


def dotted(path: KeyPath) -> str:
    """Write a path as people do.

    >>> dotted(("aggregate", 0, "over"))
    'aggregate[0].over'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def shown(value: Any, path: KeyPath = ()) -> str:
    """Render a value for a message, bounded; a value below a key that names a secret is hidden.

    Args:
        value: What was found.
        path: Where it was found.

    Returns:
        Text of bounded length.

    >>> shown("Mars"), shown(None), shown({"a": 1, "b": 2})
    ("'Mars'", 'nothing', 'a section with the keys a, b')
    """
    is_address = path[:1] == ("notify",) and path[-1] in ("slack", "url")  # who knows a webhook's can post there
    if is_address or any(isinstance(part, str) and _SECRET.search(part) for part in path):
        return "(hidden)"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        keys = [str(key) for key in value]
        more = f" and {len(keys) - _MAX_KEYS} more" if len(keys) > _MAX_KEYS else ""
        return f"a section with the keys {', '.join(keys[:_MAX_KEYS])}{more}" if keys else "an empty section"
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}... ({len(text)} characters)"


@dataclass(frozen=True)
class LocatedYaml:
    """A file's content with its places.

    Attributes:
        file: Path of the file, as the user would type it.
        data: Plain data: dictionaries with text keys, lists, texts, numbers, booleans, None.
        places: Path of a value -> where it stands; the empty path is the whole file.
        issues: Mistakes of the YAML itself; `data` holds what could be read beside them.
        values: Value of an environment variable -> the reference that stands for it in messages.
    """

    file: str
    data: Any
    places: dict[KeyPath, Place]
    issues: tuple[ConfigIssue, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def variables(self) -> dict[KeyPath, str]:
        """Path of each value that is written with an environment variable -> the text as it is written."""
        return {path: place.written or "" for path, place in self.places.items() if place.has_variable}

    def value_at(self, path: KeyPath) -> Any:
        """Read the value at a path; None where there is none.

        >>> parse_yaml("a: [1, {b: 2}]", "x.yml").value_at(("a", 1, "b"))
        2
        """
        if path not in self.places:
            return None
        value = self.data
        for part in path:
            value = value[part]
        return value

    def shown_at(self, path: KeyPath) -> str:
        r"""Render the value at a path for a message: as it is written, without the value of a variable.

        >>> parse_yaml("a: 0123\nb: ${X}", "x.yml", {"X": "7"}).shown_at(("a",))
        '0123, read as 123'
        """
        value, place = self.value_at(path), self.places.get(path)
        if place is None or place.written is None:
            return shown(self._as_written(value, path), path)
        if place.has_variable:
            return shown(place.written, path)
        text = shown(value, path)
        return text if text in (place.written, "(hidden)", "nothing") else f"{place.written}, read as {text}"

    def _as_written(self, value: Any, path: KeyPath) -> Any:
        place = self.places.get(path)
        if place is not None and place.has_variable:
            return place.written
        if isinstance(value, list):
            return [self._as_written(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def issue(self, path: KeyPath, got: str, allowed: str, remedy: str, *, at_key: bool = False) -> ConfigIssue:
        r"""Say what is wrong at a path.

        Args:
            path: Path of the offending value; where it does not exist, the nearest section above gives the line.
            got: What was found.
            allowed: What would have been accepted.
            remedy: What to change.
            at_key: Whether the key is the matter, not its value.

        Returns:
            The mistake with its file and line.

        >>> document = parse_yaml("window:\n  length: 3 dys", "x.yml")
        >>> print(document.issue(("window", "length"), "'3 dys'", "a duration", "did you mean '3 days'?"))
        x.yml:2: window.length
            got:     '3 dys'
            allowed: a duration
            remedy:  did you mean '3 days'?
        """
        known = path
        while known and known not in self.places:
            known = known[:-1]
        place = self.places.get(known, Place(self.file, 1, 1))
        line = place.key_line if at_key or known != path else place.value_line
        if any(p[: len(path)] == path or path[: len(p)] == p for p in self.variables):
            got, allowed, remedy = (hide_values(text, self.values, pieces=True) for text in (got, allowed, remedy))
        return ConfigIssue(place.file, line, dotted(path), got, allowed, remedy)

    def overridden_by(self, other: LocatedYaml) -> LocatedYaml:
        """Lay another file over this one: sections merge key by key, anything else is replaced whole.

        Args:
            other: The file that wins.

        Returns:
            Merged data; each value, and each section both files have, keeps the place where it was last written.

        >>> base = parse_yaml("a: {x: 1, y: [1, 2]}", "base.yml")
        >>> over = parse_yaml("a: {y: [3]}", "dev.yml")
        >>> merged = base.overridden_by(over)
        >>> merged.data, merged.places[("a", "y")].file, merged.places[("a", "x")].file
        ({'a': {'x': 1, 'y': [3]}}, 'dev.yml', 'base.yml')
        """
        places = dict(self.places)

        def merge(base: Any, over: Any, path: KeyPath) -> Any:
            if path and path in other.places:
                places[path] = other.places[path]
            if isinstance(base, dict) and isinstance(over, dict):
                merged = dict(base)
                for key, value in over.items():
                    merged[key] = merge(base.get(key), value, (*path, key))
                return merged
            for old in [p for p in places if len(p) > len(path) and p[: len(path)] == path]:
                del places[old]
            places.update({p: place for p, place in other.places.items() if p[: len(path)] == path and p})
            return over

        data = merge(self.data, other.data, ())
        return LocatedYaml(self.file, data, places, self.issues + other.issues, {**self.values, **other.values})


@dataclass
class _Reader:
    """Turns YAML nodes into data, noting places and mistakes on the way."""

    file: str
    variables: Mapping[str, str]
    places: dict[KeyPath, Place] = field(default_factory=dict)
    issues: list[ConfigIssue] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    is_full: bool = False

    def note(self, line: int, path: KeyPath, got: str, allowed: str, remedy: str) -> None:
        self.issues.append(ConfigIssue(self.file, line, dotted(path), got, allowed, remedy))

    def read(self, node: yaml.Node, path: KeyPath, key_line: int, above: tuple[int, ...] = ()) -> Any:
        line = node.start_mark.line + 1
        if self.is_full:
            return None
        self.places[path] = Place(self.file, key_line or line, line)
        if id(node) in above:
            got = "an alias that repeats without end: it stands inside what it names"
            self.note(line, path, got, "plain values", "write the value out")
            return None
        if len(self.places) > MAX_NODES:
            self.is_full = True  # told once: what follows is more of the same
            allowed = f"at most {MAX_NODES} values in a file, those of aliases counted each time"
            self.note(line, path, "values without end", allowed, "write the values out, without aliases")
            return None
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return dict(self.pairs(node, path, (*above, id(node))))
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            inside = (*above, id(node))
            return [self.read(item, (*path, i), item.start_mark.line + 1, inside) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG):
            kind = node.tag.removeprefix(_TAG)
            if kind in _SCALARS:
                return self.scalar(node, path, kind)
        remedy = "remove the tag, or put the whole value in quotes: ! means something else to YAML"
        self.note(line, path, f"the tag {node.tag}", "plain sections, lists, texts and numbers", remedy)
        return None

    def scalar(self, node: yaml.ScalarNode, path: KeyPath, kind: str) -> Any:
        line, text = node.start_mark.line + 1, str(node.value)
        is_plain = node.style is None
        if kind == "str" and has_variable(text):
            try:
                filled = fill(text, self.variables)
            except VariableError as error:
                self.note(line, path, error.got, error.allowed, error.remedy)
                return None
            self.values |= filled.values
            self.places[path] = self.places[path]._replace(written=text, has_variable=True)
            return _parse_plain(filled.text) if filled.is_whole and is_plain else filled.text
        try:
            value = _SCALARS[kind](text)
        except (ValueError, KeyError):
            self.note(line, path, shown(text), f"a value of the kind {node.tag}", "remove the tag")
            return None
        if is_plain and (text != str(value) if kind != "str" else _SWITCH.match(text)):
            self.places[path] = self.places[path]._replace(written=text)
        return value

    def pairs(self, node: yaml.MappingNode, path: KeyPath, above: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.note(line, path, "a section or a list as a key", "text as a key", "put the text in quotes")
                continue
            key = str(key_node.value)
            if has_variable(key):
                self.note(line, (*path, key), "a variable in a key", "variables in values", "write the key out")
                continue
            if key in first_lines:
                self.note(
                    line,
                    (*path, key),
                    f"the key {key!r} a second time",
                    "each key once per section",
                    f"remove it, or merge it with the one in line {first_lines[key]}",
                )
                continue
            first_lines[key] = line
            yield key, self.read(value_node, (*path, key), line, above)


def _parse_int(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _parse_float(text: str) -> float:
    if "inf" in text.lower():
        return -math.inf if text.startswith("-") else math.inf
    return math.nan if text.lower() == ".nan" else float(text)


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "null": lambda _: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": _parse_int,
    "float": _parse_float,
}


def _parse_plain(text: str) -> Any:
    """Read the value of a variable as if it stood in the file by itself, without quotes."""
    text = text.strip()
    for tag, pattern in _CoreLoader.yaml_implicit_resolvers.get(text[:1], []):
        if pattern.match(text):
            return _SCALARS[tag.removeprefix(_TAG)](text)
    return text


def parse_yaml(text: str, file: str, variables: Mapping[str, str] | None = None) -> LocatedYaml:
    r"""Read one YAML document.

    Args:
        text: Content of the file.
        file: Path of the file, for messages.
        variables: Environment variables, for `${NAME}`.

    Returns:
        Data, places and mistakes; data is None where nothing could be read.

    >>> parse_yaml("on: 12:30\nkey: [no, 2013-01-01]", "x.yml").data
    {'on': '12:30', 'key': ['no', '2013-01-01']}
    >>> parse_yaml("seed: ${SEED}\ntext: '${SEED}'", "x.yml", {"SEED": "7"}).data
    {'seed': 7, 'text': '7'}
    >>> print(parse_yaml("a: 1\na: 2", "x.yml").issues[0])
    x.yml:2: a
        got:     the key 'a' a second time
        allowed: each key once per section
        remedy:  remove it, or merge it with the one in line 1
    """
    reader = _Reader(file, {} if variables is None else variables)
    try:
        node = yaml.compose(text, Loader=_CoreLoader)
        data = reader.read(node, (), 0) if node is not None else None
    except yaml.reader.ReaderError as error:
        return LocatedYaml(file, None, {}, (character_issue(text, file, error.position),))
    except yaml.MarkedYAMLError as error:
        return LocatedYaml(file, None, {}, (syntax_issue(text, file, error),))
    except RecursionError:
        problem = ConfigIssue(file, None, "the file", "sections nested without end", ALLOWED, "write it flatter")
        return LocatedYaml(file, None, {}, (problem,))
    data = None if reader.is_full else data  # nothing of it is judged
    return LocatedYaml(file, data, reader.places or {(): Place(file, 1, 1)}, tuple(reader.issues), dict(reader.values))
