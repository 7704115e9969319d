from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.shown import install_shown


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The packages that docs/plugins.md shows are installed."""
    install_shown(monkeypatch, tmp_path / "site-packages")
