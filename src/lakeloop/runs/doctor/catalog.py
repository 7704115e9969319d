"""The catalog that holds the tables: it is there, with its schemas, tables can be made, and those there can be read."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakeloop.discovery.text import count_of
from lakeloop.errors import NewerFormatError
from lakeloop.runs.doctor.cluster import within
from lakeloop.runs.doctor.failures import SPARK_FAILURES
from lakeloop.runs.doctor.finding import Finding, fail, not_checked, ok
from lakeloop.runs.doctor.names import CATALOG

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakeloop.config.tree import Config

_PATIENCE_SECONDS = 180
_TRIAL = "lakeloop_doctor_"
_ANY_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)


def check_catalog(session: SparkSession, config: Config) -> Finding:
    """Check that the catalog and its schemas are there, that tables may be made in them, and what format they are in.

    Args:
        session: The session.
        config: The project.

    Returns:
        FAIL with what is missing or not allowed; NOT_CHECKED without a catalog. A table made on trial is dropped again.

    >>> check_catalog(spark, shops).found.startswith("none is declared: tables lie at ")
    True
    """
    name = config.project.catalog
    if name is None:
        return not_checked(CATALOG, f"none is declared: tables lie at {config.tables}")
    try:
        finding: Finding = within(lambda: _look(session, config, name), _PATIENCE_SECONDS)
    except TimeoutError:
        return fail(CATALOG, f"{name}: no answer within {_PATIENCE_SECONDS} s", "check the server of the catalog")
    except NewerFormatError as error:
        return fail(CATALOG, f"{name}.{error.subject}: {error.failures[0]}", error.remedy)
    except SPARK_FAILURES as failure:
        return _refused(name, failure)
    return finding


def _look(session: SparkSession, config: Config, name: str) -> Finding:
    from lakeloop.runs.context import Context
    from lakeloop.runs.integrity import watched_tables
    from lakeloop.schemas import RUNS
    from lakeloop.tables import Lake

    lake = Lake(session, config.workspace, retention=config.project.retention, catalog=name)
    context = Context(config, _ANY_INSTANT)
    context.__dict__["lake"] = lake
    tables = [lake.own(RUNS), *watched_tables(context)]
    found = {str(row[0]) for row in session.sql(f"SHOW SCHEMAS IN `{name}`").collect()}  # bounded: a row per schema
    missing = missing_schemas((each.layer for each in tables), found)
    if missing:
        remedy = f"create them: {'; '.join(f'CREATE SCHEMA `{name}`.`{each}`' for each in missing)}"
        return fail(CATALOG, f"{name}: without {', '.join(missing)}", remedy)
    for layer in sorted({each.layer for each in tables}):
        _try_table(session, f"`{name}`.`{layer}`")
    there = sum(lake.exists(each) for each in tables)
    read = count_of(there, "table")
    return ok(CATALOG, f"{name}: tables can be made in its schemas; {read} in a format that is read")


def missing_schemas(layers: Iterable[str], found: Iterable[str]) -> list[str]:
    """Name the schemas that a catalog lacks.

    Args:
        layers: Those of the project's tables.
        found: Those it has, as the catalog writes them.

    Returns:
        Those that are missing, sorted.

    >>> missing_schemas(["ops", "gold", "bronze", "gold"], ["default", "GOLD"])
    ['bronze', 'ops']
    """
    return sorted(set(layers) - {each.lower().rpartition(".")[2] for each in found})


def _try_table(session: SparkSession, schema: str) -> None:
    table = f"{schema}.`{_TRIAL}{uuid.uuid4().hex[:12]}`"
    try:
        session.sql(f"CREATE TABLE {table} (n BIGINT) USING DELTA")
    finally:
        with suppress(*SPARK_FAILURES):  # what kept it from being made is told
            session.sql(f"DROP TABLE IF EXISTS {table}")


def _refused(name: str, failure: Exception) -> Finding:
    said = str(failure).strip().partition("\n")[0][:200]
    condition = getattr(failure, "getCondition", lambda: None)() or ""
    remedy = "check catalog in project.yml, and the session's catalogs (spark.sql.catalog.<name>)"
    if "PERMISSION" in condition.upper() or "PRIVILEGE" in said.upper() or "PERMISSION" in said.upper():
        remedy = f"have USE CATALOG, USE SCHEMA, CREATE TABLE, SELECT and MODIFY granted on {name}"
    return fail(CATALOG, f"{name}: {said}", remedy)
