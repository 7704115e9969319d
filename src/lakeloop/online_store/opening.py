"""A store by its address: SQLite and Redis, and what other packages bring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lakeloop.config.online_store import SCHEMES
from lakeloop.entry_points import PluginGroup, find_plugin, installed_words, load_plugin
from lakeloop.errors import Failure, PluginError
from lakeloop.online_store.problems import no_answer
from lakeloop.online_store.sqlite import SCHEME, SqliteStore
from lakeloop.online_store.store import OnlineStore

ENTRY_POINT_GROUP = PluginGroup.ONLINE_STORES.value
"""Group of the entry points by which a package brings a store, named by the scheme of its addresses.

What it names is called as `open_store` is, and gives an `OnlineStore`.
"""

ALLOWED = "sqlite:///<file>, redis://<host>:<port>/<number>, rediss://..."


def is_address(text: str) -> bool:
    """Tell whether a text is an address, as far as can be told without asking.

    Args:
        text: What may be one.

    Returns:
        Whether its scheme is known and, of a server, no part of a password is taken for a path.

    >>> [is_address(each) for each in ("sqlite:////data/online.db", "rediss://me:secret@cache:6379/0", "sqlite:///")]
    [True, True, False]
    >>> [is_address(each) for each in ("secret", "redis://:se/cret@cache:6379/0", "redis://cache:port/0")]
    [False, False, False]
    """
    if text.startswith(SCHEME):
        return text != SCHEME
    scheme, separator, rest = text.partition("://")
    if scheme not in ("redis", "rediss"):
        return bool(separator) and scheme in installed_words(PluginGroup.ONLINE_STORES)
    try:
        parts = urlsplit(text)
        has_place = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return has_place and rest.count("@") == parts.netloc.count("@")


def open_store(address: str, project: str, *, read_only: bool = False, timeout_seconds: float = 1.0) -> OnlineStore:
    """Open a store.

    Args:
        address: `sqlite:///<file>`, `redis://...`, `rediss://...`, or one of a package's own scheme.
        project: Name of the project whose rows are meant; several may share a store.
        read_only: Whether it is only read; then nothing is made where nothing is.
        timeout_seconds: Longest wait for an answer.

    Returns:
        The store; nothing was asked of a server yet.

    Raises:
        EnvironmentProblemError: If there is no store of this kind, a package is missing, or a file cannot be made.
        PluginError: If a package's store cannot be used, or two packages bring one for the scheme.

    >>> open_store("redis://:secret@cache:6379/0", "demo")
    RedisStore('redis://***@cache:6379/0', 'demo')
    >>> open_store("ftp://cache", "demo")
    Traceback (most recent call last):
    ...
    lakeloop.errors.EnvironmentProblemError: online store ftp://cache: the environment is not ready
      - scheme: 'ftp' is known to no store; allowed: sqlite:///<file>, redis://<host>:<port>/<number>, rediss://...
      remedy: correct online_store.address in project.yml, or install the package that brings this store
    """
    scheme = address.partition(":")[0]
    brought = find_store(scheme)
    if brought is not None:
        store = brought(address, project, read_only=read_only, timeout_seconds=timeout_seconds)
        return _checked(store, scheme)
    if address.startswith(SCHEME) and address != SCHEME:
        path = Path(address.removeprefix(SCHEME))
        return SqliteStore(path, project, read_only=read_only, timeout_seconds=timeout_seconds)
    if scheme not in ("redis", "rediss"):
        remedy = "correct online_store.address in project.yml, or install the package that brings this store"
        known = ", ".join([ALLOWED, *(f"{each}:" for each in installed_words(PluginGroup.ONLINE_STORES))])
        raise no_answer(address, f"{scheme!r} is known to no store; allowed: {known}", remedy, name="scheme")
    return _redis_store(address)(address, project, read_only=read_only, timeout_seconds=timeout_seconds)


def _redis_store(address: str) -> Callable[..., OnlineStore]:
    try:
        from lakeloop.online_store.redis import RedisStore
    except ImportError as missing:
        remedy = "pip install 'lakeloop[redis]'"
        raise no_answer(address, "the package redis is not installed", remedy, name="client") from missing
    return RedisStore


def _problem(found: Any, word: str) -> str | None:
    _ = word
    return None if callable(found) else f"it is {type(found).__name__}, not a function that opens a store"


def find_store(scheme: str) -> Callable[..., OnlineStore] | None:
    """Find what a package brings for the addresses of a scheme.

    Args:
        scheme: The scheme.

    Returns:
        What opens such a store; None where no package brings one.

    Raises:
        PluginError: If two packages bring it, it is built in too, or what is brought cannot be used.

    >>> find_store("redis") is None
    True
    """
    plugin = find_plugin(PluginGroup.ONLINE_STORES, scheme, SCHEMES)
    if plugin is None:
        return None
    brought: Callable[..., OnlineStore] = load_plugin(plugin, _problem)
    return brought


def _checked(store: OnlineStore, scheme: str) -> OnlineStore:
    absent = [name for name in ("manifest", "look_up", "stage", "swap", "close") if not hasattr(store, name)]
    plugin = find_plugin(PluginGroup.ONLINE_STORES, scheme)
    if absent and plugin is not None:
        found = Failure("type", f"{plugin.target} of {plugin.release} gives a store that lacks {', '.join(absent)}")
        remedy = f"install a release of {plugin.package} that is made for this lakeloop"
        raise PluginError(f"{plugin.word} ({plugin.group})", [found], remedy)
    return store
