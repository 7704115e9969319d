from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakeloop.config.source import Source
from lakeloop.quality.rules import BROKEN, REASONS, WARNINGS, judge_rows, row_rules
from lakeloop.quality.typing import type_rows
from lakeloop.quality.uniqueness import ACCEPTED, CLASS, DUPLICATE, QUARANTINED, classify_rows, unique_keys
from tests.factories import Row, declare_source, frame, instant, make_reading, rows_of, stage

INGEST = instant("2013-06-01 00:00")
RULES: list[dict[str, Any]] = [
    {"rule": "not_null", "columns": ["wind_mph", "gust"]},
    {"rule": "range", "column": "wind_mph", "min": 0, "max": 100},
    {"rule": "range", "column": "gust", "min": 0},
    {"rule": "range", "column": "humidity", "max": 1, "severity": "warn"},
    {"rule": "allowed", "column": "origin", "values": ["EWR", "JFK"], "severity": "fail"},
    {"rule": "allowed", "column": "is_manual", "values": ["true"], "severity": "warn"},
    {"rule": "pattern", "column": "note", "matches": "N(?:\\d|'b')|x|", "severity": "warn"},
    {"rule": "expression", "name": "gust_above_wind", "that": "gust >= wind_mph"},
    {
        "rule": "expression",
        "name": "early",
        "that": "observed_ts < timestamp '2014-01-01T00:00:00Z'",
        "severity": "fail",
    },
]
SOURCE = declare_source(
    columns={
        "origin": {"type": "string"},
        "observed_ts": {"type": "timestamp"},
        "wind_mph": {"type": "double"},
        "gust": {"type": "double"},
        "humidity": {"type": "double"},
        "is_manual": {"type": "boolean"},
        "note": {"type": "string"},
    },
    rules=RULES,
)


def record(**changes: Any) -> Row:
    return make_reading(wind_mph="5.5", gust="10", humidity="0.5", is_manual="true", note="") | changes


MALFORMED = dict.fromkeys(SOURCE.columns) | {"_malformed": "EWR,1"}
# A record, and the rules it breaks: those that reject it, those that only warn, those that stop the batch.
JUDGED: dict[str, tuple[Row, list[str], list[str], list[str]]] = {
    "sound": (record(), [], [], []),
    "the bounds are included": (record(wind_mph="0", gust="100"), [], [], []),
    "the upper bound": (record(wind_mph="100", gust="100", humidity="1"), [], [], []),
    "below the lower bound": (record(wind_mph="-0.1"), ["range_wind_mph"], [], []),
    "above the upper bound": (record(wind_mph="100.1", gust="200"), ["range_wind_mph"], [], []),
    "NaN is in no range": (record(wind_mph="NaN", gust="NaN"), ["range_wind_mph", "range_gust"], [], []),
    "NaN is below no maximum": (record(humidity="NaN"), [], ["range_humidity"], []),
    "infinity": (record(wind_mph="Infinity", gust="Infinity"), ["range_wind_mph"], [], []),
    "missing": (record(gust=None), ["not_null_gust"], [], []),
    "all missing that may be": (record(humidity=None, is_manual=None, note=None), [], [], []),
    "a warning": (record(humidity="2", is_manual="false"), [], ["range_humidity", "allowed_is_manual"], []),
    "not allowed, and the batch fails": (record(origin="LGA"), ["allowed_origin"], [], ["allowed_origin"]),
    "an expression": (record(gust="5"), ["gust_above_wind"], [], []),
    "an expression that fails the batch": (record(observed_ts="2014-01-01T00:00:00Z"), ["early"], [], ["early"]),
    "a pattern": (record(note="N7"), [], [], []),
    "a pattern with quotes": (record(note="N'b'"), [], [], []),
    "another branch of the pattern": (record(note="x"), [], [], []),
    "more before the pattern": (record(note="xN7"), [], ["pattern_note"], []),
    "more after the pattern": (record(note="N7x"), [], ["pattern_note"], []),
    "a line break after the pattern": (record(note="N7\n"), [], ["pattern_note"], []),
    "unreadable": (record(humidity="wet"), ["type_humidity"], [], []),
    "unreadable where it must not be missing": (record(gust="much"), ["type_gust", "not_null_gust"], [], []),
    "a key is missing": (record(origin=None), ["key_origin"], [], []),
    "no time": (
        record(observed_ts="ten"),
        ["type_observed_ts", "key_observed_ts", "event_ts", "available_ts"],
        [],
        [],
    ),
    "every broken rule": (
        record(wind_mph="-1", gust="-2", humidity="2", origin="LGA"),
        ["range_wind_mph", "range_gust", "allowed_origin", "gust_above_wind"],
        ["range_humidity"],
        ["allowed_origin"],
    ),
    "malformed": (
        MALFORMED,
        [
            "malformed",
            "key_origin",
            "key_observed_ts",
            "event_ts",
            "available_ts",
            "not_null_wind_mph",
            "not_null_gust",
        ],
        [],
        [],
    ),
}


@pytest.fixture(scope="module")
def judged(zoned: SparkSession) -> list[Row]:
    """All records in one frame."""
    records = [each for each, _, _, _ in JUDGED.values()]
    return rows_of(judge_rows(type_rows(stage(zoned, SOURCE, records), SOURCE, INGEST), SOURCE), "_source_row")


@pytest.mark.parametrize("name", JUDGED)
def test_judge_rows_names_every_rule_a_row_broke(judged: list[Row], name: str) -> None:
    row = judged[list(JUDGED).index(name)]
    _, rejecting, warnings, failing = JUDGED[name]
    assert [reason["rule"] for reason in row[REASONS]] == rejecting
    assert (row[WARNINGS], row[BROKEN]) == (warnings, failing)


def test_judge_rows_gives_reasons_with_column_and_message_but_no_value(judged: list[Row]) -> None:
    row = judged[list(JUDGED).index("every broken rule")]
    assert row[REASONS] == [
        {"rule": "range_wind_mph", "column": "wind_mph", "message": "is outside 0.0 to 100.0"},
        {"rule": "range_gust", "column": "gust", "message": "is outside 0.0 to inf"},
        {"rule": "allowed_origin", "column": "origin", "message": "is not one of the allowed values"},
        {"rule": "gust_above_wind", "column": "", "message": "does not hold: gust >= wind_mph"},
    ]


def test_judge_rows_of_no_rows_has_the_columns(spark: SparkSession) -> None:
    found = judge_rows(type_rows(stage(spark, SOURCE, []), SOURCE, INGEST), SOURCE)
    assert dict(found.dtypes).keys() >= {REASONS, WARNINGS, BROKEN}
    assert rows_of(found) == []


def test_row_rules_come_in_the_order_of_judgement(spark: SparkSession) -> None:
    source = declare_source(
        rules=[{"rule": "unique", "columns": ["wind_mph"]}, {"rule": "not_null", "columns": ["wind_mph"]}]
    )
    assert [rule.name for rule in row_rules(source)] == [
        "malformed",
        "type_origin",
        "type_observed_ts",
        "type_wind_mph",
        "key_origin",
        "key_observed_ts",
        "event_ts",
        "available_ts",
        "not_null_wind_mph",
    ]
    assert unique_keys(source) == [("unique_key", ("origin", "observed_ts")), ("unique_wind_mph", ("wind_mph",))]


# --- uniqueness ------------------------------------------------------------------------------------------------------


def classify(
    spark: SparkSession, records: Sequence[Row], earlier: Sequence[Row] = (), source: Source | None = None
) -> list[tuple[str, list[str]]]:
    """Class and broken rules of each record, in order; earlier records went through before, as a batch of their own."""
    declared = source or declare_source()

    def judge(records: Sequence[Row], before: DataFrame | None) -> DataFrame:
        typed = type_rows(stage(spark, declared, records), declared, INGEST)
        return classify_rows(judge_rows(typed, declared), before, declared)

    accepted = judge(earlier, None).where(f"{CLASS} = '{ACCEPTED}'") if earlier else None
    found = rows_of(judge(records, accepted), "_source_row")
    return [(row[CLASS], [reason["rule"] for reason in row[REASONS]]) for row in found]


NINE, TEN, ELEVEN = (f"2013-05-01T{hour}:00:00Z" for hour in ("09", "10", "11"))
Judgement = tuple[str, list[str]]  # class, broken rules
ACCEPT: Judgement = (ACCEPTED, [])
REPEAT: Judgement = (DUPLICATE, [])
CONFLICT: Judgement = (QUARANTINED, ["unique_key"])


def test_classify_rows_within_a_batch(spark: SparkSession) -> None:
    found = classify(
        spark,
        [
            make_reading(observed_ts=NINE, wind_mph="1"),
            make_reading(observed_ts=NINE, wind_mph="1"),
            make_reading(observed_ts=NINE, wind_mph="1.0"),  # the same number in another text
            make_reading(observed_ts="2013-05-01T05:00:00-04:00", wind_mph="1"),  # the same instant
            make_reading(observed_ts=NINE, wind_mph="2"),
            make_reading(observed_ts=NINE, wind_mph=None),
            make_reading(observed_ts=TEN, wind_mph=None),
            make_reading(observed_ts=TEN, wind_mph=None),  # equal in what is missing
            make_reading(observed_ts=TEN, wind_mph="strong"),  # broken anyway: neither duplicate nor conflict
            make_reading(observed_ts=ELEVEN, wind_mph="strong"),
            make_reading(observed_ts=ELEVEN, wind_mph="3"),  # the first that is sound
            make_reading(observed_ts=ELEVEN, wind_mph="3"),
            make_reading(origin=None, observed_ts=NINE),  # without a key there is no repetition
            make_reading(origin=None, observed_ts=NINE),
            make_reading(origin="JFK", observed_ts=NINE, wind_mph="NaN"),
            make_reading(origin="JFK", observed_ts=NINE, wind_mph="NaN"),
        ],
    )
    unreadable, keyless = (QUARANTINED, ["type_wind_mph"]), (QUARANTINED, ["key_origin"])
    assert found == [
        *(ACCEPT, REPEAT, REPEAT, REPEAT, CONFLICT, CONFLICT),
        *(ACCEPT, REPEAT, unreadable),
        *(unreadable, ACCEPT, REPEAT),
        *(keyless, keyless),
        *(ACCEPT, REPEAT),
    ]


def test_classify_rows_against_earlier_batches(zoned: SparkSession) -> None:
    earlier = [
        make_reading(observed_ts=NINE, wind_mph="1"),
        make_reading(observed_ts=TEN, wind_mph=None),
        make_reading(observed_ts=ELEVEN, wind_mph="strong"),  # quarantined: takes no key
    ]
    found = classify(
        zoned,
        [
            make_reading(observed_ts=NINE, wind_mph="1"),
            make_reading(observed_ts=NINE, wind_mph="2"),
            make_reading(observed_ts=NINE, wind_mph="2"),
            make_reading(observed_ts=TEN, wind_mph=None),
            make_reading(observed_ts=TEN, wind_mph="2"),
            make_reading(observed_ts=ELEVEN, wind_mph="3"),
            make_reading(origin="JFK", observed_ts=NINE, wind_mph="1"),
        ],
        earlier,
    )
    assert found == [REPEAT, CONFLICT, CONFLICT, REPEAT, CONFLICT, ACCEPT, ACCEPT]


def test_classify_rows_never_multiplies_a_row_whose_key_several_accepted_rows_have(spark: SparkSession) -> None:
    source, records = declare_source(key=["origin"]), [make_reading(), make_reading(origin="JFK")]
    columns = "origin string, observed_ts timestamp, wind_mph double"
    at = instant("2013-05-01 10:00")
    before = frame(
        spark, columns, [{"origin": "EWR", "observed_ts": at, "wind_mph": wind} for wind in (7.0, 5.5, None)]
    )
    judged = judge_rows(type_rows(stage(spark, source, records), source, INGEST), source)
    found = rows_of(classify_rows(judged, before, source), "_source_row")
    assert [(row["origin"], row[CLASS]) for row in found] == [("EWR", QUARANTINED), ("JFK", ACCEPTED)]


def test_classify_rows_goes_by_file_and_record_whatever_the_order_of_reading(spark: SparkSession) -> None:
    found = classify(
        spark,
        [
            make_reading(wind_mph="2", _source_file="b.csv", _source_row=1),
            make_reading(wind_mph="1", _source_file="a.csv", _source_row=20),
            make_reading(wind_mph="3", _source_file="a.csv", _source_row=3),
        ],
    )
    # In order of their numbers: b.csv 1, a.csv 3, a.csv 20.
    assert found == [CONFLICT, ACCEPT, CONFLICT]


def test_classify_rows_holds_declared_uniqueness_within_and_across_batches(spark: SparkSession) -> None:
    source = declare_source(rules=[{"rule": "unique", "columns": ["wind_mph"]}])
    found = classify(
        spark,
        [
            make_reading(origin="SFO", wind_mph="1"),  # taken in an earlier batch
            make_reading(origin="BOS", wind_mph="2"),
            make_reading(observed_ts=ELEVEN, wind_mph="2"),  # taken in this one
            make_reading(observed_ts=NINE, wind_mph="1"),  # the earlier row once more
            make_reading(observed_ts=NINE, wind_mph="2"),  # breaks both
            make_reading(origin="JFK", wind_mph=None),  # a missing value is taken by nobody
            make_reading(origin="LGA", wind_mph=None),
        ],
        [make_reading(observed_ts=NINE, wind_mph="1"), make_reading(origin="PHL", wind_mph=None)],
        source,
    )
    taken = (QUARANTINED, ["unique_wind_mph"])
    assert found == [taken, ACCEPT, taken, REPEAT, (QUARANTINED, ["unique_key", "unique_wind_mph"]), ACCEPT, ACCEPT]


def test_classify_rows_knows_a_local_reading_by_its_text_and_its_key_by_its_time(zoned: SparkSession) -> None:
    source = declare_source(
        columns={
            "origin": {"type": "string"},
            "observed_ts": {"type": "local_timestamp"},
            "wind_mph": {"type": "double"},
        }
    )
    typed = type_rows(stage(zoned, source, [make_reading(observed_ts="2013-05-01 10:00:00")]), source, INGEST)
    # In bronze the reading is the text that landed.
    bronze = typed.withColumn("observed_ts", typed["_raw.observed_ts"]).select("origin", "observed_ts", "wind_mph")
    records = [
        make_reading(observed_ts="2013-05-01 10:00:00"),
        make_reading(observed_ts="2013-05-01 10:00:00", wind_mph="6"),
        make_reading(observed_ts="2013-05-01 14:00:00"),
    ]
    judged = judge_rows(type_rows(stage(zoned, source, records), source, INGEST), source)
    found = rows_of(classify_rows(judged, bronze, source), "_source_row")
    assert [row[CLASS] for row in found] == [DUPLICATE, QUARANTINED, ACCEPTED]


def test_classify_rows_of_no_rows_has_the_class(spark: SparkSession) -> None:
    assert classify(spark, []) == []
    assert classify(spark, [], [make_reading()]) == []


def test_all_rules_of_a_source_are_judged_over_one_scan(spark: SparkSession, tmp_path: Path) -> None:
    source = declare_source(rules=[{"rule": "range", "column": "wind_mph", "min": 0}, *RULES[4:5]])
    stage(spark, source, [make_reading()]).write.parquet(str(tmp_path / "staged"))
    typed = type_rows(spark.read.parquet(str(tmp_path / "staged")), source, INGEST)
    classified = classify_rows(judge_rows(typed, source), None, source)
    plan = classified._jdf.queryExecution().executedPlan().toString()  # the plan as text, as EXPLAIN prints it
    assert (plan.count("FileScan parquet"), plan.count("Join"), plan.count("Union")) == (1, 0, 0)


def test_reasons_have_the_type_of_the_quarantine_table(spark: SparkSession) -> None:
    source = declare_source()
    judged = judge_rows(type_rows(stage(spark, source, [make_reading()]), source, INGEST), source)
    found = classify_rows(judged, frame(spark, "origin string, observed_ts timestamp, wind_mph double", []), source)
    assert dict(found.dtypes)[REASONS] == "array<struct<rule:string,column:string,message:string>>"
    assert dict(found.dtypes)[WARNINGS] == dict(found.dtypes)[BROKEN] == "array<string>"
