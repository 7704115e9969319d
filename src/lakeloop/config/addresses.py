"""Addresses as they may be shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_USER = re.compile(r"//[^/\s@]+@")
_QUERY = re.compile(r"(://[^\s?'\"]+)\?[^\s'\"]+")


def without_password(uri: str) -> str:
    """Hide what stands before the host of an address, which may be a name and a password, and its query's values.

    Args:
        uri: Address of a tracking store.

    Returns:
        The address as it may be shown.

    >>> without_password("postgresql://me:secret@db/mlflow"), without_password("sqlite:////data/ws/mlflow.db")
    ('postgresql://***@db/mlflow', 'sqlite:////data/ws/mlflow.db')
    >>> without_password("mysql://db/mlflow?password=secret&ssl=1")
    'mysql://db/mlflow?***'
    """
    parts = urlsplit(uri)
    if "@" in parts.netloc:
        parts = parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}")
    elif not parts.query:
        return uri
    return urlunsplit(parts._replace(query="***" if parts.query else ""))


def hide_credentials(text: str) -> str:
    """Hide names, passwords and query values in the addresses of a text.

    Args:
        text: Any text, such as the message of an error.

    Returns:
        The text as it may be shown.

    >>> hide_credentials("no answer from postgresql://me:secret@db/mlflow?password=secret")
    'no answer from postgresql://***@db/mlflow?***'
    """
    return _QUERY.sub(r"\1?***", _USER.sub("//***@", text))


def address_parts(address: str) -> tuple[str, ...]:
    """Give what an address is known by; `/services` or `/hooks` at its beginning is a word like any other.

    Args:
        address: An address that is a secret.

    Returns:
        Host, path and query, as far as there are any.

    >>> address_parts("https://hooks.example.com/services/T0/B0/x")
    ('hooks.example.com', '/T0/B0/x')
    """
    parts = urlsplit(address)
    path = re.sub(r"^/[a-z]{1,12}(?=/)", "", parts.path)
    return tuple(each for each in (parts.netloc, path, parts.query) if each.strip("/"))
