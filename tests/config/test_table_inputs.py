"""Which feature tables stand on which."""

from __future__ import annotations

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.table_inputs import tables_above


def declare(name: str, *reads: str) -> FeatureTable:
    tables = " cross join ".join(reads)
    return FeatureTable.model_validate(
        {
            "feature_table": name,
            "entity": ["shop"],
            "every": "1 day",
            "needs": "7 days",
            "sql": f"select shop, count(*) as n from {tables} group by shop",
            "features": {"n": {"type": "long"}},
        }
    )


def test_all_tables_above_are_named_and_no_other() -> None:
    declared = (
        declare("top", "gold.middle", "gold.beside"),
        declare("bottom", "orders"),
        declare("beside", "orders"),
        declare("middle", "gold.bottom"),
    )
    tables = {each.feature_table: each for each in declared}
    assert tables_above(tables, "bottom") == ("top", "middle")
    assert tables_above(tables, "middle") == ("top",)
    assert tables_above(tables, "beside") == ("top",)
    assert tables_above(tables, "top") == ()
