"""Where a workspace lies: in a folder, or at an address of an object store."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from lakeloop.config.section import Text

S3 = "s3a"
"""The scheme by which both engines know S3."""

_SCHEMES = {S3: S3, "s3": S3, "abfss": "abfss", "gs": "gs"}
_EXAMPLES = "s3a://bucket/path, abfss://container@account.dfs.core.windows.net/path or gs://bucket/path"


class S3Writers(StrEnum):
    """How many jobs may write to a workspace on S3 at a time."""

    ONE = "one"
    SEVERAL = "several"


def is_address(place: str) -> bool:
    """Tell an address of an object store from a folder.

    >>> is_address("s3a://lake/flights"), is_address("workspace"), is_address("/data/s3")
    (True, False, False)
    """
    return "://" in place


def is_s3(place: str) -> bool:
    """Tell whether a place lies on S3, where a plain write replaces what another writer has just put there.

    >>> is_s3("s3a://lake/flights"), is_s3("gs://lake/flights"), is_s3("workspace")
    (True, False, False)
    """
    return place.startswith(f"{S3}://")


def read_place(place: str) -> str:
    """Read where a workspace lies.

    Args:
        place: A folder, or an address.

    Returns:
        A folder as it is; an address in the one spelling that Spark and delta-rs share, without a slash at its end.

    Raises:
        ValueError: If it is an address of no object store that is known, names no bucket or no path in it, or holds
            what does not belong into one.

    >>> read_place("workspace"), read_place("s3://lake/flights/")
    ('workspace', 's3a://lake/flights')
    >>> read_place("hdfs://node/flights")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: hdfs:// is no store that both engines write to; write a folder, or s3a://bucket/path, ...
    """
    if not is_address(place):
        return place
    scheme, _, rest = place.partition("://")
    if scheme not in _SCHEMES:
        raise ValueError(f"{scheme}:// is no store that both engines write to; write a folder, or {_EXAMPLES}")
    parts = urlsplit(f"{scheme}://{rest}")
    steps = parts.path.rstrip("/").split("/")[1:]
    if parts.query or parts.fragment or parts.password or any(each in {"", ".", ".."} for each in steps):
        raise ValueError(
            "it holds more than a bucket and a plain path; write s3a://bucket/path without ?, #, a password, //, ."
            " or ..; credentials stand in the environment"
        )
    if not parts.netloc or not steps:
        raise ValueError(f"it names no bucket, or no path in it; write {_EXAMPLES}")
    if scheme == "abfss" and not (parts.username and (parts.hostname or "").count(".")):
        raise ValueError(
            "it names no container or no account; write abfss://container@account.dfs.core.windows.net/path"
        )
    return f"{_SCHEMES[scheme]}://{parts.netloc}/{'/'.join(steps)}"


Place = Annotated[Text, AfterValidator(read_place)]
"""A folder of this machine, one that is mounted on it, or an address of an object store."""
