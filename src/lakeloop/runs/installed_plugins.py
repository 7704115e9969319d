"""What installed packages bring, each loaded to see that it can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lakeloop.aggregates import find_aggregate
from lakeloop.config.notify import Channel
from lakeloop.config.plugins import choose_host
from lakeloop.config.read import Read
from lakeloop.config.rules import find_rule
from lakeloop.distances import find_distance
from lakeloop.entry_points import Plugin, PluginGroup, list_plugins, list_strays
from lakeloop.errors import PluginError
from lakeloop.on_demand.calls import find_function
from lakeloop.online_store.opening import find_store

_LOADED_BY: Mapping[PluginGroup, Callable[[str], object]] = {
    PluginGroup.RULES: lambda word: find_rule({"rule": word}),
    PluginGroup.AGGREGATES: find_aggregate,
    PluginGroup.DISTANCES: find_distance,
    PluginGroup.READERS: lambda word: choose_host(Read, PluginGroup.READERS, {word: {}}),
    PluginGroup.CHANNELS: lambda word: choose_host(Channel, PluginGroup.CHANNELS, {word: {}}),
    PluginGroup.ONLINE_STORES: find_store,
    PluginGroup.ON_DEMAND: find_function,
}


@dataclass(frozen=True)
class InstalledPlugin:
    """A word that an installed package brings.

    Attributes:
        group: Group of entry points: what it is a word for.
        word: The word.
        package: The package.
        version: Its version.
        problem: Why it cannot be used; empty where it can.
    """

    group: str
    word: str
    package: str
    version: str
    problem: str = ""


def examine_plugins() -> tuple[tuple[InstalledPlugin, ...], tuple[PluginError, ...]]:
    """Load what installed packages bring, and tell of each whether it can be used.

    Returns:
        By group, word and package; and what is wrong, with what to do about it.

    >>> examine_plugins()
    ((), ())
    """
    found, errors = [], []
    for plugin in list_plugins():
        problem = ""
        try:
            _LOADED_BY[plugin.group](plugin.word)
        except PluginError as error:
            problem = "; ".join(map(str, error.failures))
            errors.append(error)
        found.append(_installed(plugin, problem))
    for stray, wrong in list_strays():
        found.append(InstalledPlugin(*stray, problem=str(wrong.failures[0])))
        errors.append(wrong)
    return tuple(found), tuple(errors)


def describe_plugins(plugins: tuple[InstalledPlugin, ...]) -> str:
    """Write what installed packages bring, a line each.

    Args:
        plugins: What they bring.

    Returns:
        Lines of plain text.

    >>> rule = InstalledPlugin("lakeloop.rules", "length", "lakeloop-length", "1.0")
    >>> print(describe_plugins((rule, InstalledPlugin("lakeloop.channels", "pager", "pager", "2.1", "import: ..."))))
    lakeloop.rules     length  lakeloop-length 1.0
    lakeloop.channels  pager   pager 2.1            CANNOT BE USED
    """
    if not plugins:
        return "no installed package brings anything"
    rows = [(each.group, each.word, f"{each.package} {each.version}") for each in plugins]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join((*(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)), _mark(each))).rstrip()
        for row, each in zip(rows, plugins, strict=True)
    )


def _installed(plugin: Plugin, problem: str) -> InstalledPlugin:
    return InstalledPlugin(plugin.group.value, plugin.word, plugin.package, plugin.version, problem)


def _mark(plugin: InstalledPlugin) -> str:
    return "CANNOT BE USED" if plugin.problem else ""
