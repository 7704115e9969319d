"""The lint rule for what Spark Connect and serverless Spark lack, and the project held to it."""

from __future__ import annotations

import pytest

from tests.lint.code import ROOT, code_files
from tests.lint.serverless import CALLS, NAMES, OWNERS, find_in, names_used

RUNS = "src/lakeloop/runs/score.py"
CODE = dict(code_files(ROOT))


@pytest.mark.parametrize("path", list(CODE))
def test_nothing_that_connect_lacks_is_in_the_code_path(path):
    assert [str(each) for each in find_in(path, CODE[path])] == []


@pytest.mark.parametrize("path", sorted(OWNERS))
def test_an_owner_uses_what_it_may_and_says_why(path):
    assert OWNERS[path].names - {"withColumns"} <= names_used(CODE[path])
    assert OWNERS[path].why


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_name_is_found_wherever_it_stands(name):
    used, imported = find_in(RUNS, f"x = spark.{name}\n"), find_in(RUNS, f"from pyspark import {name}\n")
    assert [(each.line, each.name, each.problem) for each in (*used, *imported)] == [(1, name, NAMES[name])] * 2


@pytest.mark.parametrize("method", sorted(CALLS))
def test_a_method_is_found_where_it_is_called(method):
    (found,) = find_in(RUNS, f"def read(rows):\n    return rows.{method}()\n")
    assert str(found) == f"{RUNS}:2: {method}: {CALLS[method]}"
    assert find_in(RUNS, f"{method} = self.{method}\n{method}()\n") == []  # a name of something else


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = spark._jvm.org.apache.Thing", ["_jvm"]),
        ("x = frame._jdf, spark._jsparkSession, spark._jsc", ["_jdf", "_jsparkSession", "_jsc"]),
        ("x = hasattr(spark, '_jsc')", ["_jsc"]),
        ("x = 'a _jsc in a sentence'", []),
        ("from delta.tables import DeltaTable", ["delta.tables"]),
        ("import delta", ["delta"]),
        ("from deltalake import DeltaTable", []),
        ("from lakeloop.delta_jars import EXCLUDES", []),
        ("import py4j.protocol", ["py4j.protocol"]),
        ("from pyspark.sql import SparkSession", []),
        ("import functools\n@functools.cache\ndef f(): ...\ng = functools.cache(f)", []),
        ("spark.sql('cache table x')", ["CACHE TABLE"]),
        ("spark.sql('select * from global_temp.x')", ["global_temp"]),
        ("rows.withColumns({'a': 1, **others})", []),
        ("rows.withColumns({**others})", ["withColumns"]),
        ("rows.withColumns({name: 1 for name in names})", ["withColumns"]),
        ("rows.withColumns(columns)", ["withColumns"]),
        ("spark.createDataFrame(rows)", ["createDataFrame"]),
        ("spark.createDataFrame(rows, schema)", []),
        ("spark.createDataFrame(rows, schema=schema)", []),
    ],
)
def test_what_is_found(code, names):
    assert [each.name for each in find_in(RUNS, code)] == names


def test_a_chain_is_found_at_the_line_of_the_name():
    assert [each.line for each in find_in(RUNS, "(\n    rows\n    .where('a')\n    .persist()\n)")] == [4]


def test_an_owner_may_use_only_what_is_listed():
    path = "src/lakeloop/runs/distributed_fit.py"
    assert [each.name for each in find_in(path, "x = session.sparkContext._jsc, session._jvm")] == ["_jvm"]
