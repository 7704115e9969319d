"""`score.explain`: a switch or a section, bounded, and no part of what a version is made by."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.config.score import Explain
from tests.config.small_project import edited, write_project
from tests.config.wrong_project import MODEL, Wrong, assert_refused

NAME = "model: late_arrival"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{}", None),
        ("{explain: false}", None),
        ("{explain: true}", Explain(rows=100, top=3, background=20, permutations=2)),
        ("{explain: {}}", Explain()),
        ("{explain: {rows: 20, top: 5}}", Explain(rows=20, top=5)),
    ],
)
def test_a_switch_stands_for_the_defaults_and_nothing_for_none(tmp_path: Path, written: str, read: Explain) -> None:
    config = load_config(write_project(tmp_path / "one", edited(MODEL, NAME, f"{NAME}\nscore: {written}")))
    assert config.models["late_arrival"].score.explain == read
    plain = load_config(write_project(tmp_path / "plain"))
    assert config.spec_hash("model", "late_arrival") == plain.spec_hash("model", "late_arrival")


def wrong(written: str, where: str, got: str, allowed: str, remedy: str) -> Wrong:
    new = f"score: {{explain: {written}}}"
    return Wrong(MODEL, NAME, f"{NAME}\n{new}", where, got, allowed, remedy, on=new)


@pytest.mark.parametrize(
    "mistake",
    [
        wrong("{rows: 1001}", "score.explain.rows", "1001", "less than or equal to 1000", ""),
        wrong("{rows: 0}", "score.explain.rows", "0", "greater than or equal to 1", ""),
        wrong("{rows: true}", "score.explain.rows", "true", "a number", ""),
        wrong("{top: 21}", "score.explain.top", "21", "less than or equal to 20", ""),
        wrong("{background: 501}", "score.explain.background", "501", "less than or equal to 500", ""),
        wrong("{permutations: 3}", "score.explain.permutations", "3", "a multiple of 2", ""),
        wrong("{row: 10}", "score.explain.row", "the key 'row'", "rows", "mean 'rows'?"),
        wrong("yes please", "score.explain", "'yes please'", "background, permutations, rows, top", "key: value"),
        wrong(
            "{rows: 1000, background: 500}",
            "score.explain.rows",
            "1000: times background 500 and permutations 2 it is 1000000",
            "at most 200000 in all",
            "write it in that form",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_with_its_line(tmp_path: Path, mistake: Wrong) -> None:
    assert_refused(tmp_path, mistake)
