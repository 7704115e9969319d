"""Checks of `notify` that need the file: addresses and keys are written as environment variables only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.notify import Channel
from lakeloop.config.plugin_issues import plugin_secret_issues
from lakeloop.config.read_issues import is_elsewhere
from lakeloop.entry_points import PluginGroup
from lakeloop.errors import ConfigIssue

_WHOLE = (("webhook", "secret"), ("email", "password"))
_IN_PART = (("slack",), ("webhook", "url"))


def notify_issues(document: LocatedYaml) -> Iterator[ConfigIssue]:
    """Refuse addresses of webhooks, keys and passwords that stand in the file itself.

    Args:
        document: The project's file.

    Yields:
        The mistakes; none shows the secret.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = "notify: {channels: {oncall: {slack: 'https://hooks.example.com/T0/hunter22'}}}"
    >>> [(each.where, each.got, each.remedy) for each in notify_issues(parse_yaml(text, "project.yml"))]
    [('notify.channels.oncall.slack', '(hidden), in the file itself', 'write slack: ${NAME}')]
    """
    channels = document.value_at(("notify", "channels"))
    for name in channels if isinstance(channels, Mapping) else ():
        for keys in (*_WHOLE, *_IN_PART):
            path: KeyPath = ("notify", "channels", name, *keys)
            if _is_given(channels[name], keys) and not is_elsewhere(document, path, whole=keys in _WHOLE):
                got, allowed = "(hidden), in the file itself", "an environment variable, without a default"
                yield document.issue(path, got, allowed, f"write {keys[-1]}: ${{NAME}}")
        yield from plugin_secret_issues(document, ("notify", "channels", name), Channel, PluginGroup.CHANNELS)


def _is_given(channel: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        channel = channel.get(key) if isinstance(channel, Mapping) else None
    return channel is not None
