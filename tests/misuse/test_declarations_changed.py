"""Declarations changed after rows were written by them: refused with what differs, never a silent mixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.misuse.finished import LAST, Call, edit

pytestmark = pytest.mark.loop

SOURCE = "sources/deliveries.yml"
MODEL = "models/late.yml"
DELAY = "  delay_minutes: {type: double}\n"


def commits(project: Path) -> int:
    return len(list(project.glob("workspace/*/*/_delta_log/*.json")))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (DELAY, f"{DELAY}  sky: {{type: string}}\n", "sky: was added as string; the table lacks it"),
        (DELAY, DELAY.replace("double", "integer"), "delay_minutes: was double, is declared int now"),
    ],
    ids=["added", "retyped"],
)
def test_a_source_s_columns_stay_what_its_bronze_table_has(
    call: Call, project: Path, old: str, new: str, said: str
) -> None:
    before = commits(project)
    edit(project, SOURCE, old, new)
    for verb in ("ingest", "run"):
        ended = call(project, verb)
        assert ended.code == 6
        assert ended.said == (
            f"bronze.deliveries: conflicts with what is recorded\n  - {said}\n"
            "  remedy: undo the change of the source's columns, or give the changed source a new name and a landing"
            " folder of its own\n"
        )
    assert commits(project) == before
    edit(project, SOURCE, new, old)
    ended = call(project, "ingest", as_of="2024-02-05")
    assert (ended.code, ended.said) == (0, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[shop_delays.*, shop_last.*]", "[shop_delays.*]"),
        ("as: delay_minutes > 10", "as: delay_minutes > 30"),
        ("hour_of_day: hour(prediction_ts)", "hour_of_day: weekday(prediction_ts)"),
        ("- interval 2 hours", "- interval 3 hours"),
    ],
    ids=["features", "label", "on_demand", "moment of prediction"],
)
def test_a_champion_does_not_answer_for_another_declaration(call: Call, project: Path, old: str, new: str) -> None:
    edit(project, MODEL, old, new)
    ended = call(project, "score", "--model", "late")
    assert ended.code == 6
    assert ended.said == (
        "model late: conflicts with what is recorded\n"
        "  - declaration: predict, label, features or on_demand is not what the champion was trained by\n"
        "  remedy: undo the change, or give the changed model a new name (a file of its own in conf/base/models), which"
        " is trained and serves from its own first turn on\n"
    )


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (MODEL, "schedule: 7 days", "schedule: 14 days"),
        (MODEL, "window: 3 days", "window: 4 days"),
        (MODEL, "resamples: 200", "resamples: 300"),
        ("project.yml", "project: shops", "project: stores"),
        ("project.yml", "seed: 7", "seed: 8"),
    ],
    ids=["schedule", "monitor", "gate", "project's name", "seed"],
)
def test_what_does_not_touch_its_answers_may_change_under_a_champion(
    call: Call, shared: Path, file: str, old: str, new: str
) -> None:
    edit(shared, file, old, new)
    ended = call(shared, "score", "--model", "late")
    edit(shared, file, new, old)
    assert (ended.code, "STALE: built through" in ended.said) == (5, True)


def test_a_feature_table_s_declaration_stays_what_its_rows_were_built_by(call: Call, project: Path) -> None:
    edit(project, "features/shop_delays.yml", "every: 1 hour", "every: 30 minutes")
    ended = call(project, "features", as_of=LAST)
    assert ended.code == 6
    assert ended.said.startswith("gold.shop_delays: conflicts with what is recorded\n  - declaration: it was built as ")
    assert ", conf/base/features/shop_delays.yml now says " in ended.said


def test_another_seed_pins_no_second_set_at_the_same_instant(call: Call, shared: Path) -> None:
    edit(shared, "project.yml", "seed: 7", "seed: 8")
    ended = call(shared, "training-set", "--model", "late", as_of=LAST)
    edit(shared, "project.yml", "seed: 8", "seed: 7")
    assert ended.code == 6
    assert ended.said.startswith("training_sets.late: conflicts with what is recorded\n")
    assert ended.said.endswith(
        "  remedy: nothing recorded is overwritten: undo the change (declaration or seed), or name a later as_of\n"
    )


def test_another_seed_has_no_second_version_judged_at_the_same_instant(call: Call, shared: Path) -> None:
    before = commits(shared)
    edit(shared, "project.yml", "seed: 7", "seed: 8")
    ended = call(shared, "train", "--model", "late", as_of=LAST)
    edit(shared, "project.yml", "seed: 8", "seed: 7")
    assert (ended.code, commits(shared)) == (6, before)
    assert ended.said == (
        "model late: conflicts with what is recorded\n"
        "  - ledger: version 2 was judged as of 2024-02-04T00:00:00Z\n"
        "  remedy: one version is judged at an instant, none in the past: pin a training set and train at a later"
        " --as-of\n"
    )


def test_a_source_that_is_not_declared_any_more_is_named_where_it_is_used(call: Call, project: Path) -> None:
    (project / "conf/base/sources/deliveries.yml").unlink()
    ended = call(project, "run")
    assert ended.code == 3
    assert "conf/base/features/shop_delays.yml:" in ended.said
    assert "remedy:  declare it in conf/base/sources/deliveries.yml" in ended.said
