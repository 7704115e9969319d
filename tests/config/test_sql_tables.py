"""What is wrong with an SQL feature table, told without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.config.sql_statement import columns_named, read_statement
from lakeloop.errors import ConfigError, ConfigIssue
from tests.config.small_project import write_project

FILE = "conf/base/features/busy.yml"
BUSY = """\
feature_table: busy
entity: [carrier]
every: 1 day
needs: 28 days
sql: |
  select o.carrier, count(*) as flights, max(r.wind_mph) as wind
  from outcomes o left join schedules s using (carrier, flight, departure_ts)
  left join gold.readings r on r.origin = s.origin
  where o.delay_minutes > 0 and o.departure_ts < :tick
  group by o.carrier
features:
  flights: {type: long}
  wind: {type: double, unit: mph, description: strongest wind}
"""


def issues_of(tmp_path: Path, *edits: tuple[str, str], more: dict[str, str | None] | None = None) -> list[ConfigIssue]:
    text = BUSY
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    with pytest.raises(ConfigError) as raised:
        load_config(write_project(tmp_path, {FILE: text, **(more or {})}))
    return list(raised.value.issues)


def test_a_sound_statement_is_taken(tmp_path: Path) -> None:
    table = load_config(write_project(tmp_path, {FILE: BUSY})).feature_tables["busy"]
    assert table.kind == "sql"
    assert table.inputs == ("outcomes", "schedules", "gold.readings")
    assert table.feature_names == ("flights", "wind")


@pytest.mark.parametrize(
    ("old", "new", "where", "line", "got", "allowed", "remedy"),
    [
        ("group by o.carrier", "group by (", "sql", 5, "does not parse", "one SELECT", "mend it"),
        (
            "group by o.carrier",
            "group by o.carrier; select 1",
            "sql",
            5,
            "several statements",
            "one SELECT",
            "write one",
        ),
        ("from outcomes o", "from outcoms o", "sql", 5, "the table 'outcoms'", "gold.readings", "mean 'outcomes'?"),
        ("gold.readings r", "readings r", "sql", 5, "the table 'readings'", "sources and", "mean 'gold.readings'?"),
        ("o.delay_minutes", "o.delay_minute", "sql", 5, "'o.delay_minute'", "delay_minutes", "mean 'delay_minutes'?"),
        ("r.wind_mph", "r.wind", "sql", 5, "'r.wind'", "wind_mph, gust_ratio", "mean 'wind_mph'?"),
        ("using (carrier, ", "using (carier, ", "sql", 5, "'carier'", "carrier", "mean 'carrier'?"),
        ("select o.carrier,", "select", "entity[0]", 2, "carrier, which", "flights, wind", "as carrier"),
        ("as wind", "as winds", "features.wind", 13, "wind, which", "winds", "mean 'winds'?"),
        ("count(*) as", "o.flight, count(*) as", "sql", 5, "'flight', which is not", "carrier, flights", "remove it"),
        ("count(*) as", "1 as flights, count(*) as", "sql", 5, "'flights' a second time", "carrier", "remove it"),
        ("count(*)", "count(*) + rand()", "sql", 5, "RAND()", "the same again", ":tick for the instant"),
        (":tick", "current_timestamp()", "sql", 5, "CURRENT_TIMESTAMP()", "the same again", ":tick for the instant"),
        (":tick", "now()", "sql", 5, "NOW()", "the same again", ":tick for the instant"),
        ("count(*)", "count(uuid())", "sql", 5, "UUID()", "the same again", ":tick for the instant"),
        (":tick", ":instant", "sql", 5, ":instant", "the same again", "write :tick"),
        ("needs: 28 days", "needs: 1 hour", "needs", 4, "1h is shorter than every: 1d", "at least 1d", "in that form"),
        ("needs: 28 days\n", "", "sql", 4, "needs is absent", "needs every, needs and features", "in that form"),
        ("every: 1 day", "from: outcomes\nevery: 1 day", "from", 3, "names its tables", "no from beside", "that form"),
        (
            "every: 1 day",
            "ttl: 1 day\nevery: 1 day",
            "ttl",
            3,
            "'1 day'",
            "ttl does not apply to a table of sql",
            "change",
        ),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(
    tmp_path: Path, old: str, new: str, where: str, line: int | None, got: str, allowed: str, remedy: str
) -> None:
    found = issues_of(tmp_path, (old, new))
    issue = next((each for each in found if not where or each.where == where), None)
    assert issue is not None, found
    assert issue.file == FILE
    assert line is None or issue.line == line
    assert allowed in issue.allowed
    assert remedy in issue.remedy
    assert got in issue.got


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("select 'A' as shop, 1 as n", "it reads no table; name a source, or a feature table as gold.<name>"),
        ("with o as (select 1 as n) select n from o", "it reads no table; name a source"),
        ("with orders as (select * from orders) select shop from orders", "it reads orders, and names a query of WITH"),
        ("with a as (select 1 from b), b as (select 1 as x from orders) select x from b", "it reads b, and names"),
        ("select x from orders join (with orders as (select 1 as x from o) select x from orders)", "it reads orders"),
    ],
)
def test_a_statement_reads_a_table_that_no_query_is_named_like(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="; ") as raised:
        read_statement(text)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("with a as (select 1 as x from orders), b as (select x from a) select x from b", ("orders",)),
        ("with a as (select 1 as x from orders) select (select max(x) from a) as x from lines", ("orders", "lines")),
        (
            "with a as (with b as (select 1 as x from orders) select x from b) select x from gold.a",
            ("orders", "gold.a"),
        ),
    ],
)
def test_queries_of_with_are_no_tables(text: str, tables: tuple[str, ...]) -> None:
    assert read_statement(text).keys == tables


def test_a_statement_without_tables_is_told_by_plan(tmp_path: Path) -> None:
    statement = BUSY[BUSY.index("  select") : BUSY.index("features:")]
    (issue,) = issues_of(tmp_path, (statement, "  select 'UA' as carrier, 1 as flights, 2.0 as wind\n"))
    assert (issue.where, issue.line, issue.got) == ("sql", 5, "a statement: it reads no table")


def test_a_circle_is_named_whole(tmp_path: Path) -> None:
    first = BUSY.replace("gold.readings r", "gold.calm r").replace("r.wind_mph", "r.wind")
    second = BUSY.replace("feature_table: busy", "feature_table: calm").replace("gold.readings r", "gold.busy r")
    second = second.replace("r.wind_mph", "r.wind").replace("r.origin = s.origin", "r.carrier = s.carrier")
    changes: dict[str, str | None] = {
        FILE: first.replace("r.origin = s.origin", "r.carrier = s.carrier"),
        "conf/base/features/calm.yml": second,
    }
    with pytest.raises(ConfigError) as raised:
        load_config(write_project(tmp_path, changes))
    assert [(each.file, each.got) for each in raised.value.issues] == [
        (FILE, "a circle: busy -> calm -> busy"),
        ("conf/base/features/calm.yml", "a circle: calm -> busy -> calm"),
    ]


def test_what_cannot_be_told_is_left_to_spark() -> None:
    known = {"outcomes": ("carrier", "tags", "place")}
    for text in (
        "select carrier, tag as t from outcomes lateral view explode(tags) as tag",
        "select carrier, place.city as t from outcomes",
        "select carrier, 1 as t, t + 1 as u from outcomes",
        "select carrier, transform(tags, each -> each || 'x') as t from outcomes",
        "select o.carrier, exists(select 1 from outcomes p where p.carrier = o.carrier) as t from outcomes o",
        "with x as (select *, 1 as more from outcomes) select carrier, more as t from x",
    ):
        named = columns_named(read_statement(text), known)
        assert [each.text for each in named if each.options is not None] == [], text


@pytest.mark.parametrize(
    ("join", "named"),
    [
        ("join b using (x)", {"x": ("a", "b"), "a.k": ("a",)}),
        ("natural join b", {"k": ("a", "b"), "x": ("a", "b"), "a.k": ("a",)}),
        ("join b on b.x = a.k", {"b.x": ("b",), "a.k": ("a",)}),
        ("join (select x from b) c using (x)", {"x": ("a", "b"), "a.k": ("a",)}),
        ("join b using (y)", {"y": (), "a.k": ("a",)}),
    ],
)
def test_what_a_join_goes_by_is_named(join: str, named: dict[str, tuple[str, ...]]) -> None:
    statement = read_statement(f"select a.k, 1 as n from a {join}")
    found = columns_named(statement, {"a": ("k", "x"), "b": ("k", "x", "z")})
    assert {each.text: tuple(sorted(each.tables)) for each in found} == named
    assert [each.text for each in found if each.options is not None] == ([] if "(y)" not in join else ["y"])


def test_names_and_the_tick_are_replaced_at_their_places_only() -> None:
    text = "select carrier, ':tick {outcomes}' as t -- outcomes :tick\nfrom `outcomes` where outcomes.ts < :tick"
    rendered = read_statement(text).render({"outcomes": "{a}"}, "NOW")
    assert rendered == (
        "select carrier, ':tick {{outcomes}}' as t -- outcomes :tick\nfrom {a} as `outcomes` where outcomes.ts < NOW"
    )


def test_a_declaration_of_the_older_kinds_keeps_its_hash(tmp_path: Path) -> None:
    config = load_config(write_project(tmp_path))
    written = config.feature_tables["readings"].model_dump(mode="json", by_alias=True)
    assert not {"sql", "python", "needs", "features"} & set(written)
    assert written["from"] == "weather"
