"""A new project: what is written, that it is sound, and that nothing is overwritten."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from lakeloop.cli import main
from lakeloop.config import load_config
from lakeloop.config.section import Name
from lakeloop.errors import UsageError
from lakeloop.runs.plan import make_plan
from lakeloop.starter.write import describe_project, project_files, project_name, write_project

ROOT = Path(__file__).parents[2]
FILES = (
    ".gitignore",
    "README.md",
    "conf/base/features/courier_delays.yml",
    "conf/base/models/late_delivery.yml",
    "conf/base/project.yml",
    "conf/base/sources/deliveries.yml",
    "conf/base/sources/orders.yml",
    "landing/deliveries/sample.csv",
    "landing/orders/sample.csv",
    "pytest.ini",
    "tests/conftest.py",
    "tests/test_config.py",
    "tests/test_features.py",
    "tests/test_loop.py",
    "tests/test_rules.py",
)


def test_a_new_project_has_these_files_and_a_plan(tmp_path: Path) -> None:
    new = write_project(tmp_path / "My Parcels")
    assert (new.project, new.files, new.turns) == ("my_parcels", FILES, ("2024-02-05", "2024-02-12"))
    written = sorted(p.relative_to(new.folder).as_posix() for p in new.folder.rglob("*") if p.is_file())
    assert written == sorted(FILES)
    plan = make_plan(load_config(new.folder))
    assert [len(plan.sources), len(plan.feature_tables), len(plan.models)] == [2, 1, 1]
    landing = {source.source: source.landing for source in plan.sources}
    assert landing == {name: str(new.folder / "landing" / name) for name in ("deliveries", "orders")}


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    new = write_project(tmp_path / "x")
    for name in FILES:
        text = (new.folder / name).read_text()
        assert not [each for each in ("{project}", "{first}", "{second}", "{history_end}") if each in text], name


def test_the_readme_names_the_turns(tmp_path: Path) -> None:
    text = (write_project(tmp_path / "x").folder / "README.md").read_text()
    assert "lakeloop run --as-of 2024-02-05 " in text
    assert "lakeloop run --as-of 2024-02-12 " in text


@pytest.mark.parametrize("taken", FILES)
def test_no_file_is_overwritten(tmp_path: Path, taken: str) -> None:
    path = tmp_path / taken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UsageError, match=f"which holds {taken}") as refused:
        write_project(tmp_path)
    assert "nothing was written" in str(refused.value)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert path.read_text() == "mine"


def test_a_folder_that_holds_another_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "conf" / "base" / "models").mkdir(parents=True)
    (tmp_path / "conf" / "base" / "models" / "mine.yaml").touch()
    with pytest.raises(UsageError, match=r"which holds conf/base/models/mine\.yaml"):
        write_project(tmp_path)


def test_a_file_or_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match=f"where {tmp_path / 'file'} is a file"):
            write_project(folder)


def test_a_folder_with_other_things_is_taken(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write_project(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("parcels", "parcels"),
        ("My Parcels", "my_parcels"),
        ("2024-sales", "project_2024_sales"),
        ("_", "project"),
        ("日本", "project"),
        ("a" * 80, "a" * 63),
    ],
)
def test_any_folder_gives_a_valid_name(folder: str, name: str) -> None:
    assert project_name(folder) == name
    TypeAdapter(Name).validate_python(name)


def test_an_invalid_name_would_be_noticed() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python("My Parcels")


def test_the_next_steps_can_be_typed(tmp_path: Path) -> None:
    new = write_project(tmp_path / "parcels")
    lines = describe_project(new, "parcels", "lakeloop").splitlines()
    assert lines[0] == "project parcels"
    assert lines[-7:] == [
        "next",
        "  cd parcels",
        "  lakeloop plan",
        "  lakeloop run --as-of 2024-02-05",
        "  lakeloop run --as-of 2024-02-12",
        "  lakeloop report --as-of 2024-02-12",
        "  pytest",
    ]
    assert describe_project(new, "", "/opt/env/bin/lakeloop").endswith("\n  /opt/env/bin/pytest")
    assert "  cd parcels" not in describe_project(new, "", "lakeloop").splitlines()


def test_the_verb_prints_the_files_and_the_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["init", "new project"])
    out = capsys.readouterr().out
    assert stop.value.code == 0
    assert "  cd 'new project'\n" in out
    with pytest.raises(SystemExit) as stop:
        main(["init", "new project"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("DIR: got new project, which holds .gitignore, README.md, conf/base/")


def test_every_file_of_the_template_is_in_the_wheel() -> None:
    package = ROOT / "src" / "lakeloop"
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["lakeloop"]
    covered = {path for pattern in declared for path in package.glob(pattern) if path.is_file()}
    template = {path for path in (package / "starter" / "template").rglob("*") if path.is_file()}
    assert template
    assert template <= covered


def test_what_an_installer_compiles_is_no_part_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = tmp_path / "template"
    (template / "tests" / "__pycache__").mkdir(parents=True)
    (template / "tests" / "test_rules.py").write_text("{project}")
    (template / "tests" / "__pycache__" / "test_rules.pyc").write_bytes(b"\xff")
    monkeypatch.setattr("lakeloop.starter.write.files", lambda _: tmp_path)
    assert [path for path in project_files("shop") if path.startswith("tests")] == ["tests/test_rules.py"]
