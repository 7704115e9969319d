"""`docs/decisions.md`: its policies are read, and its examples executed."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
import yaml

from lakeloop.config.answers import Condition
from lakeloop.config.decide import Decide
from lakeloop.decisions.policy import policy_from_json, policy_to_json
from lakeloop.statuses import FlagState

PAGE = (Path(__file__).parents[2] / "docs/decisions.md").read_text(encoding="utf-8")
POLICIES = [
    Decide.model_validate(yaml.safe_load(block)["decide"])
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]


def test_the_examples_of_the_page_say_what_it_says():
    example = doctest.DocTestParser().get_doctest(PAGE, {"policy": POLICIES[0]}, "decisions.md", None, 0)
    assert len(example.examples) > 5
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_the_policies_of_the_page_are_recorded_as_they_are(policy):
    assert policy_from_json(policy_to_json(policy)) == policy


def test_the_page_names_every_condition_and_state():
    assert all(f"`{each.value}`" in PAGE for each in Condition)
    assert all(each.value in PAGE for each in FlagState)
