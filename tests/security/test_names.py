"""Names in SQL: those of the project's objects are plain, and whatever else is a name is quoted."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pyspark.sql.types import StructType
from sqlglot import exp

from lakeloop.config.rules.rule import literal, quoted
from lakeloop.config.section import Name
from lakeloop.schemas import TEXT, column
from lakeloop.tables import ForeignTable, TableAddress
from lakeloop.tables.catalog import render_add_columns

HOSTILE = st.text(st.sampled_from("ab`'\"\\;-/*. \n(){}$"), min_size=1, max_size=12)
PLAIN = set("abcdefghijklmnopqrstuvwxyz0123456789_")


@given(HOSTILE | st.text(min_size=1, max_size=8))
def test_a_name_of_the_project_is_plain_or_refused(name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        return
    assert set(name) <= PLAIN


@pytest.mark.parametrize("name", ["a/b", "../a", "a.b", "a b", "a;b", "a`b", "a'b", "A", "", "a\n", "a" * 64])
def test_a_name_that_could_be_a_path_or_sql_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


@given(HOSTILE)
def test_a_column_that_is_quoted_is_one_column(name: str) -> None:
    tree = sqlglot.parse_one(quoted(name), dialect="spark")
    assert isinstance(tree, exp.Column)
    assert tree.name == name


@given(HOSTILE)
def test_a_text_that_is_quoted_is_one_text(text: str) -> None:
    tree = sqlglot.parse_one(literal(text), dialect="spark")
    assert isinstance(tree, exp.Literal)
    assert tree.this == text


@given(HOSTILE)
def test_a_table_below_any_folder_is_one_table(folder: str) -> None:
    tree = sqlglot.parse_one(f"select 1 from {TableAddress('gold', 'weather', folder).sql}", dialect="spark")
    (table,) = tree.find_all(exp.Table)
    assert (table.db, table.name) == ("delta", f"{folder}/gold/weather")


@given(HOSTILE, HOSTILE)
def test_a_table_of_a_catalog_is_one_table(catalog: str, name: str) -> None:
    tree = sqlglot.parse_one(
        f"select 1 from {TableAddress('gold', name, catalog, in_catalog=True).sql}", dialect="spark"
    )
    (table,) = tree.find_all(exp.Table)
    assert (table.catalog, table.db, table.name) == (catalog, "gold", name)


@given(HOSTILE)
def test_a_table_that_is_read_elsewhere_is_one_table(place: str) -> None:
    sql = ForeignTable(f"/data/{place}", "", 0).sql
    (table,) = sqlglot.parse_one(f"select 1 from {sql}", dialect="spark").find_all(exp.Table)
    assert (table.db, table.name) == ("delta", f"/data/{place}")


def test_a_name_in_a_catalog_that_ends_its_quotes_is_quoted_again() -> None:
    assert ForeignTable("main.sales`; drop table x", "", 0).sql == "`main`.`sales``; drop table x`"


def test_a_column_that_is_added_is_one_column() -> None:
    columns = StructType([column("a` string, `b", TEXT, "it's"), column("c", TEXT, "c")])
    statement = render_add_columns(TableAddress("bronze", "orders", "main", in_catalog=True), list(columns.fields))
    assert "(`a`` string, ``b` string COMMENT 'it\\'s', `c` string" in statement
