"""The tests that a new project brings pass in a new project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lakeloop.starter.write import write_project

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"```python\n(def .*?)```", re.DOTALL)


@pytest.mark.slow
def test_a_new_projects_tests_pass_and_write_nothing_there(tmp_path: Path) -> None:
    new = write_project(tmp_path / "parcels")
    (shown,) = EXAMPLE.findall((ROOT / "docs" / "testing_your_project.md").read_text(encoding="utf-8"))
    (new.folder / "tests" / "test_shown.py").write_text(shown, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "temp")]
    done = subprocess.run(command, cwd=new.folder, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^11 passed in ", done.stdout, re.MULTILINE), done.stdout
    left = {path.relative_to(new.folder).as_posix() for path in new.folder.rglob("*") if path.is_file()}
    made = {path for path in left if "__pycache__" in path}
    assert left - made == {*new.files, "tests/test_shown.py"}
