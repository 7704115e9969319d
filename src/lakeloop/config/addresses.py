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
