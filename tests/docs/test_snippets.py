"""Every block of every page: read, parsed or run, by what it is; nothing on a page is only looked at."""

from __future__ import annotations

import argparse
import ast
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlglot
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from lakeloop.cli import main
from lakeloop.schemas import EXPLANATION_COLUMNS, PREDICTION_COLUMNS, RUNS
from lakeloop.tables.in_process import create_table
from tests.docs import commands, declarations
from tests.docs.blocks import ROOT, Block, blocks, pages, spans
from tests.docs.register import NEED_MORE, NOT_OF_THE_FLIGHTS, OTHER_PROJECTS, TESTS, TEXTS

BLOCKS = list(blocks())
KINDS = {"yaml", "python", "sql", "sh", "console", "json", "toml", "text"}


def of_kind(*kinds: str) -> list[Block]:
    """Give the blocks of some kinds, without those that another test runs."""
    return [each for each in BLOCKS if each.kind in kinds and (each.page, each.kind) not in TESTS]


def test_every_block_is_of_a_kind_that_is_held() -> None:
    assert [str(each) for each in BLOCKS if each.kind not in KINDS] == []
    assert len(BLOCKS) > 100


def test_what_is_registered_is_there() -> None:
    there = {(each.page, each.kind) for each in BLOCKS}
    assert set(TESTS) <= there
    named = [*TESTS.values(), *(text for texts in TEXTS.values() for text in texts.values()), *NEED_MORE.values()]
    named += OTHER_PROJECTS.values()
    files = {found for text in named for found in re.findall(r"tests/\S+\.py", text)}
    assert [each for each in sorted(files) if not (ROOT / each).is_file()] == []
    for (page, _), test in TESTS.items():
        assert Path(page).name in (ROOT / test).read_text("utf-8") + _beside(test), test
    for page, texts in TEXTS.items():
        for beginning in texts:
            assert any(_begins(each, beginning) for each in BLOCKS if each.page == page), (page, beginning)


def _beside(test: str) -> str:
    return "".join(each.read_text("utf-8") for each in (ROOT / test).parent.glob("*.py"))


def _begins(block: Block, beginning: str) -> bool:
    return block.kind == "text" and block.text.lstrip().startswith(beginning)


@pytest.mark.parametrize("block", of_kind("text"), ids=str)
def test_plain_text_is_registered(block: Block) -> None:
    assert any(_begins(block, each) for each in TEXTS.get(block.page, {})), (
        "name its language after ```, or name it in tests/docs/register.py with the test that makes it, or the reason"
    )


@pytest.mark.parametrize("block", of_kind("yaml"), ids=str)
def test_yaml_is_a_valid_declaration(block: Block) -> None:
    assert declarations.mistakes(block) == []


@pytest.mark.parametrize("block", of_kind("sh", "console"), ids=str)
def test_what_is_typed_can_be_typed(block: Block) -> None:
    found = [
        each for line in commands.typed(block) for call in commands.calls(line) for each in commands.mistakes(call)
    ]
    assert found == []


def test_what_sentences_name_is_there() -> None:
    """A sentence may leave out what a call needs, but names no verb, option or target that there is not."""
    named = list(spans())
    assert len(named) > 100
    found = [
        f"{page}: {each}"
        for page, text in named
        for call in commands.calls(re.split(r" ?\| ?| and |, ", text)[0])
        for each in commands.mistakes(call)
        if "Missing " not in each and " requires " not in each
    ]
    assert found == []


@pytest.mark.slow
def test_the_options_of_benchmarks_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = argparse.ArgumentParser.parse_args
    parsed: list[str] = []

    def stop(self: argparse.ArgumentParser, *_: Any) -> None:
        read(self, sys.argv[1:])
        parsed.append(" ".join(sys.argv))
        raise KeyboardInterrupt

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    shown = [call[2:] for block in of_kind("sh") for line in commands.typed(block) for call in commands.calls(line)]
    shown = [each for each in shown if each and each[0].startswith("benchmarks.")]
    for module, *given in shown:
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")
        if "parse_args" not in source and "make_parser" not in source:
            assert given == [], module  # it reads no options, and would begin
            continue
        monkeypatch.setattr(sys, "argv", [module, *given])
        with pytest.raises(KeyboardInterrupt):
            import_module(module).main()
    assert len(parsed) > 10
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("block", of_kind("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("block", of_kind("toml"), ids=str)
def test_toml_is_toml(block: Block) -> None:
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", of_kind("sql"), ids=str)
def test_sql_is_sql(block: Block) -> None:
    assert list(sqlglot.parse_one(block.text, dialect="spark").find_all(sqlglot.exp.Table))


@pytest.mark.slow
@pytest.mark.parametrize("block", of_kind("sql"), ids=str)
def test_sql_runs_over_the_tables_it_names(spark: SparkSession, block: Block) -> None:
    columns = {
        "ops.runs": RUNS.columns,
        "predictions.late_arrival": StructType(list(PREDICTION_COLUMNS)),
        "explanations.late_arrival": StructType(list(EXPLANATION_COLUMNS)),
    }
    text = block.text
    for name, schema in columns.items():
        view = name.replace(".", "_")
        spark.createDataFrame([], schema).createOrReplaceTempView(view)
        text = text.replace(name, view)
    assert text != block.text
    assert spark.sql(text).collect() == []


def test_python_of_the_page_on_configuration_is_a_feature_function() -> None:
    (block,) = [each for each in of_kind("python") if each.page == "docs/configuration.md"]
    known: dict[str, Any] = {}
    exec(compile(block.text, block.page, "exec"), known)
    days = pd.to_datetime(["2013-05-01", "2013-05-02", "2013-05-03"], utc=True)
    rows = pd.DataFrame({"event_ts": days, "arrival_delay_minutes": [10.0, 12.0, 14.0]})
    assert known["slope"](rows) == {"delay_slope": pytest.approx(2.0)}
    assert known["slope"](rows.iloc[:1]) == {"delay_slope": None}


def test_python_of_the_page_on_explanations_reads_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = [each for each in of_kind("python") if each.page == "docs/explanations.md"]
    monkeypatch.chdir(tmp_path)
    (opened,) = re.findall(r'DeltaTable\("(\S+)"\)', block.text)
    create_table(opened, StructType(list(EXPLANATION_COLUMNS)), "One row per column.", {})
    assert DeltaTable(opened).to_pandas().empty
    *before, last = ast.parse(block.text).body
    known: dict[str, Any] = {}
    exec(compile(ast.Module(before, []), block.page, "exec"), known)
    assert isinstance(last, ast.Expr)
    found = eval(compile(ast.Expression(last.value), block.page, "eval"), known)
    assert list(found.columns) == ["count", "mean"]


def test_every_other_block_of_python_is_run_somewhere() -> None:
    assert {each.page for each in of_kind("python")} == {"docs/configuration.md", "docs/explanations.md"}


def transcripts() -> Iterator[tuple[Block, list[str], str]]:
    """Give the calls of lakeloop on the pages that print something here: their arguments, and what they print."""
    for block in of_kind("console"):
        for shown in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            line, _, printed = shown.partition("\n")
            ((program, *given), *more) = commands.calls(line)
            is_compared = program == "lakeloop" and not more and printed and given[0] not in NEED_MORE
            if (
                is_compared
                and block.page not in OTHER_PROJECTS
                and (block.page, " ".join(given)) not in NOT_OF_THE_FLIGHTS
            ):
                yield block, given, printed


TRANSCRIPTS = list(transcripts())


@pytest.mark.parametrize(
    ("block", "given", "printed"), TRANSCRIPTS, ids=[" ".join(given) for _, given, _ in TRANSCRIPTS]
)
def test_a_call_prints_what_the_page_shows(
    block: Block,
    given: list[str],
    printed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line of `...` on the page stands for any lines."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path if given[0] == "init" else ROOT)
    with pytest.raises(SystemExit) as ended:
        main(given)
    told = capsys.readouterr()
    assert ended.value.code == 0, told.err
    out = told.out.rstrip().replace(f"{Path(sys.executable).parent}/", "") + "\n"  # where it is not on the PATH
    shown = printed.replace("/home/ada", str(tmp_path)).rstrip().splitlines()
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + "\n" for line in shown)
    assert re.fullmatch(pattern, out), f"{block}:\n{out}"


def test_the_mistake_that_readme_shows_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = [each for each in BLOCKS if each.page == "README.md" and _begins(each, "conf/base/models/")]
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    file = tmp_path / "conf/base/models/late_arrival.yml"
    file.write_text(file.read_text("utf-8").replace("hour(scheduled", "huor(scheduled"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["plan"])
    assert block.text.strip() in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lakeloop trian --as-of 2013-05-01", "No such command 'trian'"),
        ("lakeloop train --as-off 2013-05-01", "No such option: --as-off"),
        ("lakeloop run", "Missing option '--as-of'"),
        ("lakeloop ingest --as-of 2013-05-01 --model late", "No such option: --model"),
        ("make tets", "make has no target tets"),
        ("python -m pytest tests/nowhere.py", "tests/nowhere.py is not there"),
        ("spark-submit jobs/train.py --of 2013-05-01", "No such option: --of"),
        ("SEED=1 lakelop plan", "lakelop is no program"),
    ],
)
def test_what_cannot_be_typed_is_found(line: str, said: str) -> None:
    assert said in " ".join(each for call in commands.calls(line) for each in commands.mistakes(call))


def test_a_key_that_there_is_not_is_found() -> None:
    assert declarations.mistakes(Block("x.md", 1, "yaml", "gate: {metric: log_loss, non_inferior: 0.1}\n"))
    assert declarations.mistakes(Block("x.md", 1, "yaml", "gates: {metric: log_loss}\n"))


def test_every_page_is_read() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/cli.md", "docs/adr/README.md"} <= set(pages())
