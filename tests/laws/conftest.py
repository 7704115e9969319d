"""A clean run of the small loop, made once for the laws that compare with one."""

from __future__ import annotations

import pytest

from tests.laws import clean


@pytest.fixture(scope="package")
def clean_run(spark):
    """Two turns that nothing stopped, and what was seen of the second."""
    return clean.clean_run()


@pytest.fixture(scope="package")
def landed_turn_by_turn(clean_run):
    """The project of the clean run."""
    return clean_run.config
