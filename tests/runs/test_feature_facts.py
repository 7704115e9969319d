"""What the tables of a finished project say of its features, the page made of it, and what any Delta reader sees."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from deltalake import DeltaTable

from lakeloop.config import Config
from lakeloop.reporting.catalogue import render_catalogue
from lakeloop.runs.context import Context
from lakeloop.runs.feature_facts import read_facts
from lakeloop.runs.report import make_catalogue
from tests.laws.small_loop import TURNS
from tests.shared import finished_context


@pytest.fixture(scope="module")
def finished() -> Context:
    return finished_context()


def with_tag(config: Config) -> Config:
    """The same project, its delays those of a person."""
    deliveries = config.sources["deliveries"]
    columns = {
        name: column.model_copy(update={"tags": ("pii",)}) if name == "delay_minutes" else column
        for name, column in deliveries.columns.items()
    }
    return replace(config, sources={**config.sources, "deliveries": deliveries.model_copy(update={"columns": columns})})


def test_facts_are_those_of_the_tables(finished: Context) -> None:
    found = read_facts(finished)["shop_delays"]
    rows = finished.lake.read(finished.lake.address("gold", "shop_delays"), finished.as_of)
    (counted,) = rows.selectExpr(
        "count(*)", "sum(int(mean_is_late_6h is null))", "min(count_is_late_2d)", "max(count_is_late_2d)"
    ).collect()
    mean, count = found.of("mean_is_late_6h"), found.of("count_is_late_2d")
    assert mean is not None
    assert count is not None
    assert count.spread is not None
    assert (found.rows, mean.nulls, count.spread.lower, count.spread.upper) == tuple(counted)
    assert mean.null_share == mean.nulls / found.rows
    assert (found.built_through, mean.type, count.type) == (TURNS[1], "double", "long")


def test_drift_is_what_monitoring_said_last(finished: Context) -> None:
    from lakeloop import schemas

    facts = read_facts(finished, ["shop_last"])["shop_last"].of("last_delay_minutes")
    assert facts is not None
    (state,) = facts.drift
    rows = [
        row
        for row in finished.lake.own_rows(schemas.DRIFT_METRICS, finished.as_of)
        if row["column_name"] == "shop_last__last_delay_minutes" and row["slice_key"] is None
    ]
    newest = max(rows, key=lambda row: (row["window"]["end"], row["as_of"]))
    assert (state.model, state.verdict, state.window_end) == ("late", newest["verdict"], newest["window"]["end"])


def test_the_past_knows_only_the_past(finished: Context) -> None:
    first = finished.at(TURNS[0])
    then, now = read_facts(first)["shop_last"], read_facts(finished)["shop_last"]
    assert then.built_through == TURNS[0]
    assert 0 < then.rows < now.rows
    assert all(each.drift == () for each in then.features), "the first turn had no champion"
    before = read_facts(finished.at(TURNS[0] - timedelta(seconds=1)))["shop_last"]
    assert (before.built_through, before.rows, before.features) == (None, 0, ())


def test_a_second_reading_says_the_same_and_starts_no_session(finished: Context) -> None:
    bare = Context(finished.config, finished.as_of)
    assert read_facts(bare) == read_facts(finished)
    assert "spark" not in bare.__dict__


def test_what_says_something_of_a_person_is_not_even_read(finished: Context) -> None:
    context = Context(with_tag(finished.config), finished.as_of)
    last = read_facts(context, ["shop_last"])["shop_last"].of("last_delay_minutes")
    assert last is not None
    assert (last.spread, last.nulls) == (None, 0)
    page = make_catalogue(context)
    assert page.facts["shop_delays"].of("mean_is_late_6h").spread is None, "is_late is made of it"  # type: ignore[union-attr]
    html = render_catalogue(page)
    assert html.count("hidden (pii)") == 5
    assert "<rect" not in html


def test_any_reader_of_the_table_sees_what_is_declared(finished: Context) -> None:
    table = DeltaTable(finished.lake.address("gold", "shop_delays").path)
    said = table.metadata().configuration
    assert said["lakeloop.lineage.mean_is_late_6h"] == "deliveries.delay_minutes -> deliveries.is_late"
    assert (said["lakeloop.entity"], said["lakeloop.source"], said["lakeloop.tags"]) == ("shop", "deliveries", "")
    comments = {each.name: each.metadata.get("comment") for each in table.schema().fields}
    assert comments["mean_is_late_6h"] == "mean of is_late over the trailing 6 hours"
