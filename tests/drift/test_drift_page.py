"""`docs/drift.md` says what the code does: its examples run word for word, its tables name what there is."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from lakeloop.distances import DISTANCES, TESTS
from lakeloop.schemas import DRIFT_METRICS

FILE = Path(__file__).parents[2] / "docs" / "drift.md"
PAGE = FILE.read_text(encoding="utf-8")


def test_the_examples_of_the_page_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "drift.md", str(FILE), 0)
    assert len(found.examples) > 20
    result = doctest.DocTestRunner().run(found)
    assert result.failed == 0


def test_every_statistic_is_in_the_table() -> None:
    statistics, _, _ = PAGE.partition("### What binning loses")
    for distance in DISTANCES.values():
        (line,) = [each for each in statistics.splitlines() if each.startswith(f"| `{distance.name}` |")]
        kinds, effect, column = (cell.strip() for cell in line.replace("\\|", "/").strip("|").split("|")[2:])
        assert ("categories" in kinds or kinds == "both") is ("category" in distance.kinds), line
        assert float(effect) == distance.min_effect, line
        assert f"`{distance.table_column or 'ks_test.statistic'}`" == column, line
    for test in TESTS.values():
        assert f"`{test.table_column}" in PAGE


def test_every_column_that_it_names_is_there() -> None:
    names = {"count_delta", "avg_delta", "percent_null_delta", "other_fraction", "vanished_categories"}
    names |= {test.table_column for test in TESTS.values()}
    names |= {each.table_column for each in DISTANCES.values() if each.table_column}
    assert names <= set(DRIFT_METRICS.columns.fieldNames())
    assert all(f"`{name}" in PAGE for name in names)
