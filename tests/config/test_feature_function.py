"""The function of a Python feature table is found without its packages being imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lakeloop.config.feature_function import code_hash, function_file


def install(root: Path, monkeypatch: pytest.MonkeyPatch, begin: str) -> Path:
    inside = root / "paced" / "inner"
    inside.mkdir(parents=True)
    (root / "paced/__init__.py").write_text(begin)
    (inside / "__init__.py").write_text(begin)
    file = inside / "paces.py"
    file.write_text("def spread(rows):\n    return {}\n")
    monkeypatch.syspath_prepend(root)
    return file


@pytest.mark.parametrize("begin", ["raise RuntimeError('no licence')\n", "1 / 0\n", "import no_such_module\n"])
def test_a_package_that_fails_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: str) -> None:
    file = install(tmp_path / "installed", monkeypatch, begin)
    assert function_file(tmp_path, "paced.inner.paces.spread") == file
    assert code_hash(tmp_path, "paced.inner.paces.spread") is not None
    assert function_file(tmp_path, "paced.outer.paces.spread") is None
    assert function_file(tmp_path, "paced.inner.paces.spread.more") is None, "a module holds no modules"
    assert not [name for name in sys.modules if name.startswith("paced")]


def test_the_projects_own_module_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "installed", monkeypatch, "")
    own = tmp_path / "features_py/paced/inner/paces.py"
    own.parent.mkdir(parents=True)
    own.write_text("def spread(rows):\n    return {}\n")
    assert function_file(tmp_path, "paced.inner.paces.spread") == own
