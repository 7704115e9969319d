"""How a finished project is called, copied and edited by the tests of misuse."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lakeloop.config import Config, load_config

FIRST, EARLIER, LAST, LATER = "2024-01-25", "2024-01-30", "2024-02-04", "2024-02-12"
LAST_INSTANT = "2024-02-04T00:00:00Z"
PROGRESS = re.compile(r" *\d+\.\d s  ")


@dataclass(frozen=True)
class Ended:
    """How a call ended: exit code, standard error without progress, and what progress told."""

    code: int
    said: str
    told: str


Call = Callable[..., Ended]


def copy_project(source: Path, target: Path) -> Path:
    """Copy a project with its workspace."""
    shutil.copytree(source, target, symlinks=True)
    return target


def config_of(project: Path) -> Config:
    return load_config(project)


def edit(project: Path, file: str, old: str, new: str) -> None:
    """Change a file of conf/base."""
    path = project / "conf" / "base" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
