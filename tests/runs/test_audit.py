"""The leakage audit: a leak of each kind is planted, found and named; what is clean passes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.config.audit import Audit
from lakeloop.errors import ConflictError, LeakageError, NotReadyError
from lakeloop.runs.audit import AuditResult, audit_training_set
from lakeloop.runs.context import Context
from lakeloop.runs.manifests import read_manifests
from lakeloop.runs.rebuild import rebuild_training_set
from lakeloop.runs.training_set import make_training_set
from lakeloop.statuses import GateStatus, LeakCheck, Outcome
from tests.laws.small_loop import TURNS
from tests.shared import finished_project


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A copy of a finished project, to be changed."""
    root = tmp_path / "copy"
    shutil.copytree(finished_project().root, root)
    return auditing(Context(load_config(root), TURNS[-1]))


def auditing(context: Context, **changes: Any) -> Context:
    """Audit in another way; the shops of the small project tell much of the label by themselves."""
    audit = Audit(**({"suspicious_score": 0.99} | changes))
    models = {"late": context.config.models["late"].model_copy(update={"audit": audit})}
    return Context(replace(context.config, models=models), context.as_of)


def rewrite(context: Context, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the rows of a table in their files, so that every version that has them has the changed ones."""
    folder = context.config.workspace / table
    for log in sorted((folder / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        for action in (each for each in actions if "add" in each):
            path = folder / action["add"]["path"]
            pq.write_table(change(pq.read_table(path)), path, use_deprecated_int96_timestamps=True)
            path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
            action["add"].pop("stats", None)
            action["add"]["size"] = path.stat().st_size
        log.write_text("\n".join(map(json.dumps, actions)) + "\n", encoding="utf-8")
        for checksum in (log.with_suffix(".crc"), log.with_name(f".{log.name}.crc")):
            checksum.unlink(missing_ok=True)


def put(name: str, make: Callable[[pa.Table], pa.ChunkedArray | pa.Array]) -> Callable[[pa.Table], pa.Table]:
    """Put new values in the place of a column."""

    def change(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index(name)
        return rows.set_column(place, rows.schema.field(place), make(rows).cast(rows.schema.field(place).type))

    return change


def newest_set(context: Context) -> str:
    return read_manifests(context)[-1].training_set_id


def failed(result: AuditResult) -> set[tuple[LeakCheck, str]]:
    return {(each.check, each.subject) for each in result.findings if each.status is GateStatus.FAIL}


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
    accepted = audit_training_set(auditing(context, accept=("suspicious_score items",)), newest_set(context))
    assert (accepted.is_clean, accepted.failure()) == (True, None)
    assert [(each.name, each.status) for each in accepted.findings] == [("suspicious_score items", GateStatus.WARN)]


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


def test_a_set_of_other_declarations_is_not_audited(context: Context) -> None:
    late = context.config.models["late"]
    changed = {"late": late.model_copy(update={"features": ("shop_last.*",)})}
    with pytest.raises(ConflictError, match=r"declarations: it was made by [0-9a-f]{12}, conf/ now says"):
        audit_training_set(Context(replace(context.config, models=changed), context.as_of), newest_set(context))


def test_a_set_whose_model_is_declared_no_more_is_neither_audited_nor_rebuilt(context: Context) -> None:
    set_id = newest_set(context)
    for models, there in (({}, "none"), ({"early": context.config.models["late"]}, "early")):
        without = Context(replace(context.config, models=models), context.as_of)
        said = f"'late' is not declared in conf/; there are {there}"
        with pytest.raises(ConflictError, match=said):
            audit_training_set(without, set_id)
        with pytest.raises(ConflictError, match=said):
            rebuild_training_set(without, "late", set_id)


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
    accepted = auditing(context, accept=tuple(each.name for each in unjudged))
    meant = audit_training_set(accepted, first.training_set_id)
    assert (meant.is_clean, {each.status for each in meant.findings}) == (True, {GateStatus.WARN})
    assert DeltaTable(str(context.config.workspace / "monitoring/leakage")).version() > 0
