"""JSON lines and Parquet: what is admitted, how its values are written, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config.source import Source
from lakeloop.landing import MALFORMED, UNKNOWN, LandedFile, admit_files
from lakeloop.landing.json_lines import _take_apart
from lakeloop.landing.parquet_rows import _as_text
from tests.factories import declare_source
from tests.landing.port import ADMITTED, REFUSED, TEN, hash_of

ROW: dict[str, Any] = {"origin": "EWR", "observed_ts": TEN, "wind_mph": 5.5}


@dataclass(frozen=True)
class Landed:
    file: LandedFile
    rows: list[dict[str, Any]]


def declare(kind: str, **landing: Any) -> Source:
    return declare_source(landing={"path": "landing", "format": kind, "pattern": "a.*", **landing})


def admit(folder: Path, source: Source, content: bytes, name: str = "a.x") -> Landed:
    """Let one file land and admit it; rows as they are staged, without where they came from."""
    (folder / "landing").mkdir()
    (folder / "landing" / name).write_bytes(content)
    (file,) = admit_files(source, folder / "landing", folder / "staging", [])
    staged = folder / "staging" / f"{hash_of(content)}.parquet"
    rows = pq.read_table(staged).to_pylist() if staged.exists() else []
    assert [row["_source_row"] for row in rows] == list(range(1, len(rows) + 1))
    return Landed(file, [{name: row.get(name) for name in (*source.columns, MALFORMED, UNKNOWN)} for row in rows])


def staged(*values: str | None, malformed: str | None = None, unknown: Any = None) -> dict[str, Any]:
    texts = dict(zip(("origin", "observed_ts", "wind_mph"), values or (None, None, None), strict=True))
    return {**texts, MALFORMED: malformed, UNKNOWN: unknown}


def lines(*records: Mapping[str, Any] | str) -> bytes:
    return "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in records).encode()


def parquet(columns: Mapping[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink)
    return sink.getvalue()


# --- JSON lines ------------------------------------------------------------------------------------------------------


def test_json_lines_are_staged_by_name_and_a_bad_line_is_one_malformed_record(tmp_path: Path) -> None:
    content = lines(
        ROW,
        "",
        {"wind_mph": "NA", "observed_ts": None, "origin": ""},
        '{"origin": "EWR", "observed_ts": ',
        "[1, 2]",
        '{"origin": "EWR", "origin": "JFK"}',
        {"origin": "Zürich ✈"},
    )
    found = admit(tmp_path, declare("json"), content)
    assert (found.file.status, found.file.raw_rows) == (ADMITTED, 6)
    assert found.rows == [
        staged("EWR", TEN, "5.5"),
        staged("", None, "NA"),  # JSON has a null of its own
        staged(malformed='{"origin": "EWR", "observed_ts":'),
        staged(malformed="[1, 2]"),
        staged(malformed='{"origin": "EWR", "origin": "JFK"}'),
        staged("Zürich ✈", None, None),
    ]


def test_json_lines_may_be_packed_and_declare_texts_that_stand_for_null(tmp_path: Path) -> None:
    source = declare("json", null_values=["NA"], pattern="a.*")
    found = admit(tmp_path, source, gzip.compress(lines({**ROW, "wind_mph": "NA"})), "a.jsonl.gz")
    assert found.rows == [staged("EWR", TEN, None)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty: not one record"),
        (b"\n\n", "the file is empty: not one record"),
        (b'[{"origin": 1},\n', "a JSON array: deliver one object per line"),
        (lines({"origin": "EWR", "wind_mph": 1}), "columns missing: observed_ts"),
        (lines(ROW, {**ROW, "gust": 1}), "columns not declared: gust"),
        (lines(ROW)[:-1] + b'\n{"origin": "\xff"}', "not UTF-8 text at byte"),
    ],
)
def test_json_lines_of_other_columns_or_without_records_are_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    found = admit(tmp_path, declare("json"), content)
    assert (found.file.status, found.rows) == (REFUSED, [])
    assert reason in (found.file.reason or "")


def test_json_of_malformed_lines_alone_is_admitted_as_malformed_records(tmp_path: Path) -> None:
    assert admit(tmp_path, declare("json"), b"oops\n7\n").rows == [staged(malformed="oops"), staged(malformed="7")]


JSON_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.dictionaries(st.text(), JSON_VALUES | st.lists(JSON_VALUES, max_size=3)))
def test_json_values_are_kept_as_written(record: dict[str, Any]) -> None:
    found = _take_apart(json.dumps(record))
    assert found is not None
    assert set(found) == set(record)
    for name, value in record.items():
        text = found[name]
        if value is None or isinstance(value, str):
            assert text == value
        else:
            assert text is not None
            assert json.loads(text) == value


# --- Parquet ---------------------------------------------------------------------------------------------------------


def test_parquet_is_staged_by_name_and_null_stays_null(tmp_path: Path) -> None:
    columns = {
        "wind_mph": pa.array([5.5, None]),
        "observed_ts": pa.array([datetime(2013, 5, 1, 10, tzinfo=UTC), None]),
        "origin": pa.array(["NA", ""]).dictionary_encode(),
    }
    found = admit(tmp_path, declare("parquet"), parquet(columns))
    assert (found.file.status, found.file.raw_rows) == (ADMITTED, 2)
    assert found.rows == [staged("NA", "2013-05-01T10:00:00.000000Z", "5.5"), staged("", None, None)]


def test_parquet_without_a_row_is_admitted(tmp_path: Path) -> None:
    columns = {name: pa.array([], pa.string()) for name in ROW}
    assert admit(tmp_path, declare("parquet"), parquet(columns)).file.status is ADMITTED


WHOLE = parquet({name: [str(value)] * 100 for name, value in ROW.items()})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "unreadable as Parquet"),
        (WHOLE[:-40], "unreadable as Parquet"),
        (WHOLE[:20] + b"\xff" * 60 + WHOLE[80:], "unreadable as Parquet"),
        (b"origin,observed_ts,wind_mph\n", "unreadable as Parquet"),
        (parquet({"origin": ["EWR"], "wind_mph": [1]}), "columns missing: observed_ts"),
        (parquet({**{name: ["1"] for name in ROW}, "gust": [1]}), "columns not declared: gust"),
        (parquet({**{name: ["1"] for name in ROW}, "wind_mph": [[1]]}), "no single value: wind_mph (list"),
    ],
)
def test_parquet_that_is_none_or_of_other_columns_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    found = admit(tmp_path, declare("parquet"), content)
    assert (found.file.status, found.rows) == (REFUSED, [])
    assert reason in (found.file.reason or "")


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([2**63 - 1, -1, None]), ["9223372036854775807", "-1", None]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([1e300, -0.0, math.nan, math.inf]), ["1e+300", "-0.0", "nan", "inf"]),
        (pa.array([0.5], pa.float32()), ["0.5"]),
        (pa.array([Decimal("1.50"), Decimal("-1234567.00")]), ["1.50", "-1234567.00"]),
        (pa.array([date(1, 1, 1), date(9999, 12, 31)]), ["0001-01-01", "9999-12-31"]),
        (pa.array([datetime(1969, 12, 31, 23, 59, 59, 1, UTC).replace(tzinfo=None)]), ["1969-12-31T23:59:59.000001"]),
        (pa.array([1], pa.timestamp("s", "Asia/Tokyo")), ["1970-01-01T00:00:01Z"]),
        (pa.array([None, None]), [None, None]),
        (pa.array(["NA", " 7 "], pa.large_string()), ["NA", " 7 "]),
    ],
    ids=str,
)
def test_parquet_values_are_written_so_that_they_can_be_read_again(values: pa.Array, texts: list[str | None]) -> None:
    assert _as_text(values, frozenset()) == texts


@given(st.lists(st.floats() | st.none()))
def test_parquet_doubles_lose_nothing(numbers: list[float | None]) -> None:
    texts = _as_text(pa.array(numbers, pa.float64()), frozenset())
    back = [None if each is None else float(each) for each in texts]
    assert pa.array(back, pa.float64()).equals(pa.array(numbers, pa.float64())) or any(
        each is not None and math.isnan(each) for each in numbers
    )


# --- columns that differ ---------------------------------------------------------------------------------------------

CSV_MORE = f"wind_mph,gust,origin,observed_ts\n5.5,9,EWR,{TEN}\n5.5,,EWR,{TEN}\n5\n".encode()
CSV_LESS = f"origin,observed_ts\nEWR,{TEN}\n".encode()
PARQUET_MORE = parquet({"origin": ["EWR"], "observed_ts": [TEN], "wind_mph": [5.5], "gust": [9]})
PARQUET_LESS = parquet({"origin": ["EWR"], "observed_ts": [TEN]})
JSON_MORE = lines(ROW, {**ROW, "gust": 9})
JSON_LESS = lines({"origin": "EWR", "observed_ts": TEN})
PLAIN, WITH_GUST = staged("EWR", TEN, "5.5"), staged("EWR", TEN, "5.5", unknown=[("gust", "9")])


@pytest.mark.parametrize("policy", ["ignore", "add_nullable", "quarantine"])
@pytest.mark.parametrize(
    ("kind", "content", "rows"),
    [
        ("csv", CSV_MORE, [WITH_GUST, staged("EWR", TEN, "5.5", unknown=[("gust", None)]), staged(malformed="5")]),
        ("json", JSON_MORE, [PLAIN, WITH_GUST]),
        ("parquet", PARQUET_MORE, [WITH_GUST]),
    ],
)
def test_new_columns_are_kept_beside_the_declared_ones_or_left_out(
    tmp_path: Path, kind: str, content: bytes, rows: list[dict[str, Any]], policy: str
) -> None:
    kept = policy != "ignore"
    found = admit(tmp_path, declare(kind, new_columns=policy), content)
    assert found.file.status is ADMITTED
    assert found.rows == [row if kept else {**row, UNKNOWN: None} for row in rows]


@pytest.mark.parametrize(
    ("kind", "content"), [("csv", CSV_LESS), ("json", JSON_LESS), ("parquet", PARQUET_LESS)], ids=str
)
def test_missing_columns_are_null_where_that_is_declared(tmp_path: Path, kind: str, content: bytes) -> None:
    found = admit(tmp_path, declare(kind, missing_columns="null"), content)
    assert found.rows == [staged("EWR", TEN, None)]


@pytest.mark.parametrize(
    ("landing", "header", "reason"),
    [
        ({"missing_columns": "null"}, "gust", "the first line names no declared column"),
        ({"new_columns": "ignore"}, "origin,gust", "columns missing: observed_ts, wind_mph"),
        ({"new_columns": "ignore"}, "origin,observed_ts,wind_mph,gust,gust", "columns repeated: gust"),
        ({"missing_columns": "null"}, "origin,gust", "columns not declared: gust"),
        ({"new_columns": "add_nullable"}, "origin,observed_ts,wind_mph,Gust", "can't be added to bronze: 'Gust'"),
        ({"new_columns": "add_nullable"}, "origin,observed_ts,wind_mph,event_ts", "can't be added to bronze"),
        ({"new_columns": "add_nullable"}, "origin,observed_ts,wind_mph,_x", "can't be added to bronze: '_x'"),
        ({"new_columns": "quarantine"}, "origin,observed_ts,wind_mph,", "can't be added to bronze: ''"),
        (
            {"new_columns": "add_nullable"},
            "origin,observed_ts,wind_mph," + ",".join(f"c{number}" for number in range(101)),
            "101 columns not declared, at most 100 are taken",
        ),
    ],
)
def test_columns_that_no_policy_takes_are_refused(
    tmp_path: Path, landing: dict[str, str], header: str, reason: str
) -> None:
    found = admit(tmp_path, declare("csv", **landing), f"{header}\n".encode())
    assert found.file.status is REFUSED
    assert reason in (found.file.reason or "")


NAMES = {"Wind, mph": "wind_mph", "Airport": "origin"}
OTHERS = {"Airport": "EWR", "observed_ts": TEN, "Wind, mph": "5.5"}


def content_of(kind: str) -> bytes:
    if kind == "csv":
        return f'observed_ts, Airport ,"Wind, mph"\n{TEN},EWR,5.5\n'.encode()
    if kind == "json":
        return lines(OTHERS)
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: [value] for name, value in OTHERS.items()}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_file_may_call_a_column_what_is_declared(tmp_path: Path, kind: str) -> None:
    landed = admit(tmp_path, declare(kind, names=NAMES), content_of(kind))
    assert (landed.file.status, landed.rows) == (ADMITTED, [staged("EWR", TEN, "5.5")])


def test_a_column_under_both_names_is_refused_and_such_an_object_malformed(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    csv = admit(
        tmp_path / "csv", declare("csv", names=NAMES), f"origin,Airport,observed_ts,wind_mph\nJ,E,{TEN},1\n".encode()
    )
    assert (csv.file.status, csv.file.reason) == (REFUSED, "columns repeated: origin")
    (tmp_path / "json").mkdir()
    both = json.dumps({**OTHERS, "origin": "JFK"})
    landed = admit(tmp_path / "json", declare("json", names=NAMES), lines(OTHERS, both))
    assert landed.rows == [staged("EWR", TEN, "5.5"), staged(malformed=both)]
