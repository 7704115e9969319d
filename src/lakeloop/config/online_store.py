"""`online_store:` of the project: where `lakeloop publish` writes, and servers read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed, rename_remedy
from lakeloop.config.section import Duration, Section, Text
from lakeloop.config.variables import OF_A_SCOPE
from lakeloop.entry_points import PluginGroup, find_plugin, installed_words
from lakeloop.errors import ConfigIssue, PluginError

SCHEMES = ("sqlite", "redis", "rediss")
"""Schemes of the stores that are built in."""

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_VARIABLE = re.compile(rf"(?<!\$)\$\{{(?:\w+|{OF_A_SCOPE})\}}")
_PASSWORD = re.compile(r"//[^/\s@]*:[^/\s@]+@|[?&]password=.")
_PATH: KeyPath = ("online_store", "address")


def _store_address(address: str) -> str:
    unknown = [each for each in _PLACEHOLDER.findall(address) if each != "{workspace}"]
    if unknown:
        raise ValueError("it holds a placeholder other than {workspace}, the only one")
    if not _ADDRESS.match(address):
        raise ValueError("it is no address of a store; write sqlite:///{workspace}/online.db or redis://host:6379/0")
    return address


class OnlineStoreSettings(Section):
    """Where the newest gold rows of every entity are published to.

    Attributes:
        address: `sqlite:///<file>`, `redis://host:port/number`, `rediss://...` for TLS, or an address of a store that
            another package brings; `{workspace}` is replaced. A password stands in a variable of the environment.
        timeout: Longest wait for the store's answer, of a publish and of a server.
    """

    address: Annotated[Text, AfterValidator(_store_address)] = Field(
        default="sqlite:///{workspace}/online.db", repr=False
    )
    timeout: Duration = timedelta(seconds=1)


def online_store_issues(document: LocatedYaml) -> Iterator[ConfigIssue]:
    """Refuse a password of the store that stands in the file itself, and a store that nobody brings.

    Args:
        document: The project's file.

    Yields:
        The mistakes, without the password.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> for written in ("redis://:hunter22@cache", "redis://:${SECRET}@cache"):
    ...     document = parse_yaml(f"online_store: {{address: '{written}'}}", "project.yml", {"SECRET": "hunter22"})
    ...     print([(each.where, each.got, each.remedy) for each in online_store_issues(document)])
    [('online_store.address', '(hidden), a password in the file itself', 'write ${NAME} in its place')]
    []
    """
    section = document.data.get("online_store") if isinstance(document.data, dict) else None
    address = section.get("address") if isinstance(section, dict) else None
    place = document.places.get(_PATH)
    written = place.written if place is not None and place.written is not None else address
    if isinstance(written, str) and _PASSWORD.search(_VARIABLE.sub("", written)):
        got, allowed = "(hidden), a password in the file itself", "a password in a variable of the environment"
        yield document.issue(_PATH, got, allowed, "write ${NAME} in its place")
    if isinstance(address, str) and _ADDRESS.match(address):
        yield from _scheme_issues(document, address.partition(":")[0])


def _scheme_issues(document: LocatedYaml, scheme: str) -> Iterator[ConfigIssue]:
    got, group = f"the scheme {scheme!r}", PluginGroup.ONLINE_STORES
    try:
        is_known = find_plugin(group, scheme, SCHEMES) is not None or scheme in SCHEMES
    except PluginError as error:
        said = "; ".join(map(str, error.failures))
        yield document.issue(_PATH, f"{got}: {said}", "a scheme that one package brings", error.remedy)
        return
    if not is_known:
        known = list(dict.fromkeys((*SCHEMES, *installed_words(group))))
        otherwise = f"write one of these, or install the package that brings it (entry points of {group})"
        yield document.issue(_PATH, got, listed(known), rename_remedy(scheme, known, otherwise))
