"""A value of a person, planted in a small project, is in nothing that a person or a page is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakeloop.cli import main
from lakeloop.config import Config
from lakeloop.discovery.private import HIDDEN
from tests.laws.small_loop import write_project

PLANTED = "ada.lovelace"
AS_OF = "2024-01-20"
ORDERS = [
    "order,shop,items,due_ts",
    f"{PLANTED},A,2,2024-01-10T12:00:00Z",
    f"{PLANTED}.rejected,A,0,2024-01-10T12:00:00Z",
    *(f"o{number},B,1,2024-01-{number:02}T12:00:00Z" for number in range(1, 16)),
]
DELIVERIES = [
    "order,shop,delivered_ts,delay_minutes",
    f"{PLANTED},A,2024-01-10T12:05:00Z,5",
    *(f"o{number},B,2024-01-{number:02}T12:30:00Z,30" for number in range(1, 16)),
]
GRADED = """
feature_table: graded
entity: [order]
from: deliveries
ttl: 2 days
attributes:
  grade: {as: cast(order as int)}
"""
PRIVATE_KEY = ("  order: {type: long}", "  order: {type: string, tags: [pii]}")
CHANGES = {
    "sources/orders.yml": [PRIVATE_KEY, ("rules:", "gate: {min_rows: 0}\nrules:")],
    "sources/deliveries.yml": [
        PRIVATE_KEY,
        ("delivered_ts + case when order % 11 = 0 then interval 30 hours else interval 10 minutes end", "delivered_ts"),
        ("derive:", "gate: {min_rows: 0}\nderive:"),
    ],
    "models/late.yml": [("on_demand: {hour_of_day: hour(prediction_ts)}\n", "")],
}


def change(config: Config, file: str, old: str, new: str) -> None:
    path = config.root / "conf/base" / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file}: {old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Config:
    config = write_project(tmp_path)
    for file, edits in CHANGES.items():
        for old, new in edits:
            change(config, file, old, new)
    for source, lines in (("orders", ORDERS), ("deliveries", DELIVERIES)):
        folder = config.workspace / "landing" / source
        folder.mkdir(parents=True)
        (folder / "january.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config


Call = Callable[..., str]


@pytest.fixture
def call(project: Config, capfd: pytest.CaptureFixture[str]) -> Call:
    """Call the command line, with traces; gives all it wrote."""

    def said(*typed: str, code: int = 0) -> str:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([*typed, "--project", str(project.root), "-v"])
        written = "".join(capfd.readouterr())
        assert stop.value.code == code, written
        assert PLANTED not in written, typed
        return written

    return said


@pytest.mark.slow
@pytest.mark.loop
def test_no_verb_and_no_page_tells_a_planted_value(spark: SparkSession, project: Config, call: Call) -> None:
    assert spark.version
    as_of = ("--as-of", AS_OF)
    call("ingest", *as_of)
    assert "range_items" in call("quarantine", "list", *as_of)
    assert HIDDEN in call("quarantine", "show", "orders", *as_of)
    call("features", *as_of)
    call("features", "list")
    call("features", "show", "shop_last", *as_of)

    label = ("models/late.yml", "as: delay_minutes > 10", "as: cast(order as int) > 10")
    change(project, *label)
    assert "label.as: can't be computed for some row: CAST_INVALID_INPUT" in call("training-set", *as_of, code=4)
    change(project, label[0], label[2], label[1])

    change(project, "models/late.yml", "at: due_ts - interval 2 hours", 'at: "nullif(due_ts, due_ts)"')
    assert f'{{"order":"{HIDDEN}"}}' in call("training-set", *as_of, code=4)

    (project.root / "conf/base/features/graded.yml").write_text(GRADED, encoding="utf-8")
    assert "attributes.grade.as: can't be computed for some row" in call("features", *as_of, code=4)

    change(
        project, "sources/orders.yml", "rules:\n", "rules:\n  - {rule: expression, name: numbered, that: order > 3}\n"
    )
    later = ("--as-of", "2024-01-21")
    assert "numbered: can't be computed for some row" in call("quarantine", "replay", "orders", *later, code=4)

    call("report", *later)
    told = [
        *project.workspace.glob("*.html"),
        *project.workspace.glob("*.json"),
        *project.root.glob("**/notifications.jsonl"),
    ]
    assert {"report.html", "report.json", "features.html"} <= {each.name for each in told}
    assert [each.name for each in told if PLANTED in each.read_text(encoding="utf-8")] == []


def test_the_log_of_spark_writes_no_text_of_an_exception() -> None:
    import lakeloop

    text = (Path(lakeloop.__file__).parent / "log4j2.properties").read_text(encoding="utf-8")
    (pattern,) = (line for line in text.splitlines() if ".pattern = " in line)
    assert "%ex{short.className}" in pattern
    assert pattern.count("%ex") + pattern.count("%xEx") + pattern.count("%throwable") == 1
