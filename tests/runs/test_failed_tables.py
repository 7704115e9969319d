"""What is said of a gold table that could not be computed, without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.errors import PySparkException

from lakeloop.config import load_config
from lakeloop.errors import DataContractError
from lakeloop.runs.failed_tables import explain_table
from tests.config.small_project import edited, line_of, write_project

CARRIER_DELAYS, READINGS = "conf/base/features/carrier_delays.yml", "conf/base/features/readings.yml"
DIVIDED = "delay_minutes / (delay_minutes - 7) > 1"
IN_A_TASK = Exception("Job aborted. Caused by: [DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012")
RATE = f"  - {{rate: {DIVIDED}, name: steep, over: [1 day]}}\n"
WHERE = f"  - {{of: delay_minutes, as: [sum], over: [1 day], name: steep, where: {DIVIDED}}}\n"
MAX = "  - {of: delay_minutes, as: [max], over: [1 day]}\n"


@pytest.mark.parametrize(("key", "added"), [("rate", RATE), ("where", WHERE)])
def test_an_expression_of_a_window_that_fails_is_named_with_its_line(tmp_path: Path, key: str, added: str) -> None:
    changes = edited(CARRIER_DELAYS, MAX, MAX + added)
    config = load_config(write_project(tmp_path, changes))
    explained = explain_table(config, config.feature_tables["carrier_delays"], IN_A_TASK)
    assert isinstance(explained, DataContractError)
    line = line_of(changes, CARRIER_DELAYS, DIVIDED)
    assert [str(each) for each in explained.failures] == [
        f"{CARRIER_DELAYS}:{line}: aggregate[2].{key}: can't be computed for some row: DIVIDE_BY_ZERO, in `{DIVIDED}`"
    ]
    assert "try_divide" in explained.remedy


def test_of_several_attributes_only_those_are_named_that_can_fail(tmp_path: Path) -> None:
    config = load_config(write_project(tmp_path))
    table = config.feature_tables["readings"]
    explained = explain_table(config, table, IN_A_TASK)
    assert isinstance(explained, DataContractError)
    assert [each.name for each in explained.failures] == [f"{READINGS}:7: attributes.gust_ratio.as"]


def test_what_is_not_of_the_data_stays_as_it_is(tmp_path: Path) -> None:
    config = load_config(write_project(tmp_path))
    failure = PySparkException("no space left")
    assert explain_table(config, config.feature_tables["readings"], failure) is failure
    assert explain_table(config, config.feature_tables["carrier_delays"], IN_A_TASK) is IN_A_TASK, "no expression"
