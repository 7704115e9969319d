"""What a block of YAML declares: a whole file of a project, or keys that belong to one kind of file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.located_yaml import parse_yaml
from lakeloop.config.model import Model
from lakeloop.config.project import Project
from lakeloop.config.section import Section
from lakeloop.config.source import Source
from tests.config import small_project
from tests.docs.blocks import Block

KINDS: Mapping[str, type[Section]] = {
    "project": Project, "source": Source, "feature_table": FeatureTable, "model": Model,
}  # fmt: skip
_SMALL = {
    "project": small_project.PROJECT,
    "source": small_project.OUTCOMES,
    "feature_table": small_project.CARRIER_DELAYS,
    "model": small_project.MODEL,
}
_INSTEAD_OF = {
    "read": ("landing", "history"),
    "sql": ("from", "aggregate"),
    "python": ("aggregate",),
    "attributes": ("aggregate",),
}
"""Keys of the small project's files that cannot stand beside a key."""
_VARIABLE = re.compile(r"(?<!\$)\$\{([\w:/-]+?)(?::-[^}]*)?\}")


def mistakes(block: Block) -> list[str]:
    """Say what is wrong with a block: of every kind of file it can belong to, if it fits into none."""
    names = _VARIABLE.findall(block.text)
    document = parse_yaml(block.text, block.page, {name: _value_of(name) for name in names})
    if document.issues:
        return [str(each) for each in document.issues]
    data = document.data
    if not isinstance(data, dict):
        return [f"{type(data).__name__}, not keys with values"]
    named = [kind for kind in KINDS if kind in data]
    kinds = named or [kind for kind, section in KINDS.items() if set(data) <= _keys(section)]
    if not kinds:
        return [f"no kind of file has all of these keys: {', '.join(data)}"]
    found = [_refusal(kind, data) for kind in kinds]
    return [] if None in found else [each for each in found if each is not None]


def _keys(section: type[Section]) -> set[str]:
    return {field.alias or name for name, field in section.model_fields.items()}


def _refusal(kind: str, data: dict[str, Any]) -> str | None:
    """Validate keys as a file of the kind; what they leave out is of the small project."""
    small = dict(parse_yaml(_SMALL[kind], f"{kind}.yml").data)
    names = data["landing"].get("names", {}) if isinstance(data.get("landing"), dict) else {}
    if names:  # they name columns that the block leaves out
        small["columns"] = {**small["columns"], **{name: {"type": "string"} for name in names.values()}}
    apart = {each for key in data for each in _INSTEAD_OF.get(key, ())}
    refused = ""
    for whole in (data, {**{key: value for key, value in small.items() if key not in apart}, **data}):
        try:
            KINDS[kind].model_validate(whole)
        except ValidationError as error:
            refused = f"as a {kind}: {error}"
        else:
            return None
    return refused


def _value_of(name: str) -> str:
    if name.endswith(("URL", "URI", "WEBHOOK")):
        return "https://example.com/x"
    return "1" if name == "SEED" else "x" * 32
