"""The `landing` section as it is written in YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.landing import FileFormat, Landing, MissingColumns, NewColumns
from lakeloop.config.loading import load_config
from lakeloop.errors import ConfigError
from tests.config.small_project import edited, write_project

OUTCOMES = "conf/base/sources/outcomes.yml"


def read(root: Path, keys: str) -> Landing:
    changes = edited(OUTCOMES, "path: landing/outcomes", f"path: landing/outcomes{keys}")
    return load_config(write_project(root, changes)).sources["outcomes"].landing


def test_what_is_not_declared_is_refused_csv(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert (found.format, found.files, found.nulls) == (FileFormat.CSV, "*.csv", {"", "NA"})
    assert (found.new_columns, found.missing_columns) == (NewColumns.REFUSE, MissingColumns.REFUSE)


@pytest.mark.parametrize("written", ["null", "'null'", "~"])
def test_null_is_a_policy_however_it_is_written(tmp_path: Path, written: str) -> None:
    assert read(tmp_path, f", missing_columns: {written}").missing_columns is MissingColumns.NULL


@pytest.mark.parametrize(("format_", "files"), [("json", "*.jsonl"), ("parquet", "*.parquet")])
def test_a_format_has_its_own_pattern_and_no_texts_for_null(tmp_path: Path, format_: str, files: str) -> None:
    found = read(tmp_path, f", format: {format_}")
    assert (found.files, found.nulls) == (files, frozenset())
    given = read(tmp_path, f", format: {format_}, pattern: 'o*', null_values: ['-']")
    assert (given.files, given.nulls) == ("o*", {"-"})


def test_names_are_of_declared_columns_one_each(tmp_path: Path) -> None:
    assert read(tmp_path / "a", ", names: {Carrier Code: carrier}").declared_name("Carrier Code") == "carrier"
    with pytest.raises(ConfigError, match="carier is no declared column"):
        read(tmp_path / "b", ", names: {Carrier Code: carier}")
    with pytest.raises(ConfigError, match="'A' and 'B' are both carrier"):
        read(tmp_path / "c", ", names: {A: carrier, B: carrier}")


def test_a_declaration_without_names_keeps_its_hash(tmp_path: Path) -> None:
    assert "names" not in read(tmp_path, "").model_dump()
