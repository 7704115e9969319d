"""The table: ratios to the first side, and nothing in place of a figure that was not measured."""

from __future__ import annotations

from benchmarks.agreement import Agreement
from benchmarks.comparison import CellResult
from benchmarks.measure import Measurement
from benchmarks.report import WIDTH, format_growth, format_table
from benchmarks.sides import Outcome, SideStatus


def measured(side: str, wall: float, cpu: float | None = 4.0, peak: float | None = 1000.0) -> Outcome:
    cost = Measurement(wall, cpu, peak, None if peak is None else 100.0)
    return Outcome(side, SideStatus.OK, "", Agreement(1, 1, 0), Measurement(9.0, 9.0, 9.0, 9.0), (cost,))


def cell(*outcomes: Outcome, rows: int = 100, tables: int = 1) -> CellResult:
    return CellResult("join", f"{rows} rows", {"rows": rows, "tables": tables}, outcomes)


def test_a_ratio_is_a_side_over_the_first_side() -> None:
    table = format_table([cell(measured("ours", 2.0), measured("theirs", 5.0, 2.0, 1500.0))])
    assert [line.split() for line in table.splitlines()[3:5]] == [
        ["ours", "9.00", "2.00", "4.00", "1,000", "1.00", "1.00", "1.00"],
        ["theirs", "9.00", "5.00", "2.00", "1,500", "2.50", "0.50", "1.50"],
    ]


def test_a_side_without_figures_says_why_and_gives_none() -> None:
    outcomes = [
        measured("ours", 2.0, None, None),
        Outcome("feast", SideStatus.NOT_RUN, "no environment: run make bench-peers"),
        Outcome("plain", SideStatus.DIFFERENT, "3 of 9 values differ", Agreement(3, 9, 3), Measurement(1, 1, 1, 1)),
        Outcome("other", SideStatus.NOT_FINISHED, "not finished in 60 s " + "x" * WIDTH),
    ]
    lines = format_table([cell(*outcomes)]).splitlines()
    assert lines[3].split() == ["ours", "9.00", "2.00", "-", "-", "1.00", "-", "-"]
    assert lines[4].split(maxsplit=1) == ["feast", "not run: no environment: run make bench-peers"]
    assert lines[5].split(maxsplit=1) == ["plain", "different: 3 of 9 values differ"]
    assert max(map(len, lines)) <= WIDTH


def test_ratios_to_a_side_that_has_no_figures_are_not_given() -> None:
    lines = format_table([cell(Outcome("ours", SideStatus.FAILED, "it ended"), measured("theirs", 5.0))]).splitlines()
    assert lines[4].split()[-3:] == ["-", "-", "-"]


def test_growth_is_told_between_neighbouring_sizes_that_were_run() -> None:
    results = [
        cell(measured("ours", 2.0), measured("theirs", 1.0), rows=100),
        cell(measured("ours", 5.0), Outcome("theirs", SideStatus.NOT_FINISHED, "late"), rows=1000),
        cell(measured("ours", 7.0), rows=1000, tables=3),
    ]
    assert format_growth(results, "rows", ["tables"]) == ["  ours: rows 100 to 1,000: wall x 2.50 (tables 1)"]
    assert format_growth(results, "tables", ["rows"]) == ["  ours: tables 1 to 3: wall x 1.40 (rows 1000)"]
