"""Batches of a stream that were handed over by a run over Connect, and taken by whoever comes next."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakeloop.micro_batches import _hand_over, _take_handed, run_batches


def _write(folder: Path, name: str, *lines: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(f"{json.dumps(each)}\n" for each in lines), encoding="utf-8")


def _stream(spark: SparkSession, folder: Path, schema: str = "`my key` long, word string") -> DataFrame:
    return spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).json(str(folder))


def _into(taken: list[tuple[int, list[tuple[Any, ...]]]]) -> Callable[[DataFrame, int], None]:
    return lambda rows, number: taken.append((number, [tuple(row) for row in rows.collect()]))


@pytest.fixture
def landed(spark: SparkSession, tmp_path: Path) -> Path:
    _write(tmp_path / "in", "a.json", {"my key": 1, "word": "one"})
    return tmp_path


def test_batches_that_are_handed_over_are_those_of_a_classic_run(spark: SparkSession, landed: Path) -> None:
    _write(landed / "in", "b.json", {"my key": 2, "word": None})
    handed: list[tuple[int, list[tuple[Any, ...]]]] = []
    called: list[tuple[int, list[tuple[Any, ...]]]] = []
    _hand_over(_stream(spark, landed / "in"), landed / "handed", "lines")
    _take_handed(_stream(spark, landed / "in"), landed / "handed", _into(handed))
    run_batches(_stream(spark, landed / "in"), landed / "called", _into(called))
    assert sorted(row for _, rows in handed for row in rows) == [(1, "one"), (2, None)]
    assert [number for number, _ in handed] == [number for number, _ in called] == [0, 1]
    assert dict(handed) == dict(called)
    assert not (landed / "handed" / "handed").exists()


def test_what_was_handed_over_and_not_taken_comes_first_whatever_the_session_is(
    spark: SparkSession, landed: Path
) -> None:
    _hand_over(_stream(spark, landed / "in"), landed / "c", None)
    _write(landed / "in", "b.json", {"my key": 2, "word": "two"})

    def fail(_: DataFrame, number: int) -> None:
        raise ValueError(f"batch {number}")

    with pytest.raises(ValueError, match="batch 0"):
        run_batches(_stream(spark, landed / "in"), landed / "c", fail)
    taken: list[tuple[int, list[tuple[Any, ...]]]] = []
    run_batches(_stream(spark, landed / "in"), landed / "c", _into(taken))
    assert taken == [(0, [(1, "one")]), (1, [(2, "two")])]
    run_batches(_stream(spark, landed / "in"), landed / "c", _into(taken))
    assert len(taken) == 2, "a second run has nothing to do"


def test_what_was_taken_before_the_process_ended_is_not_taken_again(spark: SparkSession, landed: Path) -> None:
    _write(landed / "in", "b.json", {"my key": 2, "word": "two"})
    _hand_over(_stream(spark, landed / "in"), landed / "c", None)
    taken: list[tuple[int, list[tuple[Any, ...]]]] = []

    def stop_at_one(rows: DataFrame, number: int) -> None:
        if number == 1:
            raise KeyboardInterrupt
        _into(taken)(rows, number)

    with pytest.raises(KeyboardInterrupt):
        _take_handed(_stream(spark, landed / "in"), landed / "c", stop_at_one)
    _take_handed(_stream(spark, landed / "in"), landed / "c", _into(taken))
    assert [number for number, _ in taken] == [0, 1]


def test_a_batch_is_read_by_the_columns_that_the_stream_has_now(spark: SparkSession, landed: Path) -> None:
    _hand_over(_stream(spark, landed / "in"), landed / "c", None)
    taken: list[tuple[int, list[tuple[Any, ...]]]] = []
    now = _stream(spark, landed / "in", "new double, word string, `my key` string")
    _take_handed(now, landed / "c", _into(taken))
    assert taken == [(0, [(None, "one", "1")])]


def test_without_rows_nothing_is_handed_over(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    _hand_over(_stream(spark, tmp_path / "in"), tmp_path / "c", None)
    taken: list[tuple[int, list[tuple[Any, ...]]]] = []
    _take_handed(_stream(spark, tmp_path / "in"), tmp_path / "c", _into(taken))
    assert taken == []
    assert not (tmp_path / "c" / "handed").exists()
