"""Messages of drivers and streams without what they were given."""

from __future__ import annotations

import re

from lakeloop.config.addresses import hide_credentials
from lakeloop.config.source import Source
from lakeloop.config.tree import Config
from lakeloop.config.variables import hide_values

_MAX_MESSAGE = 300
_NO_NEWS = "An error occurred while calling"


def describe_safely(config: Config, source: Source, failure: Exception) -> str:
    """Describe a failure to read a source, without user, password, URL, and what environment variables stood for.

    Args:
        config: The project.
        source: The source.
        failure: What the driver or the stream raised.

    Returns:
        Its first line, bounded.

    >>> read = {"jdbc": "jdbc:x:shop", "table": "t", "watermark": "id", "user": "joan", "password": "hunter22"}
    >>> declared = {"source": "orders", "read": read, "columns": {"order": {"type": "long"}}, "key": ["order"]}
    >>> declared |= {"event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> failure = ValueError("no answer from jdbc:x:shop for joan, 'hunter22'")
    >>> describe_safely(shops, Source.model_validate(declared), failure)
    "no answer from (the URL) for (the user), '(the password)'"
    """
    read = source.read
    lines = [each.strip() for each in str(failure).splitlines() if each.strip() and _NO_NEWS not in each]
    text = lines[0].removeprefix(": ") if lines else type(failure).__name__
    if read is None:
        return text[:_MAX_MESSAGE]
    written = config.written_read(source)
    secrets = {
        str(value): written[key] for name, value in read.options.items() if (key := f"options.{name}") in written
    }
    if read.plugin is not None:
        secrets |= dict.fromkeys(read.plugin.secrets, "(hidden)")
    if read.password is not None:
        secrets[read.password.get_secret_value()] = written.get("password", "(the password)")
    text = hide_values(text, secrets, pieces=True)
    if read.jdbc is not None:
        text = text.replace(read.jdbc, written.get("jdbc", "(the URL)"))
    if read.user is not None:  # databases write names in capitals
        reference = written.get("user", "(the user)")
        text = re.sub(rf"(?<!\w){re.escape(read.user)}(?!\w)", lambda _: reference, text, flags=re.IGNORECASE)
    return hide_credentials(text)[:_MAX_MESSAGE]
