"""Champions whose gold tables were declared otherwise after they learned are named. No Spark starts."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.outdated import OutdatedChampion, find_outdated, say_otherwise, tables_learned_otherwise
from lakeloop.runs.promotions import PROMOTED, REJECTED, read_promotions
from lakeloop.tables import WriteIdentity
from tests.config.small_project import write_project
from tests.factories import instant

FIRST, SECOND, NOW = (instant(f"2013-05-0{day} 00:00") for day in (1, 2, 3))
READINGS = {"carrier_delays": "c1", "readings": "r1"}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr("lakeloop.runs.context.open_session", lambda *_: pytest.fail("Spark was started"))
    return Context(load_config(write_project(tmp_path)), NOW)


def pin(context: Context, set_id: str, as_of: datetime, **hashes: str) -> None:
    inputs: list[dict[str, Any]] = [{"table": "bronze.outcomes", "version": 1}]
    inputs += [{"table": f"gold.{name}", "version": 2, "spec_hash": each} for name, each in hashes.items()]
    row = {"training_set_id": set_id, "model": "late_arrival", "spec_hash": "s", "inputs": json.dumps(inputs)}
    row |= {"windows": "{}", "seed": 1, "rows": 7, "content_hash": "h", "data_through": as_of, "delta_version": 1}
    context.lake.append_own(schemas.TRAINING_SETS, [row | {"as_of": as_of}], WriteIdentity("pin", set_id))


def promote(context: Context, version: str, set_id: str, as_of: datetime, outcome: str = PROMOTED) -> None:
    row: dict[str, Any] = {"promotion_id": version, "model": "late_arrival", "model_version": version}
    row |= {"outcome": outcome, "training_set_id": set_id, "run_key": "k", "trained_through": as_of}
    row |= {"reasons": [], "evidence": "{}", "as_of": as_of}
    row |= {"ledger_seq": int(version), "event": "gate", "actor": "gate", "recorded_ts": as_of}
    context.lake.append_own(schemas.PROMOTIONS, [row], WriteIdentity("promote", version))


def test_a_champion_that_learned_from_the_table_as_it_is_is_not_named(context: Context) -> None:
    pin(context, "one", FIRST, **READINGS)
    promote(context, "1", "one", FIRST)
    assert find_outdated(context, "readings", "r1") == ()
    (champion,) = read_promotions(context, "late_arrival")
    assert tables_learned_otherwise(context, champion, READINGS) == ()


def test_another_declaration_names_it_until_another_is_promoted(context: Context) -> None:
    pin(context, "one", FIRST, **READINGS)
    promote(context, "1", "one", FIRST)
    outdated = (OutdatedChampion("late_arrival", "1", "one"),)
    assert find_outdated(context, "readings", "r2") == outdated
    (champion,) = read_promotions(context, "late_arrival")
    assert tables_learned_otherwise(context, champion, READINGS | {"readings": "r2"}) == ("readings",)

    pin(context, "two", SECOND, **READINGS | {"readings": "r2"})
    promote(context, "2", "two", SECOND, REJECTED)
    assert find_outdated(context, "readings", "r2") == outdated, "who was rejected does not serve"
    promote(context, "3", "two", NOW)
    assert find_outdated(context, "readings", "r2") == ()
    assert find_outdated(context.at(SECOND), "readings", "r2") == outdated, "what comes later changes nothing"


def test_no_champion_and_a_table_that_no_model_uses_name_nobody(context: Context) -> None:
    assert find_outdated(context, "readings", "r2") == ()
    pin(context, "one", FIRST, **READINGS)
    promote(context, "1", "one", FIRST)
    assert find_outdated(context, "nobody", "x") == ()


def test_a_champion_without_a_manifest_is_not_known_to_be_up_to_date(context: Context) -> None:
    promote(context, "1", "lost", FIRST)
    assert find_outdated(context, "readings", "r1") == (OutdatedChampion("late_arrival", "1", "lost"),)
    (champion,) = read_promotions(context, "late_arrival")
    assert tables_learned_otherwise(context, champion, READINGS) == ("carrier_delays", "readings")
    assert say_otherwise("1", ("carrier_delays", "readings")) == (
        "version 1 is not known to have learned from gold.carrier_delays and gold.readings as declared now: train again"
    )
