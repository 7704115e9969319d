"""What a package imports that brings something of its own to lakeloop; docs/plugins.md shows a small file for each.

A module per kind, named as the group of its entry points is: what stands in one stays as it is within a protocol.

>>> from lakeloop.plugins import PROTOCOL, PluginGroup
>>> PROTOCOL, PluginGroup.RULES.value
(1, 'lakeloop.rules')
"""

from lakeloop.entry_points import PROTOCOL, Plugin, PluginGroup, forget_plugins, list_plugins

__all__ = ["PROTOCOL", "Plugin", "PluginGroup", "forget_plugins", "list_plugins"]
