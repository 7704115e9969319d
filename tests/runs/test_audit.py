"""The leakage audit: a leak of each kind is planted, found and named; what is clean passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from lakeloop import schemas
from lakeloop.errors import ConflictError, LeakageError, NotReadyError
from lakeloop.runs import pinned_model as pinned_models
from lakeloop.runs.audit import audit_training_set
from lakeloop.runs.context import Context
from lakeloop.runs.gate_facts import _find_audit
from lakeloop.runs.manifests import read_manifests
from lakeloop.runs.pinned_model import pinned_model
from lakeloop.runs.rebuild import rebuild_training_set
from lakeloop.runs.training_set import make_training_set, training_spec_hash
from lakeloop.statuses import GateStatus, LeakCheck, Outcome
from lakeloop.training.gate import Check, GateFacts
from lakeloop.training.gate.fact_checks import check_facts
from tests.laws.small_loop import TURNS
from tests.runs.audited_project import auditing, copy_project, failed, newest_set, put, rewrite
from tests.training.holdouts import declare_gate


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return copy_project(tmp_path)


def gated(context: Context, set_id: str) -> Check:
    """What a gate that asks for the audit makes of it."""
    (found,) = (
        each
        for each in check_facts(declare_gate(leakage_audit=True), GateFacts(audit=_find_audit(context, set_id)))
        if each.name == "leakage_audit"
    )
    return found


def test_a_clean_set_passes_every_check_once_and_is_told_again(context: Context) -> None:
    found = audit_training_set(context, newest_set(context))
    assert (found.is_clean, found.findings, found.failure()) == (True, (), None)
    again = audit_training_set(context, newest_set(context))
    assert again == replace(found, outcome=Outcome.SKIPPED)
    rows = [
        row for row in context.lake.own_rows(schemas.LEAKAGE, None) if row["training_set_id"] == newest_set(context)
    ]
    assert len(rows) == found.checks
    assert {row["status"] for row in rows} == {"PASS"}
    # Every column alone and by its declaration, every table by its rows, the source of features and label by its times.
    assert {(row["check"], row["subject"]) for row in rows} >= {
        ("time_travel", "shop_delays"),
        ("time_travel", "shop_last"),
        ("suspicious_score", "items"),
        ("label_column", "shop_last__last_delay_minutes"),
        ("post_event", "deliveries"),
    }


@pytest.mark.slow
def test_a_state_that_was_published_before_it_was_known_is_found(context: Context) -> None:
    """The log of states says a day too early what the deliveries were."""
    a_day = pa.scalar(timedelta(days=1), pa.duration("us"))
    rewrite(context, "gold/shop_last", put("available_ts", lambda rows: pc.subtract(rows["available_ts"], a_day)))
    make_training_set(context.at(TURNS[-1] - timedelta(hours=1)), "late")
    leaky = next(each for each in read_manifests(context) if each.as_of == TURNS[-1] - timedelta(hours=1))
    found = audit_training_set(context, leaky.training_set_id)
    assert failed(found) == {(LeakCheck.TIME_TRAVEL, "shop_last")}
    error = found.failure()
    assert isinstance(error, LeakageError)
    assert "time_travel shop_last: of 100 rows computed again from what was available at their instants" in str(error)
    assert "differ last_delay_minutes in " in str(error)
    assert "`lakeloop backfill shop_last` brings such rows in" in str(error)  # its source has a trusted history


def test_a_column_that_tells_the_label_alone_is_found_and_may_be_accepted(context: Context) -> None:
    rewrite(context, "training_sets/late", put("items", lambda rows: pc.add(pc.multiply(rows["label"], -7.0), 3.0)))
    found = audit_training_set(context, newest_set(context))
    assert failed(found) == {(LeakCheck.SUSPICIOUS_SCORE, "items")}
    assert "tells the label alone with ROC AUC 1.000, suspicious from 0.99" in str(found.failure())
    told = gated(context, newest_set(context))
    assert (told.status, told.value) == (GateStatus.FAIL, 1.0)
    assert told.detail == f"1 finding in {found.checks} checks: suspicious_score items"
    accepted = audit_training_set(auditing(context, accept=("suspicious_score items",)), newest_set(context))
    assert (accepted.is_clean, accepted.failure()) == (True, None)
    assert [(each.name, each.status) for each in accepted.findings] == [("suspicious_score items", GateStatus.WARN)]
    passing = gated(auditing(context, accept=("suspicious_score items",)), newest_set(context))
    assert (passing.status, passing.value) == (GateStatus.PASS, 0.0)


def test_rows_that_were_available_before_they_happened_are_found(context: Context) -> None:
    a_week = pa.scalar(timedelta(days=7), pa.duration("us"))
    rewrite(context, "bronze/deliveries", put("event_ts", lambda rows: pc.add(rows["event_ts"], a_week)))
    found = audit_training_set(context, newest_set(context))
    assert (LeakCheck.POST_EVENT, "deliveries") in failed(found)
    assert "rows were available before their event_ts" in str(found.failure())


def test_an_input_that_is_made_of_the_labels_column_is_found(context: Context) -> None:
    """The label is declared of what is known of an order."""
    late = context.config.models["late"]
    label = late.label.model_copy(update={"from_": "orders", "as_": "items > 3", "void": {}})
    models = {"late": late.model_copy(update={"label": label})}
    leaky = Context(replace(context.config, models=models), TURNS[-1] - timedelta(hours=1))
    pinned = make_training_set(leaky, "late")
    found = audit_training_set(leaky, pinned.training_set_id)
    assert (LeakCheck.LABEL_COLUMN, "items") in failed(found)
    assert "label_column items: is made of items, as the label is" in str(found.failure())
    # What asks for predictions is known before it happens: nothing can be said of it, and that is told.
    unsaid = [(each.name, each.status) for each in found.findings if each.check is LeakCheck.POST_EVENT]
    assert unsaid == [("post_event orders", GateStatus.NOT_APPLICABLE)]


def test_a_set_of_other_declarations_is_not_audited(context: Context) -> None:
    late = context.config.models["late"]
    changed = {"late": late.model_copy(update={"features": ("shop_last.*",)})}
    with pytest.raises(ConflictError, match=r"declarations: it was made by [0-9a-f]{12}, conf/ now says"):
        audit_training_set(Context(replace(context.config, models=changed), context.as_of), newest_set(context))


def test_what_makes_no_row_may_change_after_the_pinning(context: Context) -> None:
    late, manifest = context.config.models["late"], read_manifests(context)[-1]

    def said(**changes: Any) -> Context:
        models = {"late": late.model_copy(update=changes)}
        return Context(replace(context.config, models=models), context.as_of)

    calmer = late.decide.model_copy(update={"cooldown": timedelta(days=3)})
    stricter = late.gate.model_copy(update={"min_blocks": 4})
    later = said(decide=calmer, gate=stricter)
    assert training_spec_hash(later, later.config.models["late"]) != manifest.spec_hash
    assert pinned_model(later, manifest).decide.cooldown == timedelta(days=3)
    for changed in (
        said(on_demand={}),
        said(predict=late.predict.model_copy(update={"known": ("shop",)})),
        said(label=late.label.model_copy(update={"as_": "delay_minutes > 11"})),
        said(split=late.split.model_copy(update={"gap": timedelta(days=2)})),
        said(features=("shop_last.*",)),
    ):
        with pytest.raises(ConflictError, match="declarations: it was made by"):
            pinned_model(changed, manifest)


def test_of_a_set_that_does_not_tell_what_made_its_rows_the_whole_declaration_counts(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of one that was pinned by an older lakeloop, or whose log is cleaned up."""
    late, manifest = context.config.models["late"], read_manifests(context)[-1]
    monkeypatch.setattr(pinned_models, "pinned_rows_hash", lambda *_: None)
    assert pinned_model(context, manifest) == late
    calmer = {"late": late.model_copy(update={"decide": late.decide.model_copy(update={"min_closed_days": 3})})}
    with pytest.raises(ConflictError, match="declarations: it was made by"):
        pinned_model(Context(replace(context.config, models=calmer), context.as_of), manifest)


def test_a_set_whose_model_is_declared_no_more_is_neither_audited_nor_rebuilt(context: Context) -> None:
    set_id = newest_set(context)
    for models, there in (({}, "none"), ({"early": context.config.models["late"]}, "early")):
        without = Context(replace(context.config, models=models), context.as_of)
        said = f"'late' is not declared in conf/; there are {there}"
        with pytest.raises(ConflictError, match=said):
            audit_training_set(without, set_id)
        with pytest.raises(ConflictError, match=said):
            rebuild_training_set(without, "late", set_id)


@pytest.mark.slow
def test_too_few_rows_to_score_columns_on_is_told_as_such(context: Context) -> None:
    first = read_manifests(context)[0]
    rewrite(context, "training_sets/late", put("label", lambda rows: pc.multiply(rows["label"], 0.0)))
    found = audit_training_set(context, first.training_set_id)
    unjudged = [each for each in found.findings if each.check is LeakCheck.SUSPICIOUS_SCORE]
    assert {each.status for each in unjudged} == {GateStatus.INSUFFICIENT}
    assert not found.is_clean
    error = found.failure()
    assert isinstance(error, NotReadyError)
    assert {each.name for each in error.failures} == {each.name for each in unjudged}
    assert gated(context, first.training_set_id).status is GateStatus.INSUFFICIENT
    accepted = auditing(context, accept=tuple(each.name for each in unjudged))
    meant = audit_training_set(accepted, first.training_set_id)
    assert (meant.is_clean, {each.status for each in meant.findings}) == (True, {GateStatus.WARN})
    assert DeltaTable(str(context.config.workspace / "monitoring/leakage")).version() > 0
