"""What the tests share: this project in a folder of its own, so that nothing of it is written."""

from pathlib import Path

import pytest
from lakeloop.testing import Sandbox

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(ROOT, tmp_path)
