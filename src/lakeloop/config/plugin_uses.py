"""Which packages a declaration stands on: what it names and they bring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.model import Model
from lakeloop.config.project import Project
from lakeloop.config.section import Section
from lakeloop.config.source import Source
from lakeloop.entry_points import Plugin, PluginGroup, list_plugins
from lakeloop.on_demand.calls import parse_call


def plugins_used(declared: Section) -> tuple[Plugin, ...]:
    """Find what packages bring of what a declaration names.

    Args:
        declared: A project, source, feature table or model.

    Returns:
        Each once, by group and word; nothing is imported for it.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> plugins_used(load_config(Path()).models["late_arrival"])
    ()
    """
    brought = {(each.group, each.word): each for each in list_plugins()}
    if not brought:
        return ()
    return tuple(sorted({brought[word] for word in _words(declared) if word in brought}))


def function_plugins(model: Model) -> tuple[Plugin, ...]:
    """Find the packages whose functions a model's answers are computed with.

    Args:
        model: The model's declaration.

    Returns:
        What its on-demand columns call.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> function_plugins(load_config(Path()).models["late_arrival"])
    ()
    """
    return tuple(each for each in plugins_used(model) if each.group is PluginGroup.ON_DEMAND)


def releases(plugins: Iterable[Plugin]) -> dict[str, str]:
    """Tell the versions of the packages of plugins.

    >>> releases([Plugin(PluginGroup.RULES, "length", "lakeloop-length", "1.0", "lakeloop_length:RULE")])
    {'lakeloop-length': '1.0'}
    """
    return {each.package: each.version for each in plugins}


def _words(declared: Section) -> Iterator[tuple[PluginGroup, str]]:
    match declared:
        case Project():
            yield PluginGroup.ONLINE_STORES, declared.online_store.address.partition(":")[0]
            yield from ((PluginGroup.CHANNELS, each.word) for each in declared.notify.named.values())
        case Source():
            yield from ((PluginGroup.RULES, each.rule) for each in declared.rules)
            if declared.read is not None:
                yield PluginGroup.READERS, declared.read.word
        case FeatureTable():
            yield from ((PluginGroup.AGGREGATES, each.computed_as) for each in declared.window_features)
        case Model():
            yield from ((PluginGroup.ON_DEMAND, parse_call(text).function) for text in declared.on_demand.values())
            yield from ((PluginGroup.DISTANCES, each) for each in declared.monitor.statistic.values())
