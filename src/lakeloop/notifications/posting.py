"""One POST of JSON: no redirect is followed, and no answer is read beyond its beginning."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from lakeloop.notifications.retrying import SENT, Attempt

_MAX_ANSWER = 300
_PASSING = frozenset({408, 425, 429})


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The address was declared; where another server sends it nobody has said."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post_json(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Attempt:
    """Post a body of JSON.

    Args:
        url: Address of http or https.
        body: JSON in UTF-8.
        headers: More headers.
        seconds: Longest wait for the connection, and for each part of the answer.

    Returns:
        SENT when the server answered with 2xx. Too many requests, the server's own errors and a connection that fails
        may pass; a refusal, and a certificate that does not fit, do not.

    >>> refused = post_json("http://127.0.0.1:9/", b"{}", {}, 1.0)
    >>> refused.is_sent, refused.is_transient
    (False, True)
    """
    known = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "lakeloop"}
    request = urllib.request.Request(url, body, {**known, **headers}, method="POST")  # noqa: S310 - the declaration has checked it: http or https
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=seconds) as answer:
            answer.read(_MAX_ANSWER)
    except urllib.error.HTTPError as failure:
        with failure:
            return _refusal(failure)
    except (OSError, http.client.HTTPException) as failure:
        reason = getattr(failure, "reason", None) or failure
        is_lasting = isinstance(reason, ssl.SSLCertVerificationError)
        return Attempt(f"{type(reason).__name__}: {reason}", is_transient=not is_lasting)
    return SENT


def _refusal(failure: urllib.error.HTTPError) -> Attempt:
    said = f"HTTP {failure.code} {failure.reason}"
    if 300 <= failure.code < 400:
        return Attempt(f"{said}: redirects are not followed; declare the address they lead to")
    try:
        answer = failure.read(_MAX_ANSWER).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException):
        answer = ""
    first = answer.splitlines()[0] if answer and not answer.startswith("<") else ""
    after = failure.headers.get("Retry-After", "")
    wait = float(after) if after.isascii() and after.isdigit() else None
    is_transient = failure.code in _PASSING or failure.code >= 500
    return Attempt(f"{said}: {first}" if first else said, is_transient=is_transient, wait=wait)
