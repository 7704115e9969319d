"""What a project's files may hold: plain YAML of bounded size, no secret in the clear, expressions over one row."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.expressions import expression_columns
from lakeloop.config.loading import load_config
from lakeloop.config.located_yaml import MAX_NODES, parse_yaml
from lakeloop.config.sql_statement import read_statement
from lakeloop.errors import ConfigError
from tests.laws.small_loop import write_project

CANARY = "c4nary-0f-the-f1les"


def mistakes_of(root: Path, more: str, **variables: str) -> list[tuple[int | None, str, str]]:
    """Load the small project with lines added to project.yml, and list what is refused."""
    write_project(root)
    path = root / "conf/base/project.yml"
    path.write_text(path.read_text("utf-8") + more, "utf-8")
    with pytest.raises(ConfigError) as raised:
        load_config(root, variables=variables)
    assert CANARY not in str(raised.value)
    return [(each.line, each.where, each.got) for each in raised.value.issues]


# --- YAML -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch /tmp/x']",
        "!!python/name:os.system",
        "!!python/object:os.X {}",
        "!new x",
    ],
)
def test_a_tag_that_makes_objects_is_refused_with_its_line(tag: str) -> None:
    document = parse_yaml(f"project: shops\nseed: {tag}", "project.yml")
    assert document.data == {"project": "shops", "seed": None}
    (issue,) = document.issues
    assert (issue.line, issue.where) == (2, "seed")
    assert issue.got.startswith("the tag ")


def test_aliases_that_multiply_are_refused_after_bounded_work() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]  # 10**12 values written out
    document = parse_yaml("\n".join(lines), "project.yml")
    assert document.data is None
    assert len(document.places) <= MAX_NODES + 1
    assert [each.got for each in document.issues] == ["values without end"]


def test_an_alias_of_itself_is_refused() -> None:
    (issue,) = parse_yaml("a: &a [1, *a]", "project.yml").issues
    assert issue.got == "an alias that repeats without end: it stands inside what it names"


# --- secrets in the clear ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "line", "where"),
    [
        (f"spark: {{spark.hadoop.fs.s3a.secret.key: {CANARY}}}\n", 6, "spark.spark.hadoop.fs.s3a.secret.key"),
        (f"spark:\n  fs.azure.account.key.lake: {CANARY}\n", 7, "spark.fs.azure.account.key.lake"),
        (f"spark: {{a.password: '${{X:-{CANARY}}}'}}\n", 6, "spark.a.password"),
        (f"spark: {{a.url: 'jdbc:x://me:{CANARY}@db/x'}}\n", 6, "spark.a.url"),
        (f"tracking_uri: postgresql://me:{CANARY}@db/mlflow\n", 6, "tracking_uri"),
        (f"openlineage: {{url: 'http://l:5000', api_key: {CANARY}}}\n", 6, "openlineage.api_key"),
        (f"online_store: {{address: 'redis://:{CANARY}@cache'}}\n", 6, "online_store.address"),
    ],
)
def test_a_secret_in_the_clear_is_refused_with_its_line(tmp_path: Path, more: str, line: int, where: str) -> None:
    ((found_line, found_where, got),) = mistakes_of(tmp_path, more)
    assert (found_line, found_where) == (line, where)
    assert got.startswith("(hidden), ")


def test_a_secret_by_environment_or_scope_is_taken(tmp_path: Path) -> None:
    write_project(tmp_path)
    path = tmp_path / "conf/base/project.yml"
    more = """\
tracking_uri: postgresql://me:${PW}@db/mlflow
spark:
  spark.hadoop.fs.s3a.secret.key: ${KEY}
  spark.hadoop.fs.azure.account.key.lake: "{{secrets/lake/storage}}"
  spark.executor.cores: 2
  spark.a.password: ${secret:lake/own}
"""
    path.write_text(path.read_text("utf-8") + more, "utf-8")
    config = load_config(
        tmp_path, variables={"PW": "hunter22", "KEY": "tiger99", "LAKELOOP_SECRET_LAKE__OWN": "0f-a-scope"}
    )
    assert config.hidden == {"hunter22": "${PW}", "tiger99": "${KEY}", "0f-a-scope": "${secret:lake/own}"}


# --- expressions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "reflect('java.lang.System', 'getenv', 'HOME')",
        "java_method('java.lang.Runtime', 'getRuntime')",
        "try_reflect('a.B', 'c')",
        "system.builtin.REFLECT('a.B', 'c')",
        "`reflect`('a.B', 'c')",
        "transform(xs, x -> java_method('a.B', x))",
        "case when reflect('a.B', 'c') = '1' then 1 end",
        "call_function('reflect', 'a.B', 'c')",
        "identifier('reflect')",
        "secret('scope', 'key')",
        "ai_query('model', x)",
        "read_files('/etc/passwd')",
        "http_request('x')",
        "input_file_name()",
        "current_user()",
        "(select max(x) from secrets)",
        "exists (select 1 from secrets)",
        "x in (select y from secrets)",
        "1; drop table orders",
        "drop table orders",
    ],
)
def test_an_expression_reaches_nothing_beside_its_row(text: str) -> None:
    with pytest.raises(ValueError, match=r"; "):
        expression_columns(text)


@pytest.mark.parametrize(
    "text",
    [
        "select shop, reflect('a.B', 'c') as x from orders",
        "select shop, secret('a', 'b') as x from orders",
        "select shop, count(*) as n from read_files('/etc/passwd') group by shop",
        "select shop, sum(n) as n from range(10) group by shop",
        "insert into orders select 1",
        "select 1 as a; drop table orders",
    ],
)
def test_a_statement_reaches_nothing_beside_its_tables(text: str) -> None:
    with pytest.raises(ValueError, match=r"; "):
        read_statement(text)


@pytest.mark.parametrize("place", ["parquet.`/etc`", "delta.`/data/other`", "main.hr.salaries", "csv.`/etc/passwd`"])
def test_a_statement_reads_no_table_that_is_not_declared(tmp_path: Path, place: str) -> None:
    write_project(tmp_path)
    table = "feature_table: other\nentity: [shop]\nevery: 1 hour\n"
    table += f"sql: select shop, max(x) as x from {place} group by shop\n"
    (tmp_path / "conf/base/features/other.yml").write_text(table, "utf-8")
    with pytest.raises(ConfigError, match=r"features/other\.yml:4: sql"):
        load_config(tmp_path)


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*", "a/../../*.csv"])
def test_a_pattern_does_not_lead_out_of_the_landing_folder(tmp_path: Path, pattern: str) -> None:
    write_project(tmp_path)
    path = tmp_path / "conf/base/sources/orders.yml"
    text = path.read_text("utf-8").replace("{path: landing/orders}", f"{{path: landing/orders, pattern: '{pattern}'}}")
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="a pattern of names below the landing folder"):
        load_config(tmp_path)
