"""Folders that cannot hold tables."""

from __future__ import annotations

import re

from lakeloop.config.located_yaml import LocatedYaml
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigIssue

_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


def place_issues(config: Config, document: LocatedYaml) -> list[ConfigIssue]:
    r"""Refuse a workspace whose path holds what the table format's libraries take for an encoded character.

    Spark and delta-rs would write the same table to two places.

    Args:
        config: The project.
        document: Its `project.yml`.

    Returns:
        A mistake, where the tables lie on paths.

    >>> from pathlib import Path
    >>> from types import SimpleNamespace
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("project: shops\nworkspace: run%20one", "conf/base/project.yml")
    >>> odd = SimpleNamespace(workspace=Path("/data/run%20one"), project=shops.project)
    >>> for each in place_issues(odd, document):
    ...     print(each)
    conf/base/project.yml:2: workspace
        got:     /data/run%20one, with '%20'
        allowed: a path without a percent sign before two hexadecimal digits
        remedy:  rename the folder, or name another workspace
    >>> place_issues(shops, document)
    []
    """
    found = _ENCODED.search(str(config.workspace))
    if found is None or config.project.catalog is not None:
        return []
    got = f"{config.workspace}, with {found[0]!r}"
    allowed = "a path without a percent sign before two hexadecimal digits"
    return [document.issue(("workspace",), got, allowed, "rename the folder, or name another workspace")]
