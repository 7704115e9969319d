"""What a user sends to the executors: the archives that `make executors` makes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.runs.cluster import ROOT


@dataclass(frozen=True)
class Shipped:
    """The archives.

    Attributes:
        packages: The packages that executors import, with an interpreter.
        lakeloop: The wheel under the name of a zip.
    """

    packages: Path
    lakeloop: Path


def make_archives() -> Shipped:
    """Make the archives, the packages only where the lock has changed."""
    targets = ["build/executors.tar.gz", "build/lakeloop.zip"]
    done = subprocess.run(["make", "-s", *targets], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"make executors: {(done.stdout + done.stderr)[-2000:]}"
    return Shipped(*(ROOT / each for each in targets))
