"""Time travel is searched for in tables of every kind, and what cannot be computed again is no pass."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from lakeloop.config import load_config
from lakeloop.config.audit import Audit
from lakeloop.runs.audit import audit_training_set
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.manifests import Manifest, read_manifests
from lakeloop.runs.training_set import make_training_set
from lakeloop.statuses import GateStatus, LeakCheck
from tests.laws.small_loop import TURNS
from tests.runs.audited_project import copy_project, failed, put, rewrite

pytestmark = [pytest.mark.loop, pytest.mark.slow]

TABLES = {
    "conf/base/features/busy.yml": """\
feature_table: busy
entity: [shop]
every: 1 day
needs: 3 days
sql: |
  select d.shop, count(*) as deliveries, max(t.worst) as worst
  from deliveries d left join gold.totals t on t.shop = d.shop
  where d.available_ts > :tick - interval 2 days
  group by d.shop
features: {deliveries: {type: long}, worst: {type: double}}
""",
    "conf/base/features/totals.yml": """\
feature_table: totals
entity: [shop]
from: deliveries
attributes: {worst: {as: delay_minutes}}
""",
    "conf/base/features/pace.yml": """\
feature_table: pace
entity: [shop]
from: deliveries
every: 12 hours
needs: 1 day
python: paces.spread
features: {spread: {type: double}}
""",
    "features_py/paces.py": """\
def spread(rows):
    assert "_sample" not in rows and list(rows)[0] == "order"
    return {"spread": float(rows["delay_minutes"].max() - rows["delay_minutes"].min())}
""",
}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return copy_project(tmp_path)


def other_model(context: Context, sample: int, accept: tuple[str, ...] = (), **changes: object) -> Context:
    """A project whose one model is another one, with training sets of its own columns."""
    audit = Audit(suspicious_score=0.99, sample=sample, accept=accept)
    other = context.config.models["late"].model_copy(update={"model": "other", "audit": audit, **changes})
    return Context(replace(context.config, models={"other": other}), context.as_of)


def pin(context: Context, ago: timedelta) -> Manifest:
    (name,) = context.config.models
    make_training_set(context.at(TURNS[-1] - ago), name)
    return next(each for each in read_manifests(context, name) if each.as_of == TURNS[-1] - ago)


def time_travel(context: Context, manifest: Manifest) -> dict[str, tuple[GateStatus, str]]:
    found = audit_training_set(context, manifest.training_set_id).findings
    return {each.subject: (each.status, each.detail) for each in found if each.check is LeakCheck.TIME_TRAVEL}


def test_tables_of_statements_and_functions_are_computed_again(context: Context) -> None:
    root = context.config.root
    for name, text in TABLES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    features = ("busy.*", "pace.*")
    loaded = Context(load_config(root), TURNS[-1])
    computed = other_model(loaded, 40, features=features)
    build_features(computed)
    clean = pin(computed, timedelta(hours=1))
    # Nothing of the two differs. Of what the statement reads no row of the set tells by itself.
    assert time_travel(computed, clean) == {
        "totals": (
            GateStatus.INSUFFICIENT,
            "gold.busy was computed again from it as it is published; no row of the set looks it up itself",
        )
    }
    meant = other_model(loaded, 40, ("time_travel totals",), features=features)
    assert time_travel(meant, clean)["totals"][0] is GateStatus.WARN

    rewrite(computed, "gold/busy", put("deliveries", lambda rows: pc.add(rows["deliveries"], 1)))
    rewrite(computed, "gold/pace", put("spread", lambda rows: pc.add(rows["spread"], 1.0)))
    told = time_travel(computed, pin(computed, timedelta(hours=2)))
    assert {name: status for name, (status, _) in told.items()} == {
        "busy": GateStatus.FAIL,
        "pace": GateStatus.FAIL,
        "totals": GateStatus.INSUFFICIENT,
    }
    assert "differ deliveries in " in told["busy"][1]
    assert "worst in" not in told["busy"][1]


def test_a_published_row_of_a_windowed_table_that_was_changed_by_hand_is_found(context: Context) -> None:
    more = put("count_is_late_2d", lambda rows: pc.add(rows["count_is_late_2d"], 1))
    rewrite(context, "gold/shop_delays", more)
    leaky = pin(context, timedelta(hours=1))
    found = audit_training_set(context, leaky.training_set_id)
    assert failed(found) == {(LeakCheck.TIME_TRAVEL, "shop_delays")}
    assert "differ count_is_late_2d in 100" in str(found.failure())


def test_a_key_of_the_spine_alone_is_that_of_the_pinned_version(context: Context, tmp_path: Path) -> None:
    predict = context.config.models["late"].predict.model_copy(update={"known": ("items",)})
    keyed = other_model(context, 100, predict=predict)
    manifest = pin(keyed, timedelta(hours=1))
    assert "shop" not in keyed.lake.columns(keyed.lake.address("training_sets", "other")).names
    short = Context(load_config(Path(shutil.copytree(context.config.root, tmp_path / "short"))), context.as_of)
    DeltaTable(str(context.config.workspace / "bronze/orders")).update(updates={"shop": "'nowhere'"})
    assert time_travel(keyed, manifest) == {}  # every table passes

    # Below the pinned version half of the rows are gone: the sample is told to be short of them.
    rewrite(short, "bronze/orders", lambda rows: rows.slice(0, rows.num_rows // 2))
    told = time_travel(other_model(short, 100, predict=predict), manifest)
    assert {status for status, _ in told.values()} == {GateStatus.INSUFFICIENT}
    assert all("of 100 sampled rows could be looked at" in detail for _, detail in told.values())
