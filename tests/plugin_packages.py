"""Installs packages for a test: a folder on `sys.path` with a `*.dist-info` in it, as pip leaves one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


def install(
    patch: pytest.MonkeyPatch,
    folder: Path,
    files: Mapping[str, str],
    entry_points: Mapping[str, Mapping[str, str]],
    *,
    package: str = "lakeloop-length",
    version: str = "1.0",
) -> Path:
    """Install a package until the test ends; its modules are forgotten then.

    Args:
        patch: Undoes it.
        folder: A new folder of the test.
        files: Path below `site-packages` -> its text.
        entry_points: Group -> word -> `module:name`.
        package: Its name.
        version: Its version.
    """
    site = folder / f"{package}-{version}"
    info = site / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n", encoding="utf-8")
    lines = [
        line
        for group, words in entry_points.items()
        for line in (f"[{group}]", *(f"{word} = {target}" for word, target in words.items()), "")
    ]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    for name, text in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        module = name.partition("/")[0].removesuffix(".py")
        for each in [each for each in sys.modules if each.partition(".")[0] == module]:
            patch.delitem(sys.modules, each)
        patch.setitem(sys.modules, module, None)  # type: ignore[arg-type]  # so that the import of the test is undone
        patch.delitem(sys.modules, module)
    patch.syspath_prepend(str(site))
    return site
