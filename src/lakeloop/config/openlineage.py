"""`openlineage:` of the project: where lineage events go."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, model_validator

from lakeloop.config.section import Duration, Folder, Section, Text


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is no address of a receiver; write https://host or http://host:5000")
    if parts.username is not None or parts.password is not None or parts.query:
        raise ValueError("it holds a user, a password or a query; write the address alone, and the key as api_key")
    return url


class OpenLineage(Section):
    """Where events of lineage go. With neither `url` nor `file` the environment says it, as OpenLineage has it.

    Attributes:
        url: Address of a receiver, http or https.
        endpoint: Path of events below it.
        api_key: Key that the receiver asks for, written as an environment variable.
        file: File that events are appended to, a line each, relative to the workspace; or absolute.
        namespace: Namespace of the jobs; the project's name without it.
        timeout: Longest wait for the receiver, per event.
        spark: Whether Spark's own listener sends events too. It is fetched when a session of lakeloop's own starts.
    """

    url: Annotated[Text, AfterValidator(_web_address)] | None = None
    endpoint: Text = "api/v1/lineage"
    api_key: SecretStr | None = None
    file: Folder | None = None
    namespace: Text | None = None
    timeout: Duration = timedelta(seconds=5)
    spark: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.url is not None and self.file is not None:
            raise ValueError("declare url or file, not both")
        if self.api_key is not None and self.url is None:
            raise ValueError("api_key: a key is for a receiver; write `url:` beside it, or remove it")
        if self.spark and self.url is None and self.file is None:
            raise ValueError("spark: its listener reads no environment of ours; declare url or file beside it")
        return self
