"""`docs/configuration.md` says what the models say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.site.config_keys import render_keys
from lakeloop.config.located_yaml import parse_yaml

PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("title", "table"), list(render_keys()), ids=[title for title, _ in render_keys()])
def test_every_key_is_documented_with_type_default_and_meaning(title: str, table: str) -> None:
    assert table in PAGE, f"print the tables with `python -m docs.site.config_keys`: {title}"
    for row in table.splitlines()[2:]:
        key, kind, default, meaning = (cell.strip() for cell in row.strip("|").split(" | "))
        assert key, row
        assert kind, row
        assert meaning, row
        assert default or "rule:" in key, row


def test_the_examples_of_the_page_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        names = dict.fromkeys(("DB_HOST", "DB_USER", "DB_PASSWORD", "KAFKA_SERVERS", "KAFKA_LOGIN"), "x")
        variables = {
            "LAKE_FOLDER": "/data",
            "MLFLOW_URI": "https://mlflow",
            "REDIS_PASSWORD": "x",
            "SEED": "1",
            **names,
        }
        read = parse_yaml(block, "example.yml", variables)
        assert read.issues == (), block
