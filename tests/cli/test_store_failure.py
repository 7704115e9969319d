"""A store that cannot be reached, or does not let who asks in, is told with its remedy."""

from __future__ import annotations

import pytest
from deltalake.exceptions import DeltaError

from lakeloop.cli.store_failure import explain_store_failure

ARROW = "\n      \x1b[31m\u21b3\x1b[0m "


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (
            OSError(f"Generic S3 error{ARROW}Error performing GET http://s3/lake?sig=hunter22{ARROW}403 Forbidden\n"),
            "Generic S3 error: Error performing GET http://s3/lake?...: 403 Forbidden",
        ),
        (
            OSError(f"Operation not supported{ARROW}an error occurred while loading credentials{ARROW}no profile\n"),
            "an error occurred while loading credentials: no profile",
        ),
        (DeltaError(f"Kernel{ARROW}Generic GCS error{ARROW}timed out"), "Kernel: Generic GCS error: timed out"),
        (
            RuntimeError("ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found"),
            "ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found",
        ),
    ],
)
def test_what_the_store_answered_is_told_in_a_line_without_secrets(failure: Exception, told: str) -> None:
    error = explain_store_failure(failure)
    assert error is not None
    assert str(error) == (
        "the store of the tables: the environment is not ready\n"
        f"  - storage: {told}\n"
        "  remedy: check the address, the credentials in the environment, and the network; `lakeloop doctor`"
        " tries the store"
    )


def test_a_cause_is_found_below_another_failure() -> None:
    outer = ValueError("the step failed")
    outer.__cause__ = OSError("Generic MicrosoftAzure error")
    assert explain_store_failure(outer) is not None


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), ValueError("s3"), KeyError("x")])
def test_other_failures_are_left_to_others(failure: Exception) -> None:
    assert explain_store_failure(failure) is None
