"""`monitor:`: what a column may be judged by, and that what is new keeps declarations as they were."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from lakeloop.config.located_yaml import parse_yaml
from lakeloop.config.mistakes import section_issues
from lakeloop.config.monitor import Monitor
from lakeloop.errors import ConfigIssue


def mistakes(text: str) -> list[ConfigIssue]:
    document = parse_yaml(text, "late.yml")
    with pytest.raises(ValidationError) as raised:
        Monitor.model_validate(document.data)
    return section_issues(document, raised.value, Monitor)


@pytest.mark.parametrize("name", ["ks", "wasserstein"])
def test_a_category_is_not_judged_by_what_reads_an_order_into_bins(name: str) -> None:
    (issue,) = mistakes(f"window: 7 days\nstatistic: {{category: {name}}}")
    assert (issue.line, issue.where) == (2, "statistic.category")
    assert issue.got == f"'{name}': {name} can't be told of a category, its bins have no order"
    assert issue.allowed == "jensen_shannon, l_infinity, psi or total_variation"


def test_what_is_no_statistic_names_those_there_are() -> None:
    (issue,) = mistakes("statistic: {number: chi_squared}")
    assert issue.where == "statistic.number"
    assert "'ks', 'l_infinity', 'psi'" in issue.allowed


@pytest.mark.parametrize("share", ["0", "1.5", "true", ".nan"])
def test_a_share_lies_between_0_and_1(share: str) -> None:
    (issue,) = mistakes(f"min_category_share: {share}")
    assert issue.where == "min_category_share"


@pytest.mark.parametrize("name", ["jensen_shannon", "ks", "l_infinity", "psi", "total_variation", "wasserstein"])
def test_a_number_may_be_judged_by_each(name: str) -> None:
    monitor = Monitor.model_validate({"statistic": {"number": name}, "min_effect": {name: 0.2}})
    assert monitor.statistic == {"number": name, "category": "total_variation"}


def test_what_is_recorded_is_no_part_of_a_declarations_fingerprint() -> None:
    keys = ["window", "persistence", "roles", "level", "statistic", "min_effect", "min_rows", "min_blocks"]
    assert list(json.loads(Monitor().model_dump_json())) == [*keys, "reference", "bins"]
    assert Monitor(min_category_share=0.05).model_dump_json() == Monitor().model_dump_json()
