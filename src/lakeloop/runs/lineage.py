"""Lineage of steps: what they read and wrote, as datasets of OpenLineage, and Spark's listener beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lakeloop.config.tree import Config
from lakeloop.lineage_events import Dataset, LineageEvents, is_asked_for, is_disabled, place_of
from lakeloop.run_log import current_run
from lakeloop.tables import TableAddress, TableUse

LISTENER = "io.openlineage.spark.agent.OpenLineageSparkListener"
PACKAGE = "io.openlineage:openlineage-spark_2.13:1.53.0"
"""The listener, in the release that was tried with Spark 4.2 and Delta 4.4."""

_CONTROL = frozenset({"ops"})
"""Layers that every step reads: the ledgers. They say nothing of where data came from."""


def open_lineage(config: Config, job: str, run_id: str, environment: Mapping[str, str]) -> LineageEvents | None:
    """Give what sends the events of a call; None where none are asked for.

    Args:
        config: The project.
        job: Name of the call.
        run_id: Its id.
        environment: Variables, which may ask for events or switch them off.

    Returns:
        The sender. Nothing is opened before the first event.

    >>> open_lineage(shops, "run", "00000000-0000-4000-8000-000000000000", {})
    >>> asked = {"OPENLINEAGE_URL": "http://lineage:5000"}
    >>> open_lineage(shops, "run", "00000000-0000-4000-8000-000000000000", asked).namespace
    'shops'
    """
    declared = config.project.openlineage
    if is_disabled(environment) or (declared is None and not is_asked_for(environment)):
        return None
    namespace = (declared.namespace if declared is not None else None) or config.project.project
    return LineageEvents(_transport(config), namespace, job, run_id)


def _transport(config: Config) -> dict[str, Any] | None:
    declared = config.project.openlineage
    if declared is None or (declared.url is None and declared.file is None):
        return None
    if declared.file is not None:
        return {"type": "file", "log_file_path": str(config.workspace / declared.file), "append": True}
    key = declared.api_key
    return {
        "type": "http",
        "url": declared.url,
        "endpoint": declared.endpoint,
        "timeout": declared.timeout.total_seconds(),
        "retry": {"total": 1, "connect": 1, "read": 0},  # the work waits for it
        **({"auth": {"type": "api_key", "apiKey": key.get_secret_value()}} if key is not None else {}),
    }


def spark_settings(config: Config, run_id: str) -> dict[str, str | int | bool]:
    """Give the settings of Spark with those of the listener, where it is asked for.

    Args:
        config: The project.
        run_id: Id of the call, the parent of the listener's runs.

    Returns:
        The project's settings; listeners and packages that it names itself are kept.

    >>> spark_settings(shops, "7d") == shops.project.spark
    True
    """
    settings, declared = dict(config.project.spark), config.project.openlineage
    if declared is None or not declared.spark or is_disabled(os.environ):
        return settings
    for name, value in (("spark.extraListeners", LISTENER), ("spark.jars.packages", PACKAGE)):
        settings[name] = ",".join(filter(None, (str(settings.get(name, "")), value)))
    where = "spark.openlineage.transport"
    namespace = declared.namespace or config.project.project
    settings |= {
        "spark.openlineage.namespace": namespace,
        "spark.openlineage.parentJobNamespace": namespace,
        "spark.openlineage.parentJobName": current_run().job or "lakeloop",
        "spark.openlineage.parentRunId": run_id,
        f"{where}.type": "file" if declared.file is not None else "http",
    }
    if declared.file is not None:
        own = Path(config.workspace / declared.file)
        settings[f"{where}.location"] = str(own.with_name(f"{own.stem}-spark{own.suffix}"))
        return settings
    settings |= {f"{where}.url": declared.url or "", f"{where}.endpoint": f"/{declared.endpoint.lstrip('/')}"}
    if declared.api_key is not None:
        key = declared.api_key.get_secret_value()
        settings |= {f"{where}.auth.type": "api_key", f"{where}.auth.apiKey": key}
    return settings


def datasets(
    config: Config, step: str, used: Mapping[TableAddress, TableUse], namespace: str
) -> tuple[list[Dataset], list[Dataset]]:
    """Name what a step read and wrote.

    Args:
        config: The project.
        step: The step; an ingest reads landing folders too.
        used: What was done with the tables.
        namespace: Namespace of tables in a catalog.

    Returns:
        What it read and what it wrote, without the ledgers, in the order of their names.

    >>> used = {TableAddress("gold", "shop_last", "/ws"): TableUse(is_read=True),
    ...         TableAddress("predictions", "late", "/ws"): TableUse(commits=1, rows_written=70, version=3)}
    >>> read, written = datasets(shops, "score", used, "shops")
    >>> [each.name for each in read], [(each.table, each.version, each.rows) for each in written]
    (['/ws/gold/shop_last'], [('predictions.late', 3, 70)])
    """
    inputs: list[Dataset] = []
    if step == "ingest":
        folders = (config.landing_path(each) for each in config.sources.values() if each.read is None)
        inputs += [Dataset("file", str(folder)) for folder in folders if folder.is_dir()]
    outputs: list[Dataset] = []
    for address, use in sorted(used.items(), key=lambda each: str(each[0])):
        if address.layer in _CONTROL:
            continue
        where, name = (namespace, address.sql) if address.in_catalog else place_of(address.path)
        if use.is_read:
            inputs.append(Dataset(where, name, str(address)))
        if use.commits:
            told = Dataset(where, name, str(address), use.version, use.rows_written, use.bytes_written)
            outputs.append(told)
    return inputs, outputs


class StepLineage:
    """The events of one step: that it begins, and how it ended.

    >>> from datetime import UTC
    >>> lineage = StepLineage(None, shops, "score", "late", datetime(2024, 2, 4, tzinfo=UTC))  # nobody asks for events
    >>> lineage.complete({})
    """

    def __init__(self, events: LineageEvents | None, config: Config, step: str, subject: str | None, as_of: datetime):
        self._events, self._config, self._step = events, config, step
        self._run = events.begin(step, subject, as_of) if events is not None else None

    def complete(self, used: Mapping[TableAddress, TableUse]) -> None:
        """Say that the step was done."""
        if self._events is not None and self._run is not None:
            self._events.complete(self._run, *datasets(self._config, self._step, used, self._events.namespace))

    def fail(self, used: Mapping[TableAddress, TableUse], error: BaseException) -> None:
        """Say that the step failed, by the error's class alone: its text may quote data."""
        if self._events is not None and self._run is not None:
            found = datasets(self._config, self._step, used, self._events.namespace)
            self._events.fail(self._run, *found, type(error).__name__)
