"""A small project that can be deployed everywhere: the base for Airflow and pods, dev and prod for Databricks."""

from __future__ import annotations

from pathlib import Path

from tests.config.small_project import write_project

WAREHOUSE_SECRET = "LAKELOOP_SECRET_FLIGHTS__REDIS"
"""Variable that stands for the secret of prod where there is no scope to ask."""


def of_databricks(catalog: str, more: str = "") -> str:
    """Write an environment's project file."""
    return f"""\
project: flights
catalog: {catalog}
workspace: /Volumes/{catalog}/ops/lakeloop
tracking_uri: databricks
registry: {{uri: databricks-uc, schema: {catalog}.models}}
{more}"""


STORE = 'online_store: {address: "rediss://:${secret:flights/redis}@cache:6379/0"}\n'


def write_deployable(root: Path, changes: dict[str, str | None] | None = None) -> Path:
    """Write the project."""
    files: dict[str, str | None] = {
        "conf/dev/project.yml": of_databricks("flights_dev", STORE),
        "conf/prod/project.yml": of_databricks("flights", STORE),
    }
    return write_project(root, files | (changes or {}))
