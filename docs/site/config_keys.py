"""The keys of the configuration as tables of Markdown, written from the models; run it to print them.

`docs/configuration.md` holds the tables word for word, and the site has a page for each kind of file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.site.tables import write_table
from lakeloop.config import model, project, source
from lakeloop.config.answers import Allowance, Windows
from lakeloop.config.durations import write_duration
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.label import ClosesAt
from lakeloop.config.monitor import Persistence
from lakeloop.config.plugins import KnownWord
from lakeloop.config.rules import RULES

ROOTS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("project", project.Project),
    ("source", source.Source),
    ("feature table", FeatureTable),
    ("model", model.Model),
)
_PLAIN: dict[Any, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", timedelta: "duration",
    datetime: "instant", SecretStr: "text", ClosesAt: "time of day", Persistence: "`n of m`",
    date: "day", Windows: "`n windows`", Allowance: "`n per duration`",
}  # fmt: skip
_RULES = RULES
_SHARED = ("rule", "severity")


def render_keys() -> Iterator[tuple[str, str]]:
    """Write one table per kind of file: its title and its text.

    >>> [title for title, _ in render_keys()]
    ['project', 'source', 'feature table', 'model']
    """
    for title, root in ROOTS:
        yield title, write_table(("key", "type", "default", "meaning"), _rows(root, ""))


def _rows(section: type[BaseModel], above: str) -> Iterator[tuple[str, str, str, str]]:
    meanings = _meanings(section)
    for name, field in section.model_fields.items():
        key = f"{above}{field.alias or name}"
        yield f"`{key}`", _type(field.annotation), _default(field), meanings.get(name, "")
        yield from _below(field.annotation, key)


def _below(annotation: Any, key: str) -> Iterator[tuple[str, str, str, str]]:
    if annotation in _PLAIN:
        return
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _rows(annotation, f"{key}.")
        return
    origin, inside = get_origin(annotation), [each for each in get_args(annotation) if each is not Ellipsis]
    if origin is tuple and set(_options(inside[0])) == set(_RULES):
        for rule in _RULES:
            kind = get_args(rule.model_fields["rule"].annotation)[0]
            keys = ", ".join(f"`{name}`" for name in (*(n for n in rule.model_fields if n not in _SHARED), "severity"))
            yield (
                f"`{key}[].rule: {kind}`",
                f"with {keys}",
                "",
                " ".join((rule.__doc__ or "").partition(">>>")[0].split()),
            )
    elif origin is tuple:
        yield from _below(inside[0], f"{key}[]")
    elif origin is dict:
        yield from _below(inside[1], f"{key}.<name>")
    elif origin in (Union, UnionType, Annotated):
        for each in inside:
            yield from _below(each, key)


def _options(annotation: Any) -> tuple[Any, ...]:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _type(annotation: Any) -> str:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        words = next((each.built_in for each in inside if isinstance(each, KnownWord)), ())
        return _type(Literal[words]) if words else _type(inside[0])
    if origin is Literal:
        return " or ".join(f"`{each.value if isinstance(each, Enum) else each}`" for each in inside)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(each) for each in inside if each is not NoneType))
    if origin is tuple:
        return "list of rules" if set(_options(inside[0])) == set(_RULES) else f"list of {_type(inside[0])}"
    if origin is dict:
        return f"section: name to {_type(inside[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{each.value}`" for each in annotation)
    return "section"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default_factory() if field.default is PydanticUndefined else field.default  # type: ignore[call-arg,misc]
    return _written(value)


def _written(value: Any) -> str:
    if isinstance(value, Windows | Allowance):
        return f"`{value.model_dump()}`"
    if isinstance(value, BaseModel) and type(value) is Persistence:
        return f"`{value.hits} of {value.windows}`"
    if isinstance(value, BaseModel):
        given = {key: each for key, each in value.model_dump(exclude_defaults=True).items() if each is not None}
        return "`" + ", ".join(f"{key}: {each}" for key, each in given.items()) + "`" if given else "as below"
    if isinstance(value, timedelta):
        return f"`{write_duration(value)}`"
    if value is None or value in ((), {}, ""):
        return "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(repr(each) if each == '' else str(each) for each in value)}]`"
    if isinstance(value, dict):
        return "`" + ", ".join(f"{key}: {each}" for key, each in value.items()) + "`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _meanings(section: type[BaseModel]) -> dict[str, str]:
    """Read the attributes of a docstring."""
    _, _, attributes = (section.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in attributes.splitlines():
        begin = re.match(r"^        (\w+): (.*)$", line)
        if begin:
            name = begin[1]
            found[name] = begin[2].strip()
        elif line.strip() and name:
            found[name] += f" {line.strip()}"
    return {name: text.replace("|", "\\|") for name, text in found.items()}


if __name__ == "__main__":
    for title, table in render_keys():
        sys.stdout.write(f"\n### {title}\n\n{table}\n")
