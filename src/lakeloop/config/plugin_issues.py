"""Checks of what packages bring that need the file: secrets are written as environment variables only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.plugins import PluginHost, PluginSection, choose_host, secret_keys
from lakeloop.config.read_issues import is_elsewhere
from lakeloop.entry_points import PluginGroup
from lakeloop.errors import ConfigIssue, PluginError


def plugin_secret_issues(
    document: LocatedYaml, path: KeyPath, host: type[PluginHost], group: PluginGroup
) -> Iterator[ConfigIssue]:
    """Refuse secrets of a plugin's section that stand in the file itself.

    Args:
        document: The file.
        path: Where the section stands that may have the key of a plugin.
        host: That section.
        group: What a package brings.

    Yields:
        The mistakes; none shows the secret.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("read: {delta: /data/orders}", "sources/orders.yml")
    >>> list(plugin_secret_issues(document, ("read",), PluginHost, PluginGroup.READERS))
    []
    """
    data = document.value_at(path)
    try:
        form = choose_host(host, group, data) if isinstance(data, Mapping) else None
    except PluginError:
        return  # told where the section is read
    word = None if form is None else form.plugin_word
    if form is None or word is None:
        return
    section = form.model_fields[word].annotation
    if not isinstance(section, type) or not issubclass(section, PluginSection):
        return
    for keys in secret_keys(section):
        here: KeyPath = (*path, word, *keys)
        if _is_given(data[word], keys) and not is_elsewhere(document, here, whole=True):
            got, allowed = "(hidden), in the file itself", "an environment variable, without a default"
            yield document.issue(here, got, allowed, f"write {keys[-1]}: ${{NAME}}")


def _is_given(value: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value is not None
