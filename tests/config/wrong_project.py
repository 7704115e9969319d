"""One wrong edit of the small project, and the check of what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.errors import ConfigError
from tests.config.small_project import edited, line_of, write_project

PROJECT = "conf/base/project.yml"
SCHEDULES = "conf/base/sources/schedules.yml"
OUTCOMES = "conf/base/sources/outcomes.yml"
DELAYS = "conf/base/features/carrier_delays.yml"
READINGS = "conf/base/features/readings.yml"
MODEL = "conf/base/models/late_arrival.yml"


@dataclass(frozen=True)
class Wrong:
    """One edit of the valid project and the mistake it makes.

    The line is that of `on`, the new text by default; `issues` counts every mistake told.
    """

    file: str
    old: str
    new: str
    where: str
    got: str
    allowed: str
    remedy: str
    on: str = ""
    issues: int = 1

    def __str__(self) -> str:
        return f"{self.where}-{self.new.strip()[:30]}"


def assert_refused(root: Path, wrong: Wrong) -> None:
    """Check that the mistake is told with its file, line, what was found, what is allowed and the remedy."""
    changes = edited(wrong.file, wrong.old, wrong.new)
    with pytest.raises(ConfigError) as raised:
        load_config(write_project(root, changes))
    issue = next((i for i in raised.value.issues if i.where == wrong.where), None)
    assert issue is not None, str(raised.value)
    assert issue.file == wrong.file
    assert issue.line == line_of(changes, wrong.file, wrong.on or wrong.new.strip())
    assert all((issue.got, issue.allowed, issue.remedy)), str(issue)
    assert wrong.got in issue.got
    assert wrong.allowed in issue.allowed
    assert wrong.remedy in issue.remedy
    assert len(str(issue)) < 2000
    assert len(raised.value.issues) == wrong.issues, str(raised.value)
