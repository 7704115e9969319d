"""The `read` section as it is written in YAML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.config.read import Read
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigError
from lakeloop.runs.plan import describe_plan, make_plan
from tests.config.small_project import edited, write_project

VARIABLES = {"URL": "jdbc:postgresql://db/shop", "PW": "hunter22secret", "TOKEN": "tiger99secret"}
JDBC = "jdbc: '${URL}', table: outcomes, watermark: seen_at"
LANDING = "landing: {path: landing/outcomes}"


def load(root: Path, read: str, **variables: str) -> Config:
    changes = edited("conf/base/sources/outcomes.yml", LANDING, read)
    return load_config(write_project(root, changes), variables={**VARIABLES, **variables})


@pytest.mark.parametrize(
    ("read", "shown"),
    [
        ("{delta: feeds/outcomes}", "delta feeds/outcomes: appended rows"),
        ("{delta: main.sales.outcomes, changes: true, deletes: ignore}",
         "delta main.sales.outcomes: its change data feed, deletes: ignore"),
        (f"{{{JDBC}, overlap: 1 hour, user: me, password: '${{PW}}'}}", "${URL}: table outcomes by seen_at, 1h again"),
        ("{jdbc: 'jdbc:derby:shop;create=true', query: select 1, watermark: id, overlap: 100}",
         "jdbc:derby:shop: a query by id, 100 again"),
        ("{stream: json, options: {path: /feeds}, new_columns: ignore, missing_columns: null}",
         "stream json: what is there when a run begins"),
    ],
)  # fmt: skip
def test_a_plan_tells_what_is_read_without_secrets(tmp_path: Path, read: str, shown: str) -> None:
    plan = make_plan(load(tmp_path, f"read: {read}"))
    assert (plan.sources[0].landing, plan.sources[0].reads) == (None, shown)
    assert f"reads {shown}" in re.sub(r"\s+", " ", describe_plan(plan))


@pytest.mark.parametrize(
    ("read", "where", "got", "allowed", "remedy"),
    [
        ("read: {delta: a/b}\nlanding: {path: x}", "read", "a section with the keys delta: landing is declared too",
         "one of landing and read", "write it in that form"),
        ("read: {changes: true}", "read", "a section with the keys changes", "declare one of delta, jdbc and stream",
         "change what contradicts it"),
        ("read: {delta: a/b, table: t}", "read.table", "'t': no key of delta", "it beside `jdbc:`, or remove it",
         "write it in that form"),
        ("read: {delta: a/b, deletes: ignore}", "read.deletes", "'ignore': appended rows have none",
         "`changes: true` beside it, or remove it", "write it in that form"),
        ("read: {delta: a/b, changes: true, deletes: drop}", "read.deletes", "'drop'", "'refuse' or 'ignore'",
         "write one of these"),
        (f"read: {{{JDBC}, password: hunter22}}", "read.password", "(hidden), in the file itself",
         "an environment variable", "write password: ${NAME}"),
        ("read: {stream: kafka, options: {kafka.sasl.jaas.config: x}}", "read.options.kafka.sasl.jaas.config",
         "(hidden), in the file itself", "an environment variable", "write kafka.sasl.jaas.config: ${NAME}"),
        ("read: {stream: text, options: {checkpointLocation: x}}", "read.options.checkpointLocation",
         "the option 'checkpointLocation'", "options other than checkpointlocation",
         "remove it: lakeloop sets it, from the keys beside `options` where they are declared"),
        ("read: {stream: csv}", "read.stream", "'csv': a stream matches its columns by position",
         "landing: for files of CSV", "write it in that form"),
        ("read: {stream: json, new_columns: ignore}", "read.stream",
         "'json': a stream can't tell which members are not declared or missing",
         "new_columns: ignore and missing_columns: null beside it, or landing: for the files", "write it in that form"),
        (f"read: {{{JDBC}, query: select 1}}", "read", "a section with the keys jdbc, table, watermark, query",
         "declare table or query, one of them, beside jdbc", "change what contradicts it"),
        ("read: {jdbc: 'jdbc:x:y', table: t}", "read", "a section with the keys jdbc, table",
         "declare watermark beside jdbc: the column that grows with the rows", "change what contradicts it"),
        ("read: {jdbc: 'http://x', table: t, watermark: w}", "read.jdbc", "'http://x': no such URL",
         "jdbc:<database>:...", "write it in that form"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, read: str, where: str, got: str, allowed: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, read)
    (issue,) = raised.value.issues
    assert (issue.file, issue.line, issue.where) == ("conf/base/sources/outcomes.yml", 2, where)
    assert (issue.got, issue.allowed, issue.remedy) == (got, allowed, remedy)


def test_a_source_without_an_origin_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="declare landing") as raised:
        load(tmp_path, "owner: nobody")
    assert [each.file for each in raised.value.issues] == ["conf/base/sources/outcomes.yml"]


@pytest.mark.parametrize(
    "url",
    [
        "jdbc:postgresql://me:hunter22@db/shop",
        "jdbc:derby:shop;password=hunter22",
        "jdbc:oracle:thin:scott/hunter22@//db:1521/shop",
        "jdbc:oracle:oci:scott/hunter22@shop",
        "jdbc:spark://db;AccessKey=hunter22",
        "jdbc:snowflake://db/?private_key=hunter22",
        "jdbc:x://db/shop?ssl=1&pass=hunter22",
        "jdbc:x://db/shop;trustStorePassphrase=hunter22",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    for read, variables in ((f"jdbc: '{url}'", {}), ("jdbc: '${URL}'", {"URL": url})):
        with pytest.raises(ConfigError, match="in the URL of the database") as raised:
            load(tmp_path, f"read: {{{read}, table: t, watermark: w}}", **variables)
        assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "jdbc:oracle:thin:@//db:1521/shop",
        "jdbc:oracle:thin:/@shop",
        "jdbc:postgresql://db:5432/shop?ssl=true&sslkey=/etc/key&bypass=1",
        "jdbc:sqlserver://db:1433;databaseName=shop;encrypt=true",
    ],
)
def test_a_url_without_a_password_is_taken(tmp_path: Path, url: str) -> None:
    config = load(tmp_path, f"read: {{jdbc: '{url}', table: t, watermark: w}}")
    assert config.sources["outcomes"].read == Read(jdbc=url, table="t", watermark="w")


def test_a_password_in_the_default_of_a_url_is_refused_although_the_variable_is_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a password in the URL") as raised:
        load(tmp_path, "read: {jdbc: '${URL:-jdbc:x://me:hunter22@db}', table: t, watermark: w}")
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize(
    ("read", "where"),
    [
        (f"{{{JDBC}, password: '${{PW:-hunter22}}'}}", "read.password"),
        (f"{{{JDBC}, password: 'hunter22$${{'}}", "read.password"),
        (f"{{{JDBC}, password: 'hunter22${{PW}}'}}", "read.password"),
        (f"{{{JDBC}, options: {{trustStorePassphrase: hunter22}}}}", "read.options.trustStorePassphrase"),
        (f"{{{JDBC}, options: {{token: 'a ${{TOKEN:-hunter22}}'}}}}", "read.options.token"),
        ("{stream: eventhubs, options: {eventhubs.connectionString: hunter22}}",
         "read.options.eventhubs.connectionString"),
        ("{stream: mongodb, options: {spark.mongodb.connection.uri: hunter22}}",
         "read.options.spark.mongodb.connection.uri"),
        ("{stream: mongodb, options: {place: 'mongodb://me:hunter22@db'}}", "read.options.place"),
    ],
)  # fmt: skip
def test_a_secret_is_written_by_a_variable_without_a_default(tmp_path: Path, read: str, where: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, f"read: {read}")
    assert [(each.where, each.allowed) for each in raised.value.issues] == [(where, "an environment variable")]
    assert "hunter22" not in str(raised.value)


def test_a_secret_may_be_a_part_of_an_option(tmp_path: Path) -> None:
    login = "kafka.sasl.jaas.config: 'Login required password=\"${PW}\";'"
    read = load(tmp_path, f"read: {{stream: kafka, options: {{{login}}}}}").sources["outcomes"].read
    assert read is not None
    assert read.options["kafka.sasl.jaas.config"] == 'Login required password="hunter22secret";'


def test_a_hash_knows_no_secret_and_no_place(tmp_path: Path) -> None:
    read = f"read: {{{JDBC}, user: me, password: '${{PW}}', options: {{token: '${{TOKEN}}'}}}}"
    here = load(tmp_path, read)
    there = load(tmp_path, read, URL="jdbc:postgresql://other/shop", PW="another", TOKEN="another")
    assert here.spec_hash("source", "outcomes") == there.spec_hash("source", "outcomes")
    assert "hunter22" not in repr(here)
    assert here.written_read(here.sources["outcomes"])["options.token"] == "${TOKEN}"
    files = load_config(write_project(tmp_path, edited("conf/base/sources/outcomes.yml", LANDING, LANDING)))
    assert "read" not in files.sources["outcomes"].model_dump()


def test_a_path_lies_below_the_workspace_and_an_address_where_it_says(tmp_path: Path) -> None:
    places = {
        "feeds/outcomes": str(tmp_path.resolve() / "workspace/feeds/outcomes"),
        "/feeds/outcomes": "/feeds/outcomes",
        "s3://bucket/outcomes": "s3://bucket/outcomes",
        "main.sales.outcomes": "main.sales.outcomes",
    }
    for written, place in places.items():
        config = load(tmp_path, f"read: {{delta: '{written}'}}")
        assert config.read_place(config.sources["outcomes"]) == place


def test_kafka_is_declared_as_the_page_says(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(source: clicks\n.*?)```", page, re.DOTALL)
    root = write_project(tmp_path, {"conf/base/sources/clicks.yml": block})
    config = load_config(root, variables={"KAFKA_SERVERS": "a:9092", "KAFKA_LOGIN": "login"})
    read = config.sources["clicks"].read
    assert read is not None
    assert read.stream == "kafka"
    assert read.options["subscribe"] == "clicks"
