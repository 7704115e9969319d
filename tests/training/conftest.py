from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Fits of a few hundred rows take far longer when threads wait for one another."""
    with threadpool_limits(1):
        yield
