"""Finds the source that a `from` names."""

from __future__ import annotations

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed, rename_remedy
from lakeloop.config.source import Source
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigIssue


def find_source(
    document: LocatedYaml, path: KeyPath, name: str, config: Config, broken: frozenset[str]
) -> tuple[Source | None, tuple[ConfigIssue, ...]]:
    """Look a source up.

    Args:
        document: File that names it.
        path: Where it is named.
        name: The name.
        config: The sound objects.
        broken: Kind and name of the others.

    Returns:
        The source and no mistake; None and no mistake where its own file is broken; None and a mistake otherwise.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> config, document = load_config(Path()), parse_yaml("from: wether", "features/weather.yml")
    >>> find_source(document, ("from",), "wether", config, frozenset())[1][0].remedy
    "did you mean 'weather'?"
    >>> find_source(document, ("from",), "wether", config, frozenset({"source:wether"}))
    (None, ())
    """
    if name in config.sources or f"source:{name}" in broken:
        return config.sources.get(name), ()
    known = sorted({*config.sources, *(key.partition(":")[2] for key in broken if key.startswith("source:"))})
    remedy = rename_remedy(name, known, f"declare it in conf/base/sources/{name}.yml")
    return None, (document.issue(path, f"the source {name!r}", listed(known), remedy),)
