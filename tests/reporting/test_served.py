"""What the report says of served values against the offline tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lakeloop.reporting.served import MAX_COLUMNS, Served, ServedColumn, assemble_served, say_served

MAY = datetime(2013, 5, 1, tzinfo=UTC)


def column(name: str, verdict: str, origin: str = "online", rows: int = 100) -> ServedColumn:
    return ServedColumn(origin, name, rows, 0, 0, int(verdict == "SKEWED"), int(verdict == "STALE"), 1.0, verdict)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            [column("wind", "CONSISTENT"), column("score", "CONSISTENT", "offline", 1000)],
            "Of 100 online and 1,000 offline answers, every column is what the offline tables say.",
        ),
        (
            [column("wind", "STALE"), column("score", "CONSISTENT")],
            "Of 100 online and 0 offline answers, 1 of 2 columns differed where it was served as old;"
            " nothing was served as right that is not.",
        ),
        (
            [column(name, "SKEWED") for name in "abcd"],
            "Of 100 online and 0 offline answers, 4 of 4 columns were served otherwise than the tables say:"
            " a, b, c and 1 more.",
        ),
        (
            [column("score", "UNKNOWN", rows=0)],
            "Nothing that was answered could be compared with the offline tables.",
        ),
    ],
)
def test_a_sentence_says_what_the_audit_found(columns, said):
    assert say_served(Served(MAY, tuple(columns))) == said


def test_only_the_last_audit_counts_and_the_worst_comes_first():
    row = {"origin": "online", "count": 9, "num_missing": 0, "num_extra": 0, "num_mismatch": 0}
    row |= {"num_marked_different": 0, "max_difference": None}
    rows = [
        row | {"column_name": "score", "verdict": "CONSISTENT", "as_of": MAY},
        row | {"column_name": "wind", "verdict": "SKEWED", "as_of": MAY},
        row | {"column_name": "gust", "verdict": "CONSISTENT", "as_of": MAY},
        row | {"column_name": "gust", "verdict": "SKEWED", "as_of": MAY.replace(day=2, month=4)},
    ]
    found = assemble_served(rows)
    assert [each.column for each in found.shown] == ["wind", "score"]  # what is the same is not shown
    many = Served(MAY, tuple(column(f"c{place}", "SKEWED") for place in range(MAX_COLUMNS + 5)))
    assert len(many.shown) == MAX_COLUMNS
