"""Checks of a spine's id against the key of a source."""

from __future__ import annotations

from collections.abc import Iterator

from lakeloop.config.located_yaml import LocatedYaml
from lakeloop.config.mistakes import listed
from lakeloop.config.model import Model
from lakeloop.config.source import Source
from lakeloop.errors import ConfigIssue


def key_issues(document: LocatedYaml, model: Model, source: Source) -> Iterator[ConfigIssue]:
    """Check that an id names one row of a source: what leaves out a part of its key would name several.

    Args:
        document: The model's file.
        model: The model.
        source: Source of its spine, or of its label.

    Yields:
        An id without a part of the key.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("predict: {id: [order]}", "models/late.yml")
    >>> orders = shops.sources["orders"].model_copy(update={"key": ("order", "shop")})
    >>> [issue.remedy for issue in key_issues(document, shops.models["late"], orders)]
    ['add shop, or make the key of source orders smaller']
    """
    absent = [name for name in source.key if name not in model.predict.id]
    if absent and all(name in source.all_columns for name in source.key):  # a wrong key is told in its own file
        allowed = f"all of the key of source {source.source}: {listed(source.key)}"
        remedy = f"add {listed(absent)}, or make the key of source {source.source} smaller"
        if model.predict.every is not None:
            remedy = f"write key: [{', '.join(model.predict.id)}] in source {source.source}, which may derive them"
        yield document.issue(("predict", "id"), f"{listed(model.predict.id)}", allowed, remedy)
