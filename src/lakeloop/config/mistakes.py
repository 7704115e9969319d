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

from lakeloop.config.located_yaml import KeyPath, LocatedYaml, shown
from lakeloop.config.section import Section
from lakeloop.errors import ConfigIssue

_NAME_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
_MAX_LISTED = 24
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
_REMEDY = {
    "dict_type": "write `key: value` pairs, indented below the key",
    "model_type": "write `key: value` pairs, indented below the key",
    "string_type": "write it as text, in quotes where it looks like a number, true or false",
    "tuple_type": "write it as a list: [first, second]",
}


def closest(word: str, options: Iterable[str]) -> str | None:
    """Find what somebody probably meant.

    >>> closest("agregate", ["aggregate", "attributes"])
    'aggregate'
    """
    found = get_close_matches(word, list(options), n=1)
    return found[0] if found else None


def listed(options: Iterable[str]) -> str:
    """Write options for a message, bounded.

    >>> listed(["a", "b"])
    'a, b'
    """
    names = list(options)
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return (", ".join(names[:_MAX_LISTED]) + more) or "nothing: none is declared"


def rename_remedy(word: str, options: Iterable[str], otherwise: str) -> str:
    """Suggest the closest option, or something else where none is close.

    >>> rename_remedy("weahter", ["weather"], "declare it")
    "did you mean 'weather'?"
    """
    close = closest(word, options)
    return f"did you mean {close!r}?" if close else otherwise


def section_issues(document: LocatedYaml, error: ValidationError, section: type[Section]) -> list[ConfigIssue]:
    """Translate the errors of one file.

    Args:
        document: The file.
        error: What pydantic found in its data.
        section: The model it was read as.

    Returns:
        One mistake per place; where several kinds of value would do, they are joined by "or".
    """
    found: dict[tuple[KeyPath, bool], ConfigIssue] = {}
    for detail in error.errors(include_url=False):
        path, at_key = _path_of(document.data, detail)
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


def _path_of(data: Any, detail: ErrorDetails) -> tuple[KeyPath, bool]:
    """Follow a location through the data; what is not there is a union's tag, a missing key, or the mark of a key."""
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
    elif detail["type"] == "value_error" and isinstance(data, dict):
        subject = re.split(r"\W", detail["msg"].removeprefix("Value error, "), maxsplit=1)[0]
        if subject in data:
            path = (*path, subject)
    return path, at_key


def _translate(
    document: LocatedYaml, detail: ErrorDetails, path: KeyPath, at_key: bool, section: type[Section]
) -> ConfigIssue:
    kind, context = detail["type"], detail.get("ctx", {})
    value = path[-1] if at_key else document.value_at(path)
    got = shown(value, path)
    message = detail["msg"].removeprefix("Value error, ")
    allowed = _ALLOWED.get(kind, message.removeprefix("Input should be ").removeprefix("a valid "))
    remedy = _REMEDY.get(kind, "change the value")
    match kind:
        case "extra_forbidden":
            keys = _keys_allowed(section, document.data, path[:-1])
            split = value is None and not re.fullmatch(r"\w+", str(path[-1]))
            otherwise = "put the value before it in quotes: inside { } a comma ends it" if split else "remove the key"
            remedy = rename_remedy(str(path[-1]), keys, otherwise)
            return document.issue(path, f"the key {str(path[-1])!r}", listed(keys), remedy, at_key=True)
        case "missing" | "union_tag_not_found":
            return document.issue(path, "nothing", f"the key {path[-1]!r} is required", f"add `{path[-1]}: ...`")
        case "union_tag_invalid":
            options = _QUOTED.findall(str(context["expected_tags"]))
            tag = str(context["tag"])
            return document.issue(path, repr(tag), listed(options), rename_remedy(tag, options, "write one of these"))
        case "enum" | "literal_error":
            allowed = str(context["expected"])
            remedy = rename_remedy(str(value), _QUOTED.findall(allowed), "write one of these")
        case "string_pattern_mismatch" if context.get("pattern") == _NAME_PATTERN:
            allowed = "lower case letters, digits and underscores, beginning with a letter, at most 63"
            remedy = "rename it"
        case "string_pattern_mismatch":
            allowed, remedy = "an import path with dots, as in package.module.Class", "write the full import path"
        case "model_type":
            allowed = f"a section with keys out of {listed(_keys_allowed(section, document.data, path))}"
        case "too_short":
            allowed, remedy = f"at least {context['min_length']} of them", "add one"
        case "value_error":
            problem, _, advice = message.partition("; write ")
            allowed = advice or problem
            remedy = "write it in that form" if advice else "change what contradicts it"
            if "time zone" in problem:
                remedy = rename_remedy(str(value), available_timezones(), "write an IANA name")
        case _ if kind.endswith("_parsing") or kind == "int_from_float":
            allowed = {"int": "a whole number", "float": "a number", "bool": "true or false"}.get(
                kind.split("_")[0], allowed
            )
    return document.issue(path, got, allowed, remedy, at_key=at_key)


def _keys_allowed(section: type[Section], data: Any, path: KeyPath) -> tuple[str, ...]:
    """List the keys of the section that stands at a path."""
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


def _sections(annotation: Any, data: Any) -> list[type[BaseModel]]:
    """List the sections an annotation admits; where the data's `rule` chooses one of them, that one."""
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
