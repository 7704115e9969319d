"""A finished project to be misused: the slice of the flights after two turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.cli import main
from lakeloop.config import Config
from tests.misuse.finished import LATER, PROGRESS, Call, Ended, copy_project


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line in a project and tell how it ended."""

    def ended(project: Path, verb: str, *options: str, as_of: str = LATER) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([verb, "--as-of", as_of, "--project", str(project), "--env", "slice", *options])
        lines = capsys.readouterr().err.splitlines(keepends=True)
        assert isinstance(stop.value.code, int)
        said = "".join(line for line in lines if not PROGRESS.match(line))
        assert "Traceback" not in said
        return Ended(stop.value.code, said, "".join(line for line in lines if PROGRESS.match(line)))

    return ended


@pytest.fixture
def project(flights_loop: tuple[Config, object], tmp_path: Path) -> Path:
    """A copy of the finished project, at a place of its own."""
    return copy_project(flights_loop[0].root, tmp_path / "project")


@pytest.fixture(scope="package")
def shared(flights_loop: tuple[Config, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for tests that are refused, or put back what they changed."""
    return copy_project(flights_loop[0].root, tmp_path_factory.mktemp("misuse") / "project")
