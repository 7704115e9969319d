"""A double of S3 on this machine: moto's server, as a process of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
BUCKET = "lake"
_SIGNED = "AWS4-HMAC-SHA256 Credential=x/20240101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"


def find_moto() -> str | None:
    """Tell where moto's server is: `MOTO_SERVER`, on the path, or in an environment of its own in `.venvs/moto`."""
    own = ROOT / ".venvs" / "moto" / "bin" / "moto_server"
    return os.environ.get("MOTO_SERVER") or shutil.which("moto_server") or (str(own) if own.exists() else None)


def environment(address: str) -> dict[str, str]:
    """Give the variables by which delta-rs and Spark find the double."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test-of-lakeloop",
        "AWS_REGION": "us-east-1",
    }


@contextlib.contextmanager
def running_s3(log: Path, *, seconds: float = 120.0) -> Iterator[str]:
    """Run a double with one empty bucket.

    Args:
        log: File it writes to.
        seconds: How long it may take until it answers.

    Yields:
        Its address; the process is ended afterwards.
    """
    program = find_moto()
    assert program is not None, "moto's server is missing"
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        port = int(listening.getsockname()[1])
    with log.open("wb") as said:
        server = subprocess.Popen([program, "-H", HOST, "-p", str(port)], stdout=said, stderr=said)
    address = f"http://{HOST}:{port}"
    try:
        _wait(address, server, time.monotonic() + seconds)
        asked = urllib.request.Request(f"{address}/{BUCKET}", method="PUT", headers={"Authorization": _SIGNED})
        with urllib.request.urlopen(asked, timeout=30):
            pass
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _wait(address: str, server: subprocess.Popen[bytes], until: float) -> None:
    while True:
        assert server.poll() is None, "moto's server ended"
        try:
            with urllib.request.urlopen(f"{address}/moto-api/data.json", timeout=5):
                return
        except OSError:
            assert time.monotonic() < until, "moto's server does not answer"
            time.sleep(0.2)
