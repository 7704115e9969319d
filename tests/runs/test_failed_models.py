"""What is said of a model's expression that could not be computed, without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.errors import PySparkException

from lakeloop.config import load_config
from lakeloop.errors import DataContractError, NotReadyError
from lakeloop.runs.failed_models import explaining_model
from tests.config.small_project import edited, line_of, write_project

LATE = "conf/base/models/late_arrival.yml"
GRADE = "cast(carrier as int) >= 3"
VALUE = '[CAST_INVALID_INPUT] The value \'Ada\' of the type "STRING" cannot be cast to "INT". SQLSTATE: 22018'


@pytest.mark.parametrize(
    "failure", [PySparkException(VALUE), RuntimeError(f"An error occurred while calling o9.save.\n: org.X: {VALUE}")]
)
def test_the_label_that_fails_is_named_with_its_line_and_quotes_nothing(tmp_path: Path, failure: Exception) -> None:
    changes = edited(LATE, "as: delay_minutes >= 15", f"as: {GRADE}")
    config = load_config(write_project(tmp_path, changes))
    with pytest.raises(DataContractError) as raised, explaining_model(config, config.models["late_arrival"]):
        raise failure
    assert raised.value.exit_code == 4
    assert [str(each) for each in raised.value.failures] == [
        f"{LATE}:{line_of(changes, LATE, GRADE)}: label.as: can't be computed for some row: CAST_INVALID_INPUT,"
        f" in `{GRADE}`"
    ]
    assert "try_cast" in str(raised.value)
    assert "Ada" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_what_is_not_of_the_data_stays_as_it_is(tmp_path: Path) -> None:
    config = load_config(write_project(tmp_path))
    for failure in (PySparkException("no space left"), NotReadyError("x", [], "SQLSTATE: 22018")):
        with pytest.raises(type(failure)) as raised, explaining_model(config, config.models["late_arrival"]):
            raise failure
        assert raised.value is failure
