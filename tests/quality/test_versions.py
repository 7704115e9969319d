from __future__ import annotations

import random
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lakeloop.quality.rules import REASONS, judge_rows
from lakeloop.quality.typing import type_rows
from lakeloop.quality.uniqueness import CLASS
from lakeloop.quality.versions import classify, newest_versions, standing_versions
from tests.factories import Row, declare_source, frame, instant, rows_of, stage

AS_OF = instant("2014-06-01 00:00")
VERSIONS = declare_source(key=["origin"], mode="upsert", order_by="observed_ts")
BRONZE = "origin string, observed_ts timestamp, wind_mph double, available_ts timestamp"


def reading(origin: str | None, hour: int | str, wind: float | str | None) -> Row:
    at = f"2013-05-01T{hour:02}:00:00Z" if isinstance(hour, int) else hour
    return {"origin": origin, "observed_ts": at, "wind_mph": None if wind is None else str(wind)}


def version(origin: str, hour: int, wind: float | None, available: str = "2013-05-01 12:00") -> Row:
    at = instant(f"2013-05-01 {hour:02}:00")
    return {"origin": origin, "observed_ts": at, "wind_mph": wind, "available_ts": instant(available)}


def classified(spark: SparkSession, records: list[Row], before: DataFrame | None, source: Any = VERSIONS) -> DataFrame:
    return classify(judge_rows(type_rows(stage(spark, source, records), source, AS_OF), source), before, source)


def test_a_version_is_accepted_above_all_before_it_and_superseded_below(spark: SparkSession) -> None:
    before = frame(spark, BRONZE, [version("JFK", 9, 1.0), version("JFK", 10, 2.0), version("LGA", 9, None)])
    cases: list[tuple[Row, str]] = [
        (reading("EWR", 9, 1), "accepted"),
        (reading("EWR", 10, 1), "accepted"),
        (reading("EWR", 9, 7), "superseded"),
        (reading("EWR", 10, 1), "duplicate"),
        (reading("EWR", 10, 9), "quarantined"),  # which of the two is the version nobody knows
        (reading("EWR", 10, 9), "quarantined"),
        (reading("EWR", 9, 7), "superseded"),
        (reading("EWR", 9, 1), "duplicate"),
        (reading("JFK", 9, 1), "duplicate"),  # of an older version
        (reading("JFK", 10, 2), "duplicate"),
        (reading("JFK", 9, 5), "superseded"),
        (reading("JFK", 10, 5), "quarantined"),
        (reading("JFK", 11, 5), "accepted"),
        (reading("LGA", 9, None), "duplicate"),
        (reading("LGA", 9, 3), "quarantined"),
        (reading("SFO", "soon", 1), "quarantined"),
        (reading(None, 12, 1), "quarantined"),
    ]
    found = rows_of(classified(spark, [row for row, _ in cases], before), "_source_row")
    assert [row[CLASS] for row in found] == [kind for _, kind in cases]
    reasons = {row["_source_row"]: [each["rule"] for each in row[REASONS]] for row in found if row[REASONS]}
    assert reasons == {
        **{number: ["unique_version"] for number in (5, 6, 12, 15)},
        16: ["type_observed_ts", "event_ts", "available_ts", "order_by"],
        17: ["key_origin"],
    }


def test_batches_of_any_size_give_the_versions_that_one_gives(spark: SparkSession) -> None:
    drawn = random.Random(7)
    records = [reading(drawn.choice("ABC"), drawn.randint(0, 9), drawn.randint(1, 2)) for _ in range(60)]

    newest: dict[str, int] = {}
    accepted: set[tuple[str, int, str]] = set()
    expected = []
    for row in records:  # the law in plain words
        origin, hour, wind = row["origin"], int(row["observed_ts"][11:13]), row["wind_mph"]
        top = newest.get(origin, -1)
        if (origin, hour, wind) in accepted:
            expected.append("duplicate")
        elif hour != top:
            expected.append("accepted" if hour > top else "superseded")
        else:
            expected.append("quarantined")
        if expected[-1] == "accepted":
            newest[origin] = hour
            accepted.add((origin, hour, wind))

    numbered = [{**row, "_source_row": number} for number, row in enumerate(records, 1)]
    whole = rows_of(classified(spark, numbered, None), "_source_row")
    first = classified(spark, numbered[:25], None)
    kept = first.where(f"{CLASS} = 'accepted'")
    halves = rows_of(first, "_source_row") + rows_of(classified(spark, numbered[25:], kept), "_source_row")
    assert [row[CLASS] for row in whole] == [row[CLASS] for row in halves] == expected


def test_readers_take_the_newest_version_of_what_they_are_given(spark: SparkSession) -> None:
    ten, eleven, noon = (f"2013-05-01 {hour}:00" for hour in (10, 11, 12))
    bronze = frame(
        spark,
        BRONZE,
        [
            version("EWR", 1, 1.0, ten),
            version("EWR", 2, 2.0, eleven),
            version("EWR", 3, 3.0, eleven),
            version("JFK", 2, 5.0, ten),
            version("JFK", 1, 4.0, noon),  # overtaken when it became available
        ],
    )
    found = [(row["origin"], row["wind_mph"]) for row in rows_of(newest_versions(bronze, VERSIONS), "origin")]
    assert found == [("EWR", 3.0), ("JFK", 5.0)]
    early = bronze.where("available_ts < timestamp'2013-05-01 11:00:00Z'")
    assert [row["wind_mph"] for row in rows_of(newest_versions(early, VERSIONS), "origin")] == [1.0, 5.0]
    states = rows_of(standing_versions(bronze, VERSIONS), "origin", "available_ts")
    assert [row["wind_mph"] for row in states] == [1.0, 3.0, 5.0]


def test_local_readings_order_versions_and_stay_text(spark: SparkSession) -> None:
    columns = {"origin": {"type": "string"}, "at": {"type": "local_timestamp"}, "wind_mph": {"type": "double"}}
    source = declare_source(
        columns=columns,
        key=["origin", "at"],
        mode="upsert",
        order_by="wind_mph + unix_seconds(at)",
        event_ts="at",
        available_ts="at",
    )
    row = {"origin": "EWR", "at": "2013-05-01T10:00", "wind_mph": "1"}
    before = frame(
        spark,
        "origin string, at string, wind_mph double, available_ts timestamp",
        [{"origin": "EWR", "at": "2013-05-01T10:00", "wind_mph": wind, "available_ts": AS_OF} for wind in (1.0, 2.0)],
    )
    found = rows_of(
        classified(spark, [row, {**row, "wind_mph": "3"}, {**row, "wind_mph": "0"}], before, source), "wind_mph"
    )
    assert [each[CLASS] for each in found] == ["superseded", "duplicate", "accepted"]
    (newest,) = rows_of(newest_versions(before, source))
    assert (newest["at"], newest["wind_mph"]) == ("2013-05-01T10:00", 2.0)


def test_a_row_whose_ordering_value_cannot_be_computed_is_set_aside_alone(spark: SparkSession) -> None:
    source = declare_source(key=["origin"], mode="upsert", order_by="100 / wind_mph")
    before = frame(spark, BRONZE, [version("EWR", 9, 50.0), version("EWR", 10, 0.0)])  # of an older declaration
    records = [reading("EWR", 11, 25), reading("EWR", 12, 0), reading("JFK", 9, 0), reading("JFK", 10, 20)]
    found = rows_of(classified(spark, records, before, source), "_source_row")
    assert [row[CLASS] for row in found] == ["accepted", "quarantined", "quarantined", "accepted"]
    assert [[each["rule"] for each in row[REASONS]] for row in found] == [[], ["order_by"], ["order_by"], []]
    assert [row["wind_mph"] for row in rows_of(newest_versions(before, source))] == [50.0]
