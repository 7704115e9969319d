"""The benchmark of profiles: its data, what is true of it, and what a side's figures are held to. No peer here."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import own_memory
from benchmarks.comparison import CellResult
from benchmarks.measure import Measurement
from benchmarks.own_memory import with_own_memory
from benchmarks.profiles import BENCHMARK, FOUND, make_cell, tell_worth
from benchmarks.profiles_agreement import compare_figures, figures_table
from benchmarks.profiles_data import AT, CURRENT, EXPECTED, REFERENCE, ProfilesCell, write_data
from benchmarks.profiles_sides import figures_of, make_reference, profile_in_process
from benchmarks.sides import Outcome, SideStatus
from lakeloop.drift.daily_profiles import ProfilePlan

CELL = ProfilesCell(20_000, 10)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("benchmarks.cached.CACHE", tmp_path_factory.mktemp("cache"))
        return write_data(CELL)


def test_the_week_follows_the_reference_and_has_the_columns_it_says(data: Path) -> None:
    reference, week = (pq.read_table(data / each) for each in (REFERENCE, CURRENT))
    assert week.column_names == [AT, *(f"n{place:03d}" for place in range(7)), "c000", "c001", "c002"]
    assert reference.schema == week.schema
    instants = [each.column(AT).to_pylist() for each in (reference, week)]
    assert instants[0] == sorted(instants[0])
    assert (instants[0][-1] - instants[0][0]).days == 89
    assert (instants[1][0] - instants[0][0]).days == 91
    assert len({at.date() for at in instants[1]}) == 7


def test_what_is_true_is_computed_from_all_values(data: Path) -> None:
    expected = {
        (row["column_name"], row["statistic"]): row["value"] for row in pq.read_table(data / EXPECTED).to_pylist()
    }
    week = pq.read_table(data / CURRENT, columns=["n001", "c000"])
    values = week["n001"].drop_null().to_numpy()
    assert expected["n001", "count"] == 20_000
    assert expected["n001", "nulls"] == week["n001"].null_count
    assert expected["n001", "q50"] == np.median(values)
    assert expected["n001", "distinct"] == len(values)
    assert expected["c000", "distinct"] == 6
    assert expected["c000", "distance"] == pytest.approx(0.2, abs=0.02)
    assert [name for (name, key), value in expected.items() if key == "drift" and value] == CELL.drifted


@pytest.mark.parametrize("sketches", [True, False])
def test_lakeloops_figures_are_the_exact_ones_and_its_verdicts_the_planted_ones(
    data: Path, tmp_path: Path, sketches: bool
) -> None:
    reference = make_reference(data, CELL)
    plan = ProfilePlan(reference.bins, "UTC", AT, sketches=sketches)
    found = figures_of(profile_in_process(data / CURRENT, plan), reference)
    pq.write_table(figures_table(found, {"driver_peak_mib": 7.0}), tmp_path / "found.parquet")
    agreement, errors = compare_figures(tmp_path / "found.parquet", pq.read_table(data / EXPECTED))
    assert agreement.is_equal, agreement.describe()
    assert (errors.missed, errors.false, errors.told) == (0, 0, {"driver_peak_mib": 7.0})
    assert max(errors.greatest[name] for name in ("count", "nulls", "min", "max", "mean", "stddev", "distance")) < 1e-9
    assert ("quantiles" in errors.greatest, "distinct" in errors.greatest) == (sketches, sketches)


EXACT = pa.table(
    {
        "column_name": ["a", "a", "a", "b", "b"],
        "statistic": ["nulls", "q50", "drift", "distinct", "drift"],
        "value": [4.0, 0.0, 1.0, 200.0, 0.0],
        "scale": [4.0, 2.0, 1.0, 200.0, 0.0],
    }
)


@pytest.mark.parametrize(
    ("figures", "different", "greatest"),
    [
        ({"a": {"nulls": 4.0, "q50": 0.1}, "b": {"distinct": 190.0}}, 0, [0.0, 0.05, 0.05]),
        ({"a": {"nulls": 5.0, "q50": 0.1}, "b": {"distinct": 190.0}}, 1, [0.25, 0.05, 0.05]),
        ({"a": {"nulls": 4.0, "q50": -0.5}, "b": {"distinct": 150.0}}, 2, [0.0, 0.25, 0.25]),
        ({"a": {"nulls": 4.0, "q50": float("nan")}, "b": {"distinct": 200.0}}, 1, [0.0, 0.0, 0.0]),
    ],
    ids=["within what a sketch may", "a count is exact", "beyond", "not a number"],
)
def test_an_error_is_relative_to_the_scale_and_held_to_the_tolerance(
    tmp_path: Path, figures: dict[str, dict[str, float | None]], different: int, greatest: list[float]
) -> None:
    pq.write_table(figures_table(figures, {}), tmp_path / "found.parquet")
    agreement, errors = compare_figures(tmp_path / "found.parquet", EXACT)
    assert agreement.different == different
    assert [errors.greatest[name] for name in ("nulls", "quantiles", "distinct")] == pytest.approx(greatest)
    assert (errors.missed, errors.false) == (None, None)


def test_verdicts_are_told_and_keep_no_side_from_being_measured(tmp_path: Path) -> None:
    figures = {"a": {"nulls": 4.0, "drift": 0.0}, "b": {"drift": 1.0, "distinct": None}}
    pq.write_table(figures_table(figures, {}), tmp_path / "found.parquet")
    agreement, errors = compare_figures(tmp_path / "found.parquet", EXACT)
    assert (agreement.is_equal, errors.missed, errors.false) == (True, 1, 1)
    pq.write_table(figures_table({"z": {"nulls": 1.0}}, {}), tmp_path / "found.parquet")
    assert compare_figures(tmp_path / "found.parquet", EXACT)[0].problem == "no such figure: ('z', 'nulls')"


def test_costs_are_told_per_value_with_what_the_figures_are_worth() -> None:
    cell = make_cell(ProfilesCell(1000, 10))
    cell.fields[FOUND]["whylogs"] = {
        "greatest": {"count": 0.0, "quantiles": 0.012},
        "missed": 0,
        "false": 2,
        "told": {"reference_cpu_seconds": 1.5, "driver_base_mib": 100.0, "driver_peak_mib": 130.0},
    }
    cost = Measurement(0.02, 0.01, 300.0, 180.0)
    outcomes = (Outcome("whylogs", SideStatus.OK, runs=(cost,)), Outcome("nannyml", SideStatus.NOT_RUN, "absent"))
    told = tell_worth([CellResult("profiles", cell.name, cell.fields, outcomes)])
    assert told[0] == "1,000 rows x 10 columns:"
    assert told[2].split() == ["whylogs", "1,000", "2,000", "1.5", "120", "130", "30"]
    assert told[4].strip() == (
        "whylogs                count: below 1e-9; quantiles 0.012; drift: 0 missed, 2 called so in error"
    )
    assert not any("nannyml" in line for line in told)


def test_own_memory_is_that_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel says of a process comes late where memory is short: its words are given here."""
    held, is_seen = [100.0], threading.Event()

    def resident_mib() -> float:
        now = held[-1]
        if now == 250.0:
            is_seen.set()
        return now

    def work() -> str:
        held.append(250.0)
        assert is_seen.wait(60)
        held.append(120.0)
        return "done"

    monkeypatch.setattr(own_memory, "_resident_mib", resident_mib)
    monkeypatch.setattr(own_memory, "_STATM", Path(__file__))  # a file that is there

    assert with_own_memory(work, 0.001) == ("done", {"driver_base_mib": 100.0, "driver_peak_mib": 250.0})


def test_without_the_kernels_word_nothing_is_said_of_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(own_memory, "_STATM", tmp_path / "none")
    assert with_own_memory(lambda: 1) == (1, {})


def test_sides_are_the_ones_that_the_documentation_names() -> None:
    text = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert [each.name for each in BENCHMARK.programs if f"| `{each.name}` |" not in text] == []
