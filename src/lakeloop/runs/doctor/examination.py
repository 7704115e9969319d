"""All checks, in the order in which one stands on another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakeloop.discovery.text import count_of
from lakeloop.errors import ConfigError
from lakeloop.runs.doctor.channels import check_channels
from lakeloop.runs.doctor.finding import Finding, fail, not_checked, ok
from lakeloop.runs.doctor.machine import (
    available_memory_mib,
    check_memory,
    check_temporary_disk,
    check_time_zones,
    check_workspace_disk,
)
from lakeloop.runs.doctor.names import AFTER_START, CLUSTER, CONNECT, SPARK_STARTS, STORAGE, TABLES
from lakeloop.runs.doctor.project import check_tracking, check_workspace
from lakeloop.runs.doctor.reach import check_master_reached, check_server_reached, find_master
from lakeloop.runs.doctor.software import check_jars, check_java, check_python, check_spark_and_delta
from lakeloop.runs.doctor.storage import check_storage, check_tables
from lakeloop.statuses import CheckStatus

if TYPE_CHECKING:  # outside a project the configuration's parsers are not waited for
    from lakeloop.config.tree import Config

_OF_A_PROJECT = ("workspace", "tracking", "notifications", STORAGE, TABLES)


@dataclass(frozen=True)
class Examination:
    """What all checks found.

    Attributes:
        findings: One for each check, in order.
    """

    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """Findings that stop the loop."""
        return tuple(each for each in self.findings if each.status is CheckStatus.FAIL)


def examine(
    load: Callable[[], Config] | None, *, quick: bool = False, progress: Callable[[str], None] = lambda _: None
) -> Examination:
    """Check this machine, and the project where there is one. Nothing is changed.

    Args:
        load: Loads the project; None outside one.
        quick: Whether to leave Spark unstarted.
        progress: Told what is being checked.

    Returns:
        What was found; a failed check never keeps the others from being made, but those that stand on it are
        NOT_CHECKED.

    >>> found = examine(None, quick=True).findings
    >>> [each.check for each in found if each.status is CheckStatus.NOT_CHECKED]
    ['project', 'workspace', 'tracking', 'notifications', 'storage', 'tables', 'Spark starts', 'cluster', 'Connect', \
'shared tables', 'catalog']
    """
    progress("checking this machine")
    software = (check_python(), check_java(), check_spark_and_delta(), check_jars())
    config, project = _load(load)
    findings = [
        *software,
        check_memory(config, available_memory_mib()),
        check_workspace_disk(config),
        check_temporary_disk(config),
        check_time_zones(config),
        project,
    ]
    if config is None:
        findings += [not_checked(name, "no project") for name in _OF_A_PROJECT]
    else:
        findings += [check_workspace(config), check_tracking(config.tracking_uri), check_channels(config)]
        progress("checking where the tables lie")
        findings += [check_storage(config), check_tables(config)]
    return Examination((*findings, *_look_with_spark(config, software, quick, progress)))


def _load(load: Callable[[], Config] | None) -> tuple[Config | None, Finding]:
    if load is None:
        return None, not_checked("project", "no conf/ in this folder")
    try:
        config = load()
    except ConfigError as error:
        first = str(error.issues[0]).partition("\n")[0]
        found = f"{count_of(len(error.issues), 'mistake')}, the first at {first}"
        return None, fail("project", found, "`lakeloop plan` shows them all")
    parts = ((config.sources, "source"), (config.feature_tables, "feature table"), (config.models, "model"))
    counts = ", ".join(count_of(len(things), noun) for things, noun in parts)
    return config, ok("project", f"{config.project.project}: {counts}")


def _look_with_spark(
    config: Config | None, software: tuple[Finding, ...], quick: bool, progress: Callable[[str], None]
) -> list[Finding]:
    """Make the checks that need Spark, unless it would wait for somebody who does not answer."""
    master = find_master(config)
    reached = {CLUSTER: check_master_reached(master), CONNECT: check_server_reached()}
    unreached = [name for name, each in reached.items() if each is not None and each.status is CheckStatus.FAIL]
    lacking = [each.check for each in software if each.status is CheckStatus.FAIL] + unreached
    if quick or lacking:
        why = "left out by --quick" if quick else f"needs {', '.join(lacking)}"
        return [reached.get(name) or not_checked(name, why) for name in (SPARK_STARTS, *AFTER_START)]
    progress("starting Spark")
    from lakeloop.runs.doctor.spark_start import check_with_spark

    return check_with_spark(config, master)
