"""Turns what pydantic found into mistakes a person can act on: file, line, got, allowed, remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zoneinfo import available_timezones

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lakeloop.config.durations import UNITS
from lakeloop.config.located_yaml import KeyPath, LocatedYaml, shown
from lakeloop.config.plugins import PLUGIN_ERROR, OrPlugin
from lakeloop.config.section import TAG_PATTERN, Section
from lakeloop.errors import ConfigIssue

_NAME_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
_MAX_LISTED = 24
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")
_DURATION = re.compile(r"\s*(\d+)\s*([a-zA-Z]+)\s*")
_SUBJECT = re.compile(r"[a-z_][\w.]*(?:\[\d+\][\w.]*)*")
_PREFIX = re.compile(r"^[a-z_][\w.]*(?:\[\d+\][\w.]*)*: ")
_PART = re.compile(r"([a-z_]\w*)|\[(\d+)\]")
_QUOTED = re.compile(r"'([^']*)'")
_ALLOWED = {
    "bool_type": "true or false",
    "dict_type": "a section of keys and values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "string_too_short": "text that is not empty",
    "string_type": "text",
    "tuple_type": "a list",
}
_INSTALL = "install the package that brings it (entry points of {})"
_REMEDY = {
    "dict_type": "write `key: value` pairs, indented below the key",
    "model_type": "write `key: value` pairs, indented below the key",
    "string_type": "write it as text, in quotes where it looks like a number, true or false",
    "tuple_type": "write it as a list: [first, second]",
}


def closest(word: str, options: Iterable[str]) -> str | None:
    """Find what somebody probably meant.

    Args:
        word: What was written.
        options: What would have been accepted.

    Returns:
        The closest option, one that differs in upper and lower case first; None where none is close.

    >>> closest("agregate", ["aggregate", "attributes"])
    'aggregate'
    """
    names = list(options)
    same = [name for name in names if name.casefold() == word.casefold() and name != word]
    found = same or get_close_matches(word, names, n=1)
    return found[0] if found else None


def listed(options: Iterable[str]) -> str:
    """Write options for a message, bounded.

    Args:
        options: What would have been accepted.

    Returns:
        The first ones and the number of the rest; words for none where there is none.

    >>> listed(["a", "b"])
    'a, b'
    """
    names = list(options)
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return (", ".join(names[:_MAX_LISTED]) + more) or "nothing: none is declared"


def rename_remedy(word: str, options: Iterable[str], otherwise: str) -> str:
    """Suggest the closest option, or something else where none is close.

    Args:
        word: What was written.
        options: What would have been accepted.
        otherwise: Remedy where nothing is close.

    Returns:
        The remedy.

    >>> rename_remedy("weahter", ["weather"], "declare it")
    "did you mean 'weather'?"
    >>> rename_remedy("tides", ["weather"], "declare it")
    'declare it'
    """
    close = closest(word, options)
    return f"did you mean {close!r}?" if close else otherwise


def section_issues(document: LocatedYaml, error: ValidationError, section: type[Section]) -> list[ConfigIssue]:
    r"""Translate the errors of one file.

    Args:
        document: The file.
        error: What pydantic found in its data.
        section: The model it was read as.

    Returns:
        One mistake per place; where several kinds of value would do, they are joined by "or".

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> from lakeloop.config.project import Project
    >>> document = parse_yaml("project: shops\nretention: 400 dys", "project.yml")
    >>> try:
    ...     Project.model_validate(document.data)
    ... except ValidationError as error:
    ...     print(section_issues(document, error, Project)[0])
    project.yml:2: retention
        got:     '400 dys'
        allowed: a whole number and a unit: seconds, minutes, hours, days or weeks,
                 as in '3 hours'
        remedy:  did you mean '400 days'?
    """
    found: dict[tuple[KeyPath, bool], ConfigIssue] = {}
    for detail in error.errors(include_url=False):
        path, at_key = path_of(document.data, detail)
        if detail["type"] == "too_short" and len(document.value_at(path)) >= detail["ctx"]["min_length"]:
            continue  # there are enough: what is wrong with each is told at its own place
        issue = _translate(document, detail, path, at_key, section)
        earlier = found.get((path, at_key))
        if earlier is not None:
            if issue.allowed not in earlier.allowed.split(" or "):
                both = f"{earlier.allowed} or {issue.allowed}"
                issue = ConfigIssue(issue.file, issue.line, issue.where, issue.got, both, "write one of these")
            else:
                issue = earlier
        found[(path, at_key)] = issue
    return list(found.values())


def path_of(data: Any, detail: ErrorDetails) -> tuple[KeyPath, bool]:
    """Follow a location through the data; what is not there is a union's tag, a missing key, or the mark of a key.

    Args:
        data: What was read.
        detail: An error in it. A message may begin with a path from there on: `over[1]: ...`.

    Returns:
        The path of what is wrong, and whether the key itself is the matter.

    >>> from lakeloop.config.aggregate import Aggregate
    >>> data = {"of": "is_late", "as": ["mean"], "over": ["1 day", "2 dys"]}
    >>> try:
    ...     Aggregate.model_validate(data)
    ... except ValidationError as error:
    ...     path_of(data, error.errors()[0])
    (('over', 1), False)
    """
    path: KeyPath = ()
    at_key = False
    for index, part in enumerate(detail["loc"]):
        last = index == len(detail["loc"]) - 1
        if part == "[key]":
            at_key = True
        elif isinstance(data, dict) and part == data.get("rule") and path and isinstance(path[-1], int):
            continue
        elif part in (data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()):
            path, data = (*path, part), data[part]
        elif last and detail["type"] == "missing":
            path = (*path, part)
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        path = (*path, "rule")
    elif detail["type"] == PLUGIN_ERROR and detail["ctx"]["key"]:
        path, at_key = (*path, detail["ctx"]["key"]), detail["ctx"]["key"] != "rule"
    elif detail["type"] == "value_error" and isinstance(data, dict):
        subject = _SUBJECT.match(detail["msg"].removeprefix("Value error, "))
        for name, index in _PART.findall(subject[0]) if subject is not None else ():
            part = int(index) if index else name
            if part not in (data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()):
                break
            path, data = (*path, part), data[part]
    return path, at_key


def _translate(
    document: LocatedYaml, detail: ErrorDetails, path: KeyPath, at_key: bool, section: type[Section]
) -> ConfigIssue:
    kind, context = detail["type"], detail.get("ctx", {})
    value = path[-1] if at_key else document.value_at(path)
    got = shown(value) if at_key else document.shown_at(path)
    message = detail["msg"].removeprefix("Value error, ")
    allowed = _ALLOWED.get(kind, message.removeprefix("Input should be ").removeprefix("a valid "))
    remedy = _REMEDY.get(kind, "change the value")
    match kind:
        case "extra_forbidden":
            keys = keys_allowed(section, document.data, path[:-1])
            brought = _or_plugin(section, document.data, path[:-1])
            keys = keys if brought is None or brought.key else tuple(sorted({*keys, *brought.words}))
            split = value is None and not re.fullmatch(r"\w+", str(path[-1]))
            otherwise = "put the value before it in quotes: inside { } a comma ends it" if split else "remove the key"
            otherwise += "" if brought is None or brought.key else f", or {_INSTALL.format(brought.group)}"
            remedy = rename_remedy(str(path[-1]), keys, otherwise)
            return document.issue(path, f"the key {str(path[-1])!r}", listed(keys), remedy, at_key=True)
        case "missing" | "union_tag_not_found":
            return document.issue(path, "nothing", f"the key {path[-1]!r} is required", f"add `{path[-1]}: ...`")
        case "union_tag_invalid":
            options = _QUOTED.findall(str(context["expected_tags"]))
            brought = _or_plugin(section, document.data, path[:-1])
            options += () if brought is None else brought.words
            otherwise = "write one of these" + ("" if brought is None else f", or {_INSTALL.format(brought.group)}")
            return document.issue(path, got, listed(options), rename_remedy(str(context["tag"]), options, otherwise))
        case "plugin":
            return document.issue(
                path, f"{got}: {context['said']}", "a plugin that can be used", context["remedy"], at_key=at_key
            )
        case "enum" | "literal_error":
            allowed = _MEMBER.sub(r"\1", str(context["expected"]))
            otherwise = "write one of these"
            otherwise += f", or {_INSTALL.format(context['group'])}" if "group" in context else ""
            remedy = rename_remedy(str(value), _QUOTED.findall(allowed), otherwise)
        case "string_pattern_mismatch" if context.get("pattern") == _NAME_PATTERN:
            allowed = "lower case letters, digits and underscores, beginning with a letter, at most 63"
            remedy = "rename it"
        case "string_pattern_mismatch" if context.get("pattern") == TAG_PATTERN:
            allowed, remedy = "a word of lower case letters, digits, _ and -, beginning with a letter", "write it so"
            remedy = (
                f"did you mean {str(value).lower()!r}?" if re.fullmatch(TAG_PATTERN, str(value).lower()) else remedy
            )
        case "string_pattern_mismatch":
            allowed, remedy = "an import path with dots, as in package.module.Class", "write the full import path"
        case "model_type":
            allowed = f"a section with keys out of {listed(keys_allowed(section, document.data, path))}"
        case "too_short":
            allowed, remedy = f"at least {context['min_length']} of them", "add one"
        case "value_error":
            problem, _, advice = _PREFIX.sub("", message).partition("; write ")
            if advice and _PREFIX.match(message):
                got = f"{got}: {problem}"
            allowed = advice or problem
            remedy = "write it in that form" if advice else "change what contradicts it"
            slip = _DURATION.fullmatch(str(value)) if "is not a duration" in problem else None
            unit = closest(slip[2], UNITS) if slip is not None else None
            if slip is not None and unit is not None and (slip[2] not in UNITS or " " not in str(value).strip()):
                remedy = f"did you mean '{slip[1]} {unit.removesuffix('s')}{'' if slip[1] == '1' else 's'}'?"
            if "time zone" in problem:
                near = get_close_matches(str(value), available_timezones(), n=1, cutoff=0.75)  # EDT is not WET
                remedy = f"did you mean {near[0]!r}?" if near else "write the IANA name of a place, or UTC"
        case _ if kind.endswith("_parsing") or kind == "int_from_float":
            allowed = {"int": "a whole number", "float": "a number", "bool": "true or false"}.get(
                kind.split("_")[0], allowed
            )
    return document.issue(path, got, allowed, remedy, at_key=at_key)


def keys_allowed(section: type[Section], data: Any, path: KeyPath) -> tuple[str, ...]:
    """List the keys of the section that stands at a path.

    Args:
        section: The model of the whole file.
        data: Content of the file.
        path: Path of a section in it.

    Returns:
        Keys as they are written, in alphabetical order.

    >>> from lakeloop.config.feature_table import FeatureTable
    >>> keys_allowed(FeatureTable, {"attributes": {"wind": {"as": "wind_mph"}}}, ("attributes", "wind"))
    ('as', 'description', 'tags', 'unit')
    """
    annotation: Any = section
    for part in path:
        annotation = _inside(annotation, data, part)
        data = data[part]
    names = {field.alias or name for m in _sections(annotation, data) for name, field in m.model_fields.items()}
    return tuple(sorted(names))


def _members(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [member for option in get_args(annotation) if option is not NoneType for member in _members(option)]
    return [annotation]


def _or_plugin(section: type[Section], data: Any, path: KeyPath) -> OrPlugin | None:
    """Find what says that a package may bring the section that stands at a path."""
    annotation: Any = section
    for part in path:
        annotation = _inside(annotation, data, part)
        data = data[part]
    return _mark(annotation)


def _mark(annotation: Any) -> OrPlugin | None:
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        return next((each for each in marks if isinstance(each, OrPlugin)), None) or _mark(inner)
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
    return next((found for each in options if (found := _mark(each)) is not None), None)


def _sections(annotation: Any, data: Any) -> list[type[BaseModel]]:
    """List the sections an annotation admits; where the data chooses one of them, that one."""
    mark = _mark(annotation)
    brought = None if mark is None else mark.section_of(data)
    if brought is not None:
        return [brought]
    sections = [m for m in _members(annotation) if isinstance(m, type) and issubclass(m, BaseModel)]
    tag = data.get("rule") if isinstance(data, Mapping) else None
    chosen = [m for m in sections if "rule" in m.model_fields and tag in _literals(m.model_fields["rule"].annotation)]
    return chosen or sections


def _literals(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _inside(annotation: Any, data: Any, part: str | int) -> Any:
    for section in _sections(annotation, data):
        for name, field in section.model_fields.items():
            if (field.alias or name) == part:
                return field.annotation
    for member in _members(annotation):
        if get_origin(member) is tuple:
            return get_args(member)[0]
        if get_origin(member) is dict:
            return get_args(member)[1]
    return None
