"""What other packages bring: words that a project can use, found by entry points and loaded when they are used.

A package names what it brings in its `pyproject.toml`, in a group per kind. Finding reads what installed packages say
of themselves and imports none of them; only a word that is used is loaded, so that a broken package that nobody uses
breaks nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from typing import Any, TypeVar

from lakeloop.errors import Failure, PluginError

PROTOCOL = 1
"""The form in which this lakeloop asks a plugin; a module written for a later one says so by `LAKELOOP_PROTOCOL`."""

_PROTOCOL_NAME = "LAKELOOP_PROTOCOL"
_MAX_SAID = 200
_T = TypeVar("_T")


class PluginGroup(StrEnum):
    """Groups of entry points, one for each kind of thing that a package may bring."""

    RULES = "lakeloop.rules"
    AGGREGATES = "lakeloop.aggregates"
    DISTANCES = "lakeloop.distances"
    READERS = "lakeloop.readers"
    CHANNELS = "lakeloop.channels"
    ONLINE_STORES = "lakeloop.online_stores"
    ON_DEMAND = "lakeloop.on_demand"


_WORD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,62}")


@dataclass(frozen=True, order=True)
class Plugin:
    """A word that an installed package brings.

    Attributes:
        group: What it is a word for.
        word: The word.
        package: The package that brings it.
        version: The package's version.
        target: What is imported, `package.module:name`.

    >>> str(Plugin(PluginGroup.RULES, "length", "lakeloop-length", "1.0", "lakeloop_length:RULE"))
    'length of lakeloop-length 1.0'
    """

    group: PluginGroup
    word: str
    package: str
    version: str
    target: str

    def __str__(self) -> str:
        return f"{self.word} of {self.release}"

    @property
    def release(self) -> str:
        """The package and its version."""
        return f"{self.package} {self.version}"

    @property
    def module(self) -> str:
        """The module that is imported."""
        return self.target.partition(":")[0].strip()


def list_plugins(group: PluginGroup | None = None) -> tuple[Plugin, ...]:
    """List what installed packages bring; nothing is imported.

    Args:
        group: Only of this kind.

    Returns:
        By group, word and package. Packages are looked for once per `sys.path`.

    >>> list_plugins(PluginGroup.RULES)
    ()
    """
    found = _scan(tuple(sys.path))
    return found if group is None else tuple(each for each in found if each.group is group)


def installed_words(group: PluginGroup) -> tuple[str, ...]:
    """Name the words that packages bring, in alphabetical order.

    >>> installed_words(PluginGroup.CHANNELS)
    ()
    """
    return tuple(dict.fromkeys(each.word for each in list_plugins(group)))


def find_plugin(group: PluginGroup, word: str, built_in: Iterable[str] = ()) -> Plugin | None:
    """Find the package that brings a word.

    Args:
        group: What it is a word for.
        word: The word.
        built_in: Words that lakeloop has itself.

    Returns:
        The plugin; None where no package brings it.

    Raises:
        PluginError: If two packages bring it, or one brings a word that is built in: which is meant is not guessed.

    >>> find_plugin(PluginGroup.RULES, "length", ["range"]) is None
    True
    """
    found = [each for each in list_plugins(group) if each.word == word]
    who = [each.release for each in found]
    if found and word in built_in:
        who.append("lakeloop itself")
    if len(who) > 1:
        failure = Failure("clash", f"it is brought by {' and by '.join(who)}")
        raise PluginError(
            _subject(group, word), [failure], f"uninstall {_either(found)}, or ask for another word in it"
        )
    return found[0] if found else None


def find_brought(
    group: PluginGroup, word: str, built_in: Mapping[str, _T], problem: Callable[[Any, str], str | None]
) -> _T:
    """Find what a word stands for: built in, or brought by a package, which is loaded and checked.

    Args:
        group: What it is a word for.
        word: The word.
        built_in: Words that lakeloop has itself, with what they stand for.
        problem: Says of something loaded and its word what is wrong with it; None where nothing is.

    Returns:
        What it stands for.

    Raises:
        PluginError: If there is no such word, two packages bring it, or what is brought cannot be used.

    >>> find_brought(PluginGroup.RULES, "range", {"range": 7}, lambda found, word: None)
    7
    >>> find_brought(PluginGroup.RULES, "lenght", {"length": 7}, lambda found, word: None)
    Traceback (most recent call last):
    ...
    lakeloop.errors.PluginError: lenght (lakeloop.rules): cannot be used
      - word: there is none; allowed: length
      remedy: did you mean 'length'?
    """
    plugin = find_plugin(group, word, built_in)
    if plugin is not None:
        found: _T = load_plugin(plugin, problem)
        return found
    if word not in built_in:
        words = sorted({*built_in, *installed_words(group)})
        close = get_close_matches(word, words, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else f"install the package that brings it ({group})"
        raise PluginError(
            _subject(group, word), [Failure("word", f"there is none; allowed: {', '.join(words)}")], remedy
        )
    return built_in[word]


def load_plugin(plugin: Plugin, problem: Callable[[Any, str], str | None]) -> Any:
    """Import what a package brings, and check it.

    Args:
        plugin: What is brought.
        problem: Says of something loaded and its word what is wrong with it; None where nothing is.

    Returns:
        What the entry point names.

    Raises:
        PluginError: If it cannot be imported, is written for another protocol, or something is wrong with it.

    >>> broken = Plugin(PluginGroup.RULES, "length", "lakeloop-length", "1.0", "no_such_module:RULE")
    >>> load_plugin(broken, lambda found, word: None)
    Traceback (most recent call last):
    ...
    lakeloop.errors.PluginError: length (lakeloop.rules): cannot be used
      - import: no_such_module:RULE of lakeloop-length 1.0: ModuleNotFoundError: No module named 'no_such_module'
      remedy: install what lakeloop-length needs (pip check), or another release of it; or uninstall it
    """
    subject, of = _subject(plugin.group, plugin.word), f"{plugin.target} of {plugin.release}"
    pattern, form = (
        (_SCHEME, "lower case letters, digits, +, . and -")
        if plugin.group is PluginGroup.ONLINE_STORES
        else (_WORD, "lower case letters, digits and underscores")
    )
    other = f"install a release of {plugin.package} that is made for this lakeloop, or uninstall it"
    if not pattern.fullmatch(plugin.word):
        raise PluginError(
            subject, [Failure("word", f"{of}: a word is made of {form}, and begins with a letter")], other
        )
    try:
        found = EntryPoint(plugin.word, plugin.target, plugin.group.value).load()
    except Exception as error:  # a package may raise anything while it is imported
        remedy = f"install what {plugin.package} needs (pip check), or another release of it; or uninstall it"
        raise PluginError(subject, [Failure("import", f"{of}: {_said(error)}")], remedy) from error
    spoken = getattr(sys.modules.get(plugin.module), _PROTOCOL_NAME, PROTOCOL)
    if spoken != PROTOCOL:
        failures = [Failure("protocol", f"{of}: it is written for protocol {spoken}, this lakeloop speaks {PROTOCOL}")]
        raise PluginError(subject, failures, f"install releases of lakeloop and {plugin.package} that fit each other")
    wrong = problem(found, plugin.word)
    if wrong is not None:
        raise PluginError(subject, [Failure("type", f"{of}: {wrong}")], other)
    return found


def plugin_failed(group: PluginGroup, word: str, failure: Exception | str) -> PluginError:
    """Say that what a package brings failed when it was asked.

    Args:
        group: What it is a word for.
        word: The word.
        failure: What it raised, or what is wrong with what it gave.

    Returns:
        The error, with the package.

    >>> print(plugin_failed(PluginGroup.RULES, "length", ValueError("no such column")))
    length (lakeloop.rules): cannot be used
      - failed: ValueError: no such column
      remedy: ask who makes the package, or install another release of it
    """
    plugin = find_plugin(group, word)
    of, package = ("", "the package") if plugin is None else (f"{plugin.target} of {plugin.release}: ", plugin.package)
    said = failure if isinstance(failure, str) else _said(failure)
    remedy = f"ask who makes {package}, or install another release of it"
    return PluginError(_subject(group, word), [Failure("failed", f"{of}{said}")], remedy)


def list_strays() -> tuple[tuple[tuple[str, str, str, str], PluginError], ...]:
    """List entry points of groups that are named as lakeloop's are, and are none of them: nothing ever finds them.

    Returns:
        Group, word, package and version of each, with what to do about it.

    >>> list_strays()
    ()
    """
    known = [each.value for each in PluginGroup]
    found = sorted(
        {
            (each.group, each.name, *_release(dist))
            for dist in distributions()
            for each in dist.entry_points
            if each.group.startswith("lakeloop.") and each.group not in known
        }
    )
    return tuple((each, _stray(each, known)) for each in found)


def _stray(stray: tuple[str, str, str, str], known: list[str]) -> PluginError:
    group, word, package, version = stray
    close = get_close_matches(group, known, n=1)
    remedy = f"did you mean {close[0]!r}?" if close else f"correct the group in the pyproject.toml of {package}"
    failure = Failure("group", f"{package} {version}: there is no such group; allowed: {', '.join(known)}")
    return PluginError(f"{word} ({group})", [failure], remedy)


def forget_plugins() -> None:
    """Look for packages anew, after one was installed in this process.

    >>> forget_plugins()
    """
    _scan.cache_clear()


@lru_cache(maxsize=8)
def _scan(path: tuple[str, ...]) -> tuple[Plugin, ...]:
    """Read what the packages on `sys.path` say; `path` tells when that is another one."""
    _ = path
    installed = entry_points()
    found = [
        Plugin(group, each.name, *_release(each.dist), each.value)
        for group in PluginGroup
        for each in installed.select(group=group.value)
    ]
    return tuple(sorted(set(found)))


def _release(dist: Distribution | None) -> tuple[str, str]:
    said = None if dist is None else dist.metadata
    return ("unknown", "unknown") if said is None else (str(said["Name"]), str(said["Version"]))


def _subject(group: PluginGroup, word: str) -> str:
    return f"{word} ({group})"


def _either(found: Iterable[Plugin]) -> str:
    names = list(dict.fromkeys(each.package for each in found))
    return names[0] if len(names) == 1 else f"one of {' and '.join(names)}"


def _said(failure: Exception) -> str:
    lines = str(failure).splitlines()
    return f"{type(failure).__name__}{f': {lines[0][:_MAX_SAID]}' if lines else ''}"
