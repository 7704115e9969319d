"""Whether the machines that Spark is to run on can be reached, asked before Spark waits for them."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING

from lakeloop.runs.doctor.finding import Finding, fail, not_checked, ok
from lakeloop.runs.doctor.names import CLUSTER, CONNECT

if TYPE_CHECKING:
    from lakeloop.config.tree import Config

_PATIENCE_SECONDS = 3
_CONNECT_PORT, _MASTER_PORT = 15002, 7077
_PLACE = re.compile(r"(?P<host>\[[^\]]+\]|[^:/;\[\]]+)(?::(?P<port>\d+))?")


def find_master(config: Config | None) -> str:
    """Tell which master a session would be started with here; spark-submit may be told another.

    Args:
        config: The project; None outside one.

    Returns:
        `local[*]`, `spark://host:port`, `yarn`, ...

    >>> find_master(None)
    'local[2]'
    """
    if config is None:
        return "local[2]"
    return str(config.project.spark.get("spark.master", "local[*]"))


def places_of(address: str, default_port: int) -> list[tuple[str, int]]:
    """Read the places an address names.

    Args:
        address: `spark://one:7077,two:7077` or `sc://host:15002/;token=...`.
        default_port: Port of a place without one.

    Returns:
        Hosts and ports; nothing of an address that cannot be read.

    >>> places_of("spark://one:7077,two", 7077), places_of("sc://host/;user_id=me;token=x", 15002)
    ([('one', 7077), ('two', 7077)], [('host', 15002)])
    >>> places_of("sc://[::1]:15009", 15002), places_of("local[2]", 7077)
    ([('::1', 15009)], [])
    """
    _, separator, rest = address.partition("://")
    if not separator:
        return []
    found = [_PLACE.fullmatch(each) for each in rest.partition("/")[0].partition(";")[0].split(",")]
    return [(each["host"].strip("[]"), int(each["port"] or default_port)) for each in found if each is not None]


def check_master_reached(master: str) -> Finding | None:
    """Check that a master on another machine takes connections.

    Args:
        master: Spark's master.

    Returns:
        FAIL when none of its places does; None where that is not the question, or one does.

    >>> check_master_reached("local[2]"), check_master_reached("yarn")
    (None, None)
    """
    if "SPARK_REMOTE" in os.environ or not master.startswith("spark://"):
        return None
    places = places_of(master, _MASTER_PORT)
    tried = [(f"{host}:{port}", _try(host, port)) for host, port in places]
    problems = [f"{place} takes no connection: {problem}" for place, problem in tried if problem]
    if places and len(problems) < len(places):
        return None
    remedy = "start the master, or correct spark.master under spark: in project.yml"
    return fail(CLUSTER, "; ".join(problems) or f"{master} names no host", remedy)


def check_server_reached() -> Finding:
    """Check that the Connect server takes connections.

    Returns:
        FAIL when it does not; NOT_CHECKED without one. A token is not shown.

    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, SPARK_REMOTE="sc://no-such-host.invalid/;token=hunter22"):
    ...     finding = check_server_reached()
    >>> finding.status.value, finding.found.startswith("no-such-host.invalid:15002 takes no connection")
    ('FAIL', True)
    """
    remote = os.environ.get("SPARK_REMOTE")
    if remote is None:
        return not_checked(CONNECT, "SPARK_REMOTE is not set: Spark is started here, or by spark-submit")
    if remote.startswith("local"):
        return not_checked(CONNECT, "SPARK_REMOTE names this machine: the server is started with the session")
    places = places_of(remote, _CONNECT_PORT)
    if not places:
        return fail(CONNECT, "SPARK_REMOTE is no address", "write sc://host:15002")
    host, port = places[0]
    problem = _try(host, port)
    if problem:
        found = f"{host}:{port} takes no connection: {problem}"
        return fail(CONNECT, found, "start the server, or correct SPARK_REMOTE")
    return ok(CONNECT, f"{host}:{port} takes connections")


def _try(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), timeout=_PATIENCE_SECONDS):
            return ""
    except (OSError, UnicodeError, OverflowError) as failure:
        return getattr(failure, "strerror", None) or type(failure).__name__
