"""The signature of a webhook's messages: who knows the key can tell that a message is whole, new and from lakeloop."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = "Lakeloop-Id", "Lakeloop-Timestamp", "Lakeloop-Signature"
_SCHEME = "v1="


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a body.

    Args:
        secret: The key both sides know.
        timestamp: When it is sent, seconds since 1970 in UTC.
        body: The body as it is sent, byte for byte.

    Returns:
        `v1=` and HMAC-SHA256 of the timestamp, a dot and the body, in hexadecimal digits.

    Source: RFC 2104.

    >>> sign("a key of 16 signs", 1706745600, b"{}")[:20]
    'v1=a0a93e83e93f4d7b7'
    """
    signed = str(timestamp).encode() + b"." + body
    return _SCHEME + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def is_genuine(
    secret: str, timestamp: str, body: bytes, signature: str, now: datetime, tolerance: timedelta = timedelta(minutes=5)
) -> bool:
    """Tell whether a message is from somebody who knows the key, and is new; for receivers written in Python.

    Args:
        secret: The key both sides know.
        timestamp: The header `Lakeloop-Timestamp`.
        body: The body as it was received, byte for byte.
        signature: The header `Lakeloop-Signature`.
        now: The receiver's clock, aware.
        tolerance: How far the clocks may be apart: an older message may be one that somebody sends again.

    Returns:
        Whether it can be trusted.

    >>> from datetime import UTC
    >>> now = datetime(2024, 2, 1, tzinfo=UTC)
    >>> signature = sign("a key of 16 signs", 1706745600, b"{}")
    >>> [is_genuine("a key of 16 signs", "1706745600", body, signature, now) for body in (b"{}", b"{ }")]
    [True, False]
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    is_new = abs(now.timestamp() - int(timestamp)) <= tolerance.total_seconds()
    is_same = hmac.compare_digest(sign(secret, int(timestamp), body).encode(), signature.encode())
    return is_new and is_same
