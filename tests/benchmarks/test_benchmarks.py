"""Every benchmark at a tiny size, against the peers that need no environment of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import ingest, point_in_time, quick, scoring, windows
from benchmarks.agreement import compare
from benchmarks.comparison import CellResult
from benchmarks.ingest_data import ROW_CHECKS, IngestCell, declare_source, expected_checks
from benchmarks.ingest_data import write_data as write_landed
from benchmarks.join_data import KEY, ROW, TS, JoinCell, expected_join, write_data
from benchmarks.join_sides import join_by_duckdb, join_in_process
from benchmarks.measure import Measurement
from benchmarks.sides import Outcome, SideStatus
from benchmarks.window_data import log_by_duckdb

TINY = JoinCell(3000, 2, 7)
CELLS = [TINY, replace(TINY, is_skewed=True), replace(TINY, rows=30_000, rows_in_ttl=70, tables=1)]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.cached.CACHE", tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.slug)
def test_joins_in_process_find_what_binary_search_finds(cell: JoinCell, tmp_path: Path) -> None:
    data = write_data(cell)
    expected = expected_join(data, cell)
    for found in (join_in_process(data, cell.tables), join_by_duckdb(data, cell.tables, cores=1)):
        pq.write_table(found, tmp_path / "found.parquet")
        agreement = compare(tmp_path / "found.parquet", expected, [ROW])
        assert agreement.is_equal, agreement.describe()
    # Rows that were found, beyond the ttl or not known at all, and values that are null in themselves: all are there.
    nulls, nulls_of_last = (expected.column(name).null_count for name in ("f0_0", "f0_4"))
    assert 0 < nulls < nulls_of_last < expected.num_rows


def test_expected_join_by_hand(tmp_path: Path) -> None:
    day = 86_400_000_000
    start = 1_704_067_200_000_000

    def instants(*after_start: int) -> pa.Array:
        return pa.array([start + each for each in after_start]).cast(pa.timestamp("us", "UTC"))

    spine = {ROW: [0, 1, 2, 3, 4], KEY: [5, 5, 5, 6, 7]}
    spine[TS] = instants(day, day - 1, 8 * day, 8 * day + 1, 9 * day)
    pq.write_table(pa.table(spine), tmp_path / "spine.parquet")
    table = {KEY: [6, 5, 5], "available_ts": instants(day, 2 * day, day)}
    table |= {f"f0_{number}": pa.array([6.0, 2.0, 1.0]) for number in range(4)} | {"f0_4": pa.array([6.0, None, 1.0])}
    pq.write_table(pa.table(table), tmp_path / "table0.parquet")

    found = expected_join(tmp_path, JoinCell(3, 1, 1))

    # At that very instant; a microsecond before; the newest of two; a microsecond beyond the ttl; of no entity.
    assert found.column("f0_0").to_pylist() == [1.0, None, 2.0, None, None]
    assert found.column("f0_4").to_pylist() == [1.0, None, None, None, None]


def test_expected_windows_by_hand(tmp_path: Path) -> None:
    hour = 3_600_000_000
    start = 1_704_067_200_000_000
    instants = pa.array([start + hour, start + hour + 1]).cast(pa.timestamp("us", "UTC"))
    events = {"entity_id": [1, 1], "event_ts": instants, "available_ts": instants, "amount": [5.0, 7.0]}
    pq.write_table(pa.table(events), tmp_path / "events.parquet")

    log = sorted(log_by_duckdb(tmp_path, cores=1).to_pylist(), key=lambda row: row["tick_us"])

    # Each event enters at its tick, and leaves after an hour, a day and a week.
    assert [(row["tick_us"] - start) // hour for row in log] == [1, 2, 3, 25, 26, 169, 170]
    assert [row["sum_amount_1h"] for row in log] == [5.0, 7.0, None, None, None, None, None]
    assert [row["count_amount_1d"] for row in log] == [1, 2, 2, 1, 0, 0, 0]
    assert [row["min_amount_7d"] for row in log] == [5.0, 5.0, 5.0, 5.0, 5.0, 7.0, None]


def test_planted_mistakes_are_as_many_as_expected() -> None:
    cell = IngestCell(2000)
    data = write_landed(cell)
    landed = pq.read_table(data / "landed.parquet")
    expected = dict(zip(*expected_checks(data).to_pydict().values(), strict=True))

    assert {expected[each] for each in ROW_CHECKS} == {10.0}
    assert landed.column("shop").null_count == 10
    assert len(set(landed.column("order").to_pylist())) == 2000 - 10
    assert landed.column("items").to_pylist().count("0") == 10
    assert {rule.label for rule in declare_source().rules} >= set(ROW_CHECKS) - {"unique_key", "not_null_shop"}


def test_a_quick_run_has_the_cells_and_sides_of_all_benchmarks() -> None:
    for each in (point_in_time, windows, ingest):
        assert each.quick_cells()
        chosen = each.BENCHMARK.choose(each.BENCHMARK.quick_sides)
        assert chosen.programs[0] == each.BENCHMARK.programs[0], "all others are compared with the first"
    assert quick.main(["--sides", "duckdb"]) == 2


@pytest.mark.parametrize(
    ("arrow", "said"),
    [(3.0, "1.50 times plain: the aim of 1.5 is met"), (3.2, "1.60 times plain: the aim of 1.5 is missed")],
)
def test_the_aim_of_scoring_is_told(arrow: float, said: str) -> None:
    def cost(seconds: float) -> Measurement:
        return Measurement(seconds, seconds, 100.0, 100.0)

    outcomes = tuple(
        Outcome(side, SideStatus.OK, first=cost(9.0), runs=(cost(seconds),))
        for side, seconds in (("plain", 2.0), ("arrow", arrow))
    )
    result = CellResult("scoring", "a cell", {}, outcomes)
    told = ["a cell:", "  CPU cold: plain 9.0 s, arrow 9.0 s", f"  CPU warm: arrow {said}"]
    assert scoring.tell_cold([result]) == told
    assert scoring.tell_cold([CellResult("scoring", "a cell", {}, outcomes[:1])]) == [
        told[0],
        "  CPU cold: plain 9.0 s",
    ]


def test_a_side_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert point_in_time.main(["--rows", "3k", "--sides", "spark"]) == 2
    assert "there are lakeloop-spark, window-per-table" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "size", "sides"),
    [
        (
            point_in_time,
            ["--tables", "2", "--within", "7"],
            ["lakeloop-spark", "window-per-table", "row-number-per-table", "lakeloop-process", "duckdb"],
        ),
        (windows, ["--per-day", "100"], ["lakeloop", "range-frames", "range-frames-tree", "duckdb"]),
        (ingest, [], ["lakeloop-with-rows", "gx-counts"]),
        (scoring, ["--partitions", "2", "--trees", "5"], ["plain", "spark_udf", "arrow"]),
    ],
    ids=lambda value: value.__name__.split(".")[-1] if hasattr(value, "__name__") else "",
)
def test_all_sides_find_the_same_and_are_measured(
    module: object, size: list[str], sides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "figures.json"
    common = ["--rows", "2k", "--runs", "1", "--cores", "1", "--heap", "1g", "--json", str(written)]

    assert module.main([*common, *size, "--sides", *sides]) == 0  # type: ignore[attr-defined]

    (cell,) = json.loads(written.read_text())["cells"]
    assert [(side["side"], side["status"], len(side["runs"])) for side in cell["sides"]] == [
        (side, "OK", 1) for side in sides
    ]
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100
