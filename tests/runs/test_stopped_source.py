from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from lakeloop.config.loading import load_config
from lakeloop.errors import (
    AccountingError,
    ConfigError,
    ConflictError,
    DataContractError,
    EnvironmentProblemError,
    Failure,
    NotReadyError,
)
from lakeloop.landing import FileStatus
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import IngestResult, SourceIngest, ingest
from lakeloop.runs.stopped_sources import STOPPING, FileNote, raise_stopped
from tests.factories import SOURCE, instant, land, make_reading

JUNE = instant("2014-06-01 00:00")


def open_context(root: Path, sources: dict[str, dict[str, Any]]) -> Context:
    """A project of sources that differ from `SOURCE`, each with one file: a sound row, and one without wind."""
    files: dict[str, Any] = {"project": {"project": "small", "retention": "30 days"}}
    for name, changes in sources.items():
        landing = {"path": f"landing/{name}"}
        files[f"sources/{name}"] = {**SOURCE, "source": name, "landing": landing, **changes}
    for file, content in files.items():
        path = root / f"conf/base/{file}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    context = Context(load_config(root), JUNE)
    for source in context.config.sources.values():
        land(context.config.landing_path(source), "a.csv", [make_reading(), make_reading(origin="JFK", wind_mph="0")])
    return context


def rows_in(context: Context, name: str) -> int:
    return context.lake.read_uncut(context.lake.address(*name.split("."))).count()


def windy(severity: str) -> dict[str, Any]:
    return {"rules": [{"rule": "range", "column": "wind_mph", "min": 1, "severity": severity}]}


@pytest.mark.slow
def test_a_source_that_is_stopped_stops_no_other_and_goes_on_once_its_declaration_is_mended(
    spark: SparkSession, tmp_path: Path
) -> None:
    hidden = {"derive": {"hidden": {"as": "element_at(array(1), cast(wind_mph as int))", "type": "integer"}}}
    context = open_context(tmp_path, {"broken": windy("fail"), "hidden": hidden, "sound": {}})

    with pytest.raises(DataContractError) as raised:
        ingest(context)

    assert str(raised.value).splitlines()[:3] == [
        "2 sources: the data broke its contract",
        "  - source broken: range_wind_mph: broken by 1 row in a.csv",
        "  - source hidden: hidden: can't be computed for some row: INVALID_ARRAY_INDEX_IN_ELEMENT_AT, in"
        " `element_at(array(1), cast(wind_mph as int))`",
    ]
    assert (raised.value.exit_code, raised.value.retryable) == (4, False)
    assert raised.value.remedy == (
        "set the severity of the rule to `quarantine` in conf/base/sources/broken.yml and ingest again: those rows are"
        " set aside, the rest goes on; then set it back to `fail`; guard the expression in conf/base/sources/hidden.yml"
        " against such values (try_cast, try_divide, nullif) and ingest again (nothing of these batches was written;"
        " the other sources were ingested)"
    )
    rows = {name: rows_in(context, name) for name in ("bronze.broken", "quarantine.broken", "bronze.sound")}
    assert rows == {"bronze.broken": 0, "quarantine.broken": 0, "bronze.sound": 2}

    guarded = {"derive": {"hidden": {"as": "get(array(1), cast(wind_mph as int))", "type": "integer"}}}
    mended = open_context(tmp_path, {"broken": windy("quarantine"), "hidden": guarded, "sound": {}})
    assert ingest(mended) == IngestResult(
        (
            SourceIngest("broken", 0, 0, 0, 0, 2, 1, 1, 0),
            SourceIngest("hidden", 0, 0, 0, 0, 2, 2, 0, 0),
            SourceIngest("sound", 0, 0, 0, 0, 0, 0, 0, 0),
        )
    )


def test_an_expression_spark_can_not_read_is_a_mistake_of_the_project(spark: SparkSession, tmp_path: Path) -> None:
    context = open_context(tmp_path, {"wrong": {"event_ts": "observed_at(observed_ts)"}})
    with pytest.raises(ConfigError, match=r"(?s)conf/base/sources/wrong.yml:\d+: event_ts.*observed_at"):
        ingest(context)


def test_a_source_that_can_not_be_read_stops_no_other(spark: SparkSession, tmp_path: Path) -> None:
    context = open_context(tmp_path, {"absent": {}, "sound": {}})
    shutil.rmtree(context.config.landing_path(context.config.sources["absent"]))

    with pytest.raises(NotReadyError) as raised:
        ingest(context)

    assert (raised.value.subject, [each.name for each in raised.value.failures]) == ("source absent", ["landing"])
    assert raised.value.remedy.endswith("in the source's file (the other sources were ingested)")
    assert rows_in(context, "bronze.sound") == 2

    mended = open_context(tmp_path, {"absent": {}, "sound": {}})
    assert [each.rows_accepted for each in ingest(mended).sources] == [2, 0]


@pytest.mark.parametrize(
    ("stopped", "raised"),
    [
        ((NotReadyError,), NotReadyError),
        ((NotReadyError, NotReadyError), NotReadyError),
        ((NotReadyError, EnvironmentProblemError), EnvironmentProblemError),
        ((EnvironmentProblemError, ConflictError), ConflictError),
        ((ConflictError, DataContractError, NotReadyError), DataContractError),
        ((AccountingError, DataContractError), AccountingError),
    ],
)
def test_what_a_retry_does_not_mend_gives_the_exit_code(
    stopped: tuple[type[NotReadyError], ...], raised: type[NotReadyError]
) -> None:
    errors = [kind(f"source {i}", [Failure("what", f"{i}")], f"mend {i}") for i, kind in enumerate(stopped)]
    note = FileNote("sound", "b.csv", FileStatus.REFUSED, "empty")
    with pytest.raises(STOPPING) as found:
        raise_stopped(errors, [note], sources=len(errors))
    assert type(found.value) is raised
    names = ["what"] if len(errors) == 1 else [f"source {i}: what" for i in range(len(errors))]
    assert [each.name for each in found.value.failures] == [*names, "source sound: b.csv"]
    assert found.value.remedy == "; ".join(f"mend {i}" for i in range(len(errors)))  # there was no other source
