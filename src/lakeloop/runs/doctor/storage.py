"""The store the tables lie in, and the format they are in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lakeloop.config.workspace import S3Writers, is_s3
from lakeloop.discovery.text import count_of
from lakeloop.errors import NewerFormatError
from lakeloop.runs.doctor.finding import Finding, fail, not_checked, ok, warn
from lakeloop.runs.doctor.names import STORAGE, TABLES

if TYPE_CHECKING:
    from lakeloop.config.tree import Config
    from lakeloop.tables import Probe

_PATIENCE_SECONDS = 60
_MOST_SKEW_SECONDS = 5
_GIVEN_UP = "AWS_S3_LOCKING_PROVIDER"
"""A variable by which delta-rs once asked DynamoDB; it says so on every call, and puts conditionally instead."""


def check_storage(config: Config) -> Finding:
    """Check that a commit is put only where there is none, where the tables lie, and what is declared of writers on S3.

    Args:
        config: The project.

    Returns:
        FAIL when the store cannot be written to, replaces commits, or nothing is declared of S3; NOT_CHECKED for a
        folder that is not there yet, and with a catalog.

    >>> check_storage(context.config).status.value
    'OK'
    """
    if config.project.catalog is not None:
        return not_checked(STORAGE, f"the catalog {config.project.catalog} says where tables lie")
    if config.project.local is None and not config.workspace.is_dir():
        return not_checked(STORAGE, f"{config.workspace} is not there yet; the first run makes it")
    declared = judge_declared(config)
    if declared is not None and declared.remedy:
        return declared
    from lakeloop.tables import probe_store

    return judge_probe(config.tables, probe_store(config.tables, seconds=_PATIENCE_SECONDS))


def judge_declared(config: Config) -> Finding | None:
    """Judge what is declared of writers on S3.

    Args:
        config: The project.

    Returns:
        What is wrong with it; None where nothing is, or the tables do not lie there.

    >>> judge_declared(shops)  # a folder
    """
    from lakeloop.tables import LOG_STORE, find_problem

    project = config.project
    if not is_s3(config.tables):
        return None
    said = project.spark.get(LOG_STORE)
    if project.s3_writers is S3Writers.SEVERAL and said is None:
        remedy = "set it there, or under spark: in project.yml; a writing job refuses to start without it"
        return warn(STORAGE, f"several writers on S3, and {LOG_STORE} is left to spark-submit or the server", remedy)
    found = find_problem(project.s3_writers, None if said is None else str(said))
    if found is not None:
        failure, remedy = found
        return fail(STORAGE, str(failure), remedy)
    if os.environ.get(_GIVEN_UP):
        return warn(STORAGE, f"{_GIVEN_UP} is set, which delta-rs has given up", f"unset {_GIVEN_UP}")
    return None


def judge_probe(root: str, probe: Probe) -> Finding:
    """Judge what a trial of the store found.

    Args:
        root: Folder or address.
        probe: What was found.

    Returns:
        FAIL where nothing can be written, or a commit replaces another; WARN where the clocks differ.

    >>> from lakeloop.tables import Probe
    >>> judge_probe("s3a://lake/shops", Probe(keeps_commits=False)).found
    's3a://lake/shops: of two commits of one version the second replaced the first'
    """
    if probe.problem:
        remedy = "check address, credentials and network: docs/storage.md names the variables"
        return fail(STORAGE, f"{root}: {probe.problem}", remedy)
    if not probe.keeps_commits:
        found = f"{root}: of two commits of one version the second replaced the first"
        return fail(STORAGE, found, "use a store that puts files only where there is none; this one loses rows")
    skew = probe.ahead_seconds
    if skew is not None and abs(skew) > _MOST_SKEW_SECONDS:
        side = "ahead of" if skew > 0 else "behind"
        found = f"{root}: its clock is {abs(skew):.0f} s {side} this machine's"
        return warn(STORAGE, found, "set both clocks by NTP: retention and vacuum judge files by their age")
    clocks = "its clock is this machine's" if skew is not None else "it tells no time"
    return ok(STORAGE, f"{root}: of two commits of one version the first stays; {clocks}")


def check_tables(config: Config) -> Finding:
    """Check that the tables are in a format that this release reads.

    Args:
        config: The project.

    Returns:
        FAIL with the first table that a newer lakeloop has written; NOT_CHECKED with a catalog, which is asked later.

    >>> check_tables(context.config).found.endswith("in format 1, the newest")
    True
    """
    if config.project.catalog is not None:
        return not_checked(TABLES, f"those of the catalog {config.project.catalog} are looked at with Spark")
    if config.project.local is not None:
        return not_checked(TABLES, f"those at {config.tables} are looked at when they are read")
    from lakeloop.tables import FORMAT, count_formats

    try:
        counted = count_formats(config.tables)
    except NewerFormatError as error:
        return fail(TABLES, f"{error.subject}: {error.failures[0]}", error.remedy)
    if not counted:
        return not_checked(TABLES, "there are none yet")
    older = sum(count for each, count in counted.items() if each < FORMAT)
    newest = counted.get(FORMAT, 0)
    told = f"{count_of(newest, 'table')} in format {FORMAT}, the newest"
    return ok(TABLES, told if not older else f"{told}; {older} in older ones, which the next write brings to it")
