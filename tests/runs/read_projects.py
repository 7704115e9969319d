"""A project of one source that reads where its rows are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from lakeloop.config.loading import load_config
from lakeloop.runs.context import Context
from tests.factories import SOURCE, Row, rows_of

RULES = [{"rule": "range", "column": "wind_mph", "min": 0}]


def open_reading(root: Path, as_of: datetime, read: dict[str, Any], **changes: Any) -> Context:
    """Open the project below a folder, as a process of its own would see it."""
    source = {key: each for key, each in SOURCE.items() if key != "landing"} | {"read": read, "rules": RULES, **changes}
    for file, content in {"project": {"project": "small", "retention": "30 days"}, "sources/weather": source}.items():
        path = root / f"conf/base/{file}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return Context(load_config(root), as_of)


def table(context: Context, layer: str) -> list[Row]:
    """Read bronze or quarantine, in the order in which rows were read."""
    rows = context.lake.read_uncut(context.lake.address(layer, "weather"))
    return rows_of(rows, "_source_file", "_source_row")
