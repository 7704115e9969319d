"""What a project stands on: its workspace and its tracking store."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from lakeloop.runs.doctor.finding import Finding, fail, not_checked, ok, warn
from lakeloop.runs.doctor.machine import existing

if TYPE_CHECKING:
    from lakeloop.config.tree import Config

_PATIENCE_SECONDS = 2
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def check_workspace(config: Config) -> Finding:
    """Check that files can be made, locked and renamed where the tables are.

    Args:
        config: The project.

    Returns:
        FAIL when one of them cannot be done; the workspace is left as it was.

    >>> check_workspace(context.config).status.value
    'OK'
    """
    there = existing(config.workspace)
    remedy = f"make {there} writable for you, or name another workspace in project.yml"
    if os.path.lexists(config.workspace) and there != config.workspace:
        return fail("workspace", f"{config.workspace} is no folder", "move it away, or name another workspace")
    closed = [path.name for path in config.workspace.glob("*") if not os.access(path, os.W_OK)]
    if closed:
        return fail("workspace", f"{config.workspace}: cannot write {', '.join(sorted(closed)[:5])}", remedy)
    step, scratch = "create", None
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".lakeloop-doctor-", dir=there))
        (scratch / "a").write_text("", encoding="utf-8")
        step = "lock"
        with FileLock(scratch / "lock", timeout=0):
            step = "rename"
            (scratch / "a").rename(scratch / "b")
    except (OSError, NotImplementedError, Timeout) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else None
        return fail("workspace", f"{there}: cannot {step}: {reason or failure}", remedy)
    finally:
        if scratch is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(scratch)
    missing = "" if there == config.workspace else ", which the first run makes"
    return ok("workspace", f"can create, lock and rename in {config.workspace}{missing}")


def check_tracking(address: str) -> Finding:
    """Check that the tracking store answers, without its libraries.

    Args:
        address: MLflow's tracking address.

    Returns:
        FAIL when it does not answer. What is shown of the address holds neither name nor password.

    >>> finding = check_tracking("postgresql://me:secret@[::1/mlflow")  # a bracket is missing
    >>> finding.status.value, finding.found
    ('FAIL', 'the address cannot be read')
    >>> check_tracking("file:/mlruns").found
    'a folder of files, which loses runs when two jobs write'
    """
    try:
        parts = urlsplit(address)
        host, port, scheme = parts.hostname, parts.port, parts.scheme.partition("+")[0]
    except ValueError:
        return fail("tracking", "the address cannot be read", "mend tracking_uri in project.yml")
    if scheme == "sqlite":
        return _check_sqlite(Path(address.partition(":///")[2].partition("?")[0]))
    if scheme in {"http", "https"} and host:
        shown = f"{scheme}://{host}{f':{port}' if port else ''}{parts.path}"
        return _check_server(shown)
    if scheme in _PORTS and host:
        return _check_port(scheme, host, port or _PORTS[scheme])
    if address.startswith(("databricks", "uc:")):
        return not_checked("tracking", "Databricks: its own client knows how to reach it")
    if scheme in {"", "file"}:
        remedy = "use a database: sqlite:///{workspace}/mlflow.db"
        return warn("tracking", "a folder of files, which loses runs when two jobs write", remedy)
    return not_checked("tracking", f"an address of kind {scheme}")


def _check_sqlite(file: Path) -> Finding:
    if not file.is_file():
        return ok("tracking", f"{file}, which the first run makes")
    try:
        with contextlib.closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=2)) as store:
            store.execute("SELECT name FROM sqlite_master").fetchone()
    except sqlite3.Error as failure:
        remedy = "restore the file from a copy; moving it away loses the models it knows"
        return fail("tracking", f"{file}: {failure}", remedy)
    if not os.access(file, os.W_OK):
        return fail("tracking", f"{file}: cannot be written", "make it writable for you")
    return ok("tracking", str(file))


def _check_server(shown: str) -> Finding:
    remedy = "check the address, the network, and whether the server is up"
    try:
        with urllib.request.urlopen(f"{shown.rstrip('/')}/health", timeout=_PATIENCE_SECONDS):  # noqa: S310 - http only
            return ok("tracking", f"{shown} answers")
    except urllib.error.HTTPError as failure:
        if failure.code in {401, 403}:
            return ok("tracking", f"{shown} answers, and asks who you are")
        return warn("tracking", f"{shown} answers with {failure.code}", remedy)
    except OSError as failure:  # no connection, no such host, no answer in time
        reason = getattr(failure, "reason", None) or failure
        return fail("tracking", f"{shown}: {reason}", remedy)


def _check_port(kind: str, host: str, port: int) -> Finding:
    try:
        with socket.create_connection((host, port), timeout=_PATIENCE_SECONDS):
            return ok("tracking", f"{kind} at {host}:{port} takes connections")
    except OSError as failure:
        remedy = "check the address, the network, and whether the database is up"
        return fail("tracking", f"{kind} at {host}:{port}: {failure.strerror or failure}", remedy)
