"""What each policy of a replay decides, by the function that decides every turn."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lakeloop.config.decide import Decide
from lakeloop.config.tree import Config
from lakeloop.decisions.inputs import DecisionInputs, OpenFlag
from lakeloop.decisions.policy import decide
from lakeloop.errors import UsageError
from lakeloop.runs.history.policies import find_policies, possible_policies
from lakeloop.statuses import Action, FlagKind
from tests.laws.small_loop import write_project

NOW = datetime(2013, 6, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return write_project(Path(tmp_path_factory.mktemp("shops")))


def inputs(*kinds: FlagKind, age: int = 1, champion: str | None = "1", quality: bool | None = True) -> DecisionInputs:
    """A turn with open flags of some kinds, the last training some days ago."""
    flags = tuple(OpenFlag(kind, kind.value, f"flag-{number}") for number, kind in enumerate(kinds))
    trained = None if champion is None else NOW - timedelta(days=age)
    return DecisionInputs(
        as_of=NOW,
        champion=champion,
        last_trained_as_of=trained,
        last_closed_day=date(2013, 6, 1),
        closed_days_total=150,
        closed_days_since_training=age,
        flags=flags,
        quality_passed=quality,
        closed_days_needed=50,
        can_recalibrate=True,
        recalibration_days=20,
        recalibration_days_needed=4,
        local_date=date(2013, 6, 3),
    )


def policy(config: Config, name: str):
    return find_policies(config.models["late"], [name])[-1].decide


@pytest.mark.parametrize("name", ["never", "schedule", "weekly", "monthly", "drift", "performance", "declared"])
def test_every_policy_trains_the_first_model(config, name):
    assert decide(policy(config, name), inputs(champion=None)).action is Action.RETRAIN


@pytest.mark.parametrize("name", ["never", "schedule", "weekly", "monthly", "drift", "performance", "declared"])
def test_no_policy_trains_on_data_that_failed_the_quality_gate(config, name):
    every = tuple(FlagKind)
    assert decide(policy(config, name), inputs(*every, age=60, quality=False)).action is not Action.RETRAIN


@pytest.mark.parametrize(("name", "after"), [("schedule", 7), ("weekly", 7), ("monthly", 28)])
def test_a_clock_asks_at_its_age_and_not_before(config, name, after):
    assert decide(policy(config, name), inputs(age=after)).action is Action.RETRAIN
    assert decide(policy(config, name), inputs(age=after - 1)).action is Action.NONE


@pytest.mark.parametrize("name", ["never", "schedule", "weekly", "monthly"])
def test_a_clock_looks_at_no_flag(config, name):
    flags = (FlagKind.BIAS, FlagKind.SKILL, FlagKind.REGIME_DRIFT, FlagKind.CONTRACT_DRIFT, FlagKind.TARGET_DRIFT)
    assert decide(policy(config, name), inputs(*flags, age=5)).action in (Action.NONE, Action.NOTIFY)


@pytest.mark.parametrize(
    "kind", [FlagKind.REGIME_DRIFT, FlagKind.CONTRACT_DRIFT, FlagKind.PREDICTION_DRIFT, FlagKind.TARGET_DRIFT]
)
def test_drift_trains_on_a_flag_of_drift_of_any_kind(config, kind):
    assert decide(policy(config, "drift"), inputs(kind, age=5)).action is Action.RETRAIN
    assert decide(policy(config, "performance"), inputs(kind, age=5)).action is not Action.RETRAIN


@pytest.mark.parametrize("kind", [FlagKind.BIAS, FlagKind.SKILL])
def test_drift_does_not_look_at_performance(config, kind):
    assert decide(policy(config, "drift"), inputs(kind, age=60)).action not in (Action.RETRAIN, Action.RECALIBRATE)


def test_performance_answers_a_bias_as_is_declared_and_has_no_clock(config):
    assert decide(policy(config, "performance"), inputs(FlagKind.BIAS, age=5)).action is Action.RECALIBRATE
    assert decide(policy(config, "performance"), inputs(age=400)).action is Action.NONE


def test_declared_is_the_section_as_it_stands(config):
    assert policy(config, "declared") is config.models["late"].decide


def test_never_comes_first_and_every_policy_once(config):
    found = find_policies(config.models["late"], ["drift", "weekly", "never", "drift", "random"])
    assert [each.name for each in found] == ["never", "drift", "weekly"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hourly", "--policy: got 'hourly'"),
        ("schedule", "declares none"),
        ("performance", "declares no limit of bias, skill or a metric"),
    ],
)
def test_what_cannot_be_a_policy_is_refused_with_a_remedy(config, name, says):
    bare = config.models["late"].model_copy(update={"decide": Decide()})
    with pytest.raises(UsageError) as error:
        find_policies(bare, [name])
    assert says in str(error.value)
    assert "remedy" in str(error.value)


def test_only_what_a_model_declares_enough_for_is_a_policy_by_default(config):
    found = possible_policies(config.models["late"].model_copy(update={"decide": Decide()}))
    assert found == ("never", "weekly", "monthly", "drift", "declared", "random")
