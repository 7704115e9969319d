from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.errors import AccountingError
from lakeloop.quality.accounting import Accounting

COUNTS = st.integers(0, 10**12)


@given(accepted=COUNTS, quarantined=COUNTS, duplicate=COUNTS, superseded=COUNTS, lost=st.integers(-5, 5))
def test_assert_nothing_lost_holds_exactly_when_the_counts_add_up(
    accepted: int, quarantined: int, duplicate: int, superseded: int, lost: int
) -> None:
    read = accepted + quarantined + duplicate + superseded + lost
    accounting = Accounting("weather", read, accepted, quarantined, duplicate, superseded)
    if lost == 0:
        accounting.assert_nothing_lost()
    else:
        with pytest.raises(AccountingError, match=f"{read} read, {read - lost} accounted for"):
            accounting.assert_nothing_lost()


def test_a_lost_row_is_an_error_of_the_data_that_no_retry_mends() -> None:
    with pytest.raises(AccountingError) as raised:
        Accounting("weather", 5, 1, 1, 1, 1).assert_nothing_lost()
    error = raised.value
    assert (error.subject, error.exit_code, error.retryable) == ("source weather", 4, False)
    assert [str(failure) for failure in error.failures] == [
        "rows: 5 read, 4 accounted for (1 accepted, 1 quarantined, 1 exact duplicates, 1 superseded)"
    ]
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_an_empty_batch_is_accounted_for() -> None:
    Accounting("weather", 0, 0, 0, 0).assert_nothing_lost()
