"""What only Spark knows of declared expressions is told before the work, with the place and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakeloop.config.loading import load_config
from lakeloop.runs.expressions import find_mistakes
from tests.config.small_project import FILES, edited, line_of, write_project
from tests.config.wrong_project import DELAYS, MODEL, OUTCOMES, READINGS, SCHEDULES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

INSTANT, CONDITION = "an instant: a timestamp", "a condition: true or false"


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "got", "allowed"),
    [
        (
            SCHEDULES,
            "{rule: range, column: distance, min: 50}",
            "{rule: pattern, column: tailnum, matches: 'N\\p{Dgits}'}",
            "rules[1].matches",
            "which Java does not read",
            "a regular expression of Java",
        ),
        (OUTCOMES, "event_ts: coalesce(", "event_ts: colaesce(", "event_ts", "`colaesce`", "functions that Spark has"),
        (OUTCOMES, "event_ts: coalesce(arrival_ts", "event_ts: flight -- ", "event_ts", "of type int", INSTANT),
        (
            OUTCOMES,
            "available_ts: event_ts + interval 30 minutes",
            "available_ts: carrier",
            "available_ts",
            "string",
            INSTANT,
        ),
        (
            OUTCOMES,
            "as: delay_minutes >= 15, type",
            "as: array(flight), type",
            "derive.is_late.as",
            "DATATYPE_MISMATCH",
            "functions that Spark has, over values",
        ),
        (
            SCHEDULES,
            "that: distance > 0 or tailnum is null",
            "that: distance + 1",
            "rules[3].that",
            "type int",
            CONDITION,
        ),
        (
            READINGS,
            "as: wind_mph}",
            "as: \"named_struct('a', wind_mph)\"}",
            "attributes.wind_mph.as",
            "struct<",
            "a number",
        ),
        (
            READINGS,
            "as: wind_mph}",
            'as: "date(observed_ts)"}',
            "attributes.wind_mph.as",
            "of type date",
            "or an instant",
        ),
        (
            READINGS,
            "as: wind_mph}",
            'as: "cast(observed_ts as timestamp_ntz)"}',
            "attributes.wind_mph.as",
            "of type timestamp_ntz",
            "a number, a text",
        ),
        (
            READINGS,
            "as: wind_mph}",
            'as: "date_add(wind_mph, 1)"}',
            "attributes.wind_mph.as",
            "DATATYPE_MISMATCH",
            "values",
        ),
        (
            DELAYS,
            "as: [max], over: [1 day]}",
            "as: [max], over: [1 day], where: delay_minutes + 1}",
            "aggregate[1].where",
            "type int",
            CONDITION,
        ),
        (
            DELAYS,
            "of: delay_minutes, as: [max], over: [1 day]}",
            "rate: istrue(is_late), name: bad, over: [1 day]}",
            "aggregate[1].rate",
            "`istrue`",
            "functions that Spark has",
        ),
        (MODEL, "at: departure_ts - interval 2 hours", "at: distance", "predict.at", "of type int", INSTANT),
        (MODEL, "at: departure_ts - interval 2 hours", "at: departure_local", "predict.at", "of type string", INSTANT),
        (
            MODEL,
            "as: delay_minutes >= 15",
            "as: upper(carrier)",
            "label.as",
            "of type string",
            "true or false, or a number",
        ),
        (MODEL, "diverted: arrival_ts is null", "diverted: arrival_ts", "label.void.diverted", "timestamp", CONDITION),
    ],
)
def test_an_expression_that_spark_refuses_is_told_with_its_place(
    spark: SparkSession, tmp_path: Path, file: str, old: str, new: str, where: str, got: str, allowed: str
) -> None:
    changes = edited(file, old, new)
    (mistake,) = find_mistakes(spark, load_config(write_project(tmp_path, changes)))
    assert (mistake.file, mistake.line, mistake.where) == (file, line_of(changes, file, new), where)
    assert got in mistake.got
    assert allowed in mistake.allowed
    assert mistake.remedy


BUSY = "conf/base/features/busy.yml"


def busy(entity: str, key: str) -> dict[str, str]:
    """A project whose model looks up an SQL table."""
    statement = f"sql: select {key}, count(*) as n from outcomes group by all"
    words = ("feature_table: busy", f"entity: [{entity}]", "every: 1 hour", "needs: 1 day", statement)
    table = "\n".join([*words, "features: {n: {type: long}}", ""])
    return {BUSY: table, **edited(MODEL, "features: [", "features: [busy.*, ")}


@pytest.mark.parametrize(
    ("entity", "key", "at", "got", "asked"),
    [
        ("flight", "cast(flight as bigint) as flight", 0, "flight, which the statement gives as bigint", "int"),
        ("carrier, flight", "carrier, string(flight) as FLIGHT", 1, "the statement gives as string", "int"),
        ("carrier", "null as carrier", 0, "carrier, which the statement gives as void", "string"),
    ],
)
def test_a_key_of_another_type_than_in_the_spine_is_told_with_its_place(
    spark: SparkSession, tmp_path: Path, entity: str, key: str, at: int, got: str, asked: str
) -> None:
    """Spark would widen the types and join; in this process no row of another type is found."""
    (mistake,) = find_mistakes(spark, load_config(write_project(tmp_path, busy(entity, key))))
    assert (mistake.file, mistake.line, mistake.where) == (BUSY, 2, f"entity[{at}]")
    assert got in mistake.got
    assert mistake.allowed == f"the type it has in source schedules, whose rows look it up: {asked}"
    name = entity.split(", ")[at]
    assert mistake.remedy == f"cast it in the statement: cast({name} as {asked}) as {name}"


def test_a_key_of_the_spines_type_is_no_mistake_nor_is_any_that_no_model_looks_up(
    spark: SparkSession, tmp_path: Path
) -> None:
    fits = busy("carrier, flight", "carrier, int(string(flight)) as flight")
    assert find_mistakes(spark, load_config(write_project(tmp_path / "fits", fits))) == []
    apart = {BUSY: busy("flight", "bigint(flight) as flight")[BUSY]}
    assert find_mistakes(spark, load_config(write_project(tmp_path / "apart", apart))) == []


def test_all_of_a_project_are_told_in_one_go(spark: SparkSession, tmp_path: Path) -> None:
    model = FILES[MODEL].replace("diverted: arrival_ts is null", "diverted: arrival_ts, lost: losst(flight)")
    changes = {**edited(OUTCOMES, "event_ts: coalesce(", "event_ts: colaesce("), MODEL: model}
    found = find_mistakes(spark, load_config(write_project(tmp_path, changes)))
    assert [each.where for each in found] == ["event_ts", "label.void.diverted", "label.void.lost"]


def test_the_place_is_that_of_the_environment_where_it_wrote_the_expression(
    spark: SparkSession, tmp_path: Path
) -> None:
    over = "conf/night/models/late_arrival.yml"
    root = write_project(tmp_path, {over: "label: {as: upper(carrier)}\n"})
    (mistake,) = find_mistakes(spark, load_config(root, "night"))
    assert (mistake.file, mistake.line, mistake.where) == (over, 1, "label.as")


def test_null_and_dates_are_no_mistakes(spark: SparkSession, tmp_path: Path) -> None:
    changes = edited(READINGS, "as: wind_mph}", "as: 'null'}") | edited(
        OUTCOMES, "available_ts: event_ts + interval 30 minutes", "available_ts: date_add(event_ts, 1)"
    )
    assert find_mistakes(spark, load_config(write_project(tmp_path, changes))) == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("if(delay_minutes > 15, 'late', 'on_time')", None),
        ("delay_minutes", None),
        ("delay_minutes > 15", None),
        ("delay_minutes / 2", "of type double"),
        ("departure_ts", "of type timestamp"),
    ],
)
def test_a_class_is_a_text_a_whole_number_or_a_boolean(
    spark: SparkSession, tmp_path: Path, value: str, told: str | None
) -> None:
    text = FILES[MODEL].replace("model: late_arrival", "model: late_arrival\ntask: multiclass")
    text = text.replace("as: delay_minutes >= 15", f'as: "({value})"\n  classes: [on_time, late, cancelled]')
    mistakes = find_mistakes(spark, load_config(write_project(tmp_path, {MODEL: text})))
    assert [each.where for each in mistakes] == ([] if told is None else ["label.as"])
    assert all(told is not None and told in each.got for each in mistakes)
    assert all("a text, a whole number, or true or false" in each.allowed for each in mistakes)
