"""A side is timed only when its result is the expected one: what counts as that."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.agreement import compare

EXPECTED = pa.table({"id": [1, 2, 3], "value": [0.5, None, 2.0], "count": [7, 8, None], "word": ["a", None, "c"]})


def found(folder: Path, **changes: object) -> Path:
    """Write what was found: the expected rows with some columns changed."""
    columns = {name: EXPECTED.column(name) for name in EXPECTED.column_names} | changes
    pq.write_table(pa.table(columns), folder / "found.parquet")
    return folder / "found.parquet"


def test_rows_in_another_order_with_columns_nobody_asked_for_are_equal(tmp_path: Path) -> None:
    pq.write_table(EXPECTED.take([2, 0, 1]).append_column("more", pa.array([1, 2, 3])), tmp_path / "found.parquet")
    agreement = compare(tmp_path / "found.parquet", EXPECTED, ["id"])
    assert (agreement.is_equal, agreement.values, agreement.different) == (True, 9, 0)


@pytest.mark.parametrize(
    ("column", "values", "different"),
    [
        ("value", [0.5, None, 2.0 + 1e-10], 0),  # within rounding
        ("value", [0.5, None, 2.0 + 1e-7], 1),
        ("value", [0.5, 0.0, 2.0], 1),  # zero is not null
        ("value", [None, None, None], 2),
        ("value", [0.5, None, float("nan")], 1),
        ("count", [7, 9, None], 1),
        ("count", [7, 8, 0], 1),
        ("word", ["a", "", "c"], 1),
    ],
)
def test_every_value_that_differs_counts(tmp_path: Path, column: str, values: list[object], different: int) -> None:
    agreement = compare(found(tmp_path, **{column: pa.array(values)}), EXPECTED, ["id"])
    assert (agreement.different, agreement.is_equal) == (different, different == 0)


def test_other_rows_are_told_as_such(tmp_path: Path) -> None:
    fewer = tmp_path / "fewer.parquet"
    pq.write_table(EXPECTED.slice(0, 2), fewer)
    assert compare(fewer, EXPECTED, ["id"]).describe() == "2 rows, expected 3"
    assert compare(found(tmp_path, id=pa.array([1, 2, 2])), EXPECTED, ["id"]).describe() == "other values of id"
    assert compare(fewer, EXPECTED.append_column("f", pa.array([1, 2, 3])), ["id"]).describe() == "no column f"


def test_nothing_compared_is_not_equal(tmp_path: Path) -> None:
    none = EXPECTED.slice(0, 0)
    pq.write_table(none, tmp_path / "found.parquet")
    assert not compare(tmp_path / "found.parquet", none, ["id"]).is_equal
