"""A finished project to be misused: the small loop after two turns."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakeloop.cli import main
from tests.misuse.finished import LATER, PROGRESS, Call, Ended, copy_project
from tests.shared import finished_project


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line in a project and tell how it ended."""

    def ended(project: Path, verb: str, *options: str, as_of: str = LATER) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([verb, "--as-of", as_of, "--project", str(project), *options])
        lines = capsys.readouterr().err.splitlines(keepends=True)
        assert isinstance(stop.value.code, int)
        said = "".join(line for line in lines if not PROGRESS.match(line))
        assert "Traceback" not in said
        return Ended(stop.value.code, said, "".join(line for line in lines if PROGRESS.match(line)))

    return ended


@pytest.fixture
def project(spark: SparkSession, tmp_path: Path) -> Path:
    """A copy of the finished project, at a place of its own."""
    assert spark
    return copy_project(finished_project().root, tmp_path / "project")


@pytest.fixture(scope="package")
def shared(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for tests that are refused, or put back what they changed."""
    assert spark
    return copy_project(finished_project().root, tmp_path_factory.mktemp("misuse") / "project")
