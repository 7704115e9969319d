"""One write is made once by several processes: whenever the other's commit lands, one of them is dropped."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql.types import StructType

from lakeloop.schemas import TEXT, column
from lakeloop.tables import WriteIdentity, in_process
from lakeloop.tables.commits import write_metadata
from lakeloop.tables.integrity import Head, find_damage

SHOPS = StructType([column("shop", TEXT, "the shop"), column("clerk", TEXT, "who wrote it")])


def append_row(path: str, clerk: str) -> None:
    said = write_metadata("write 1", WriteIdentity("shops", "1"), None)
    in_process.append_rows(path, SHOPS, [{"shop": "A", "clerk": clerk}], "write 1", said)


def append_arrow(path: str, clerk: str) -> None:
    in_process.append_table(path, pa.table({"clerk": [clerk], "shop": ["A"]}), "write 1", "{}")


@pytest.mark.parametrize("append", [append_row, append_arrow], ids=["rows", "arrow"])
@pytest.mark.parametrize("others", [0, 1], ids=["right after", "another write between"])
def test_a_write_made_between_the_look_and_the_commit_wins(tmp_path, monkeypatch, append, others):
    path, commit = str(tmp_path / "shops"), in_process.write_deltalake
    in_process.create_table(path, SHOPS, "One row per shop.", {})

    def commit_late(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(in_process, "write_deltalake", commit)
        append(path, "first")
        for _ in range(others):
            in_process.append_rows(path, SHOPS, [{"shop": "B", "clerk": "other"}], "write 2", "{}")
        commit(*arguments, **options)

    monkeypatch.setattr(in_process, "write_deltalake", commit_late)
    append(path, "late")
    kept = [row["clerk"] for row in in_process.read_rows(path, "shop", None) if row["shop"] == "A"]
    assert kept == ["first"]


def test_other_writes_in_between_are_no_hindrance(tmp_path, monkeypatch):
    path, commit = str(tmp_path / "shops"), in_process.write_deltalake
    in_process.create_table(path, SHOPS, "One row per shop.", {})

    def commit_late(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(in_process, "write_deltalake", commit)
        in_process.append_rows(path, SHOPS, [{"shop": "B", "clerk": "other"}], "write 2", "{}")
        commit(*arguments, **options)

    monkeypatch.setattr(in_process, "write_deltalake", commit_late)
    append_row(path, "late")
    assert sorted(row["clerk"] for row in in_process.read_rows(path, "shop", None)) == ["late", "other"]


def test_a_table_that_several_create_at_once_is_created(tmp_path):
    for number in range(10):
        path, meeting = str(tmp_path / f"shops{number}"), threading.Barrier(4)

        def create_together(path: str = path, meeting: threading.Barrier = meeting) -> None:
            meeting.wait(60)
            in_process.create_table(path, SHOPS, "One row per shop.", {})

        with ThreadPoolExecutor(4) as pool:
            for each in [pool.submit(create_together) for _ in range(4)]:
                each.result()
        append_row(path, "first")  # the library may have recorded the same columns twice
        assert (len(in_process.read_rows(path, "shop", None)), in_process.read_columns(path)) == (1, SHOPS)
        assert find_damage(path, Head(in_process.read_version(path), "write 1")) is None
