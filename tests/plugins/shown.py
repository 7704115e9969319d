"""What docs/plugins.md shows: files of packages, their entry points, and the YAML that uses them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lakeloop.config.located_yaml import parse_yaml
from tests.plugin_packages import install

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
_PYTHON = re.compile(r"```python\n# (?P<path>\w+\.py)\n(?P<text>.*?)```", re.DOTALL)
_YAML = re.compile(r"```yaml\n# (?P<path>\S+\.yml)\n(?P<text>.*?)```", re.DOTALL)

FILES = {found["path"]: found["text"] for found in _PYTHON.finditer(PAGE)}
PYPROJECTS = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]
ENTRY_POINTS: dict[str, dict[str, str]] = {}
for each in PYPROJECTS:
    for group, words in each["project"]["entry-points"].items():
        ENTRY_POINTS.setdefault(group, {}).update(words)


def package_of(path: str) -> str:
    """Name the package that a file is the whole of."""
    return path.removesuffix(".py").replace("_", "-")


def install_shown(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Install every package that is shown, each on its own."""
    for path, text in FILES.items():
        module = path.removesuffix(".py")
        points = {
            group: {word: target for word, target in words.items() if target.partition(":")[0] == module}
            for group, words in ENTRY_POINTS.items()
        }
        own = {group: words for group, words in points.items() if words}
        install(patch, folder, {path: text}, own, package=package_of(path))


def yaml_of(word: str, variables: Mapping[str, str] | None = None) -> Any:
    """Give the YAML that uses a word, with variables filled in."""
    (text,) = (found["text"] for found in _YAML.finditer(PAGE) if re.search(rf"\b{word}\b", found["text"]))
    read = parse_yaml(text, "shown.yml", variables or {})
    assert read.issues == ()
    return read.data
