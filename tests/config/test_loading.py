"""Reading a project: environments, all mistakes in one go, files that do not belong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakeloop.config.gate import SliceRule
from lakeloop.config.loading import load_config
from lakeloop.errors import ConfigError, ConfigIssue, UsageError
from lakeloop.statuses import Role
from tests.config.small_project import FILES, MODEL, PROJECT, edited, write_project

MODEL_FILE = "conf/base/models/late_arrival.yml"
REPOSITORY = Path(__file__).parents[2]


def issues_of(root: Path, env: str | None = None) -> tuple[ConfigIssue, ...]:
    with pytest.raises(ConfigError) as raised:
        load_config(root, env)
    return raised.value.issues


def test_a_valid_project_is_read_whole(tmp_path: Path) -> None:
    config = load_config(write_project(tmp_path))
    assert list(config.sources) == ["outcomes", "schedules", "weather"]
    assert list(config.feature_tables) == ["carrier_delays", "readings"]
    assert list(config.models) == ["late_arrival"]
    assert config.env is None
    assert config.root == tmp_path.resolve()
    assert config.files == {
        "feature_table:carrier_delays": "conf/base/features/carrier_delays.yml",
        "feature_table:readings": "conf/base/features/readings.yml",
        "model:late_arrival": MODEL_FILE,
        "project:flights": "conf/base/project.yml",
        "source:outcomes": "conf/base/sources/outcomes.yml",
        "source:schedules": "conf/base/sources/schedules.yml",
        "source:weather": "conf/base/sources/weather.yml",
    }
    history = config.sources["outcomes"].history
    assert history is not None
    assert history.trusted_until == datetime(2014, 1, 1, tzinfo=UTC)
    assert config.models["late_arrival"].monitor.roles[Role.CONTRACT] == ("distance", "hour_of_day")


def test_the_project_of_this_repository_is_valid() -> None:
    config = load_config(REPOSITORY)
    assert config.project.project
    assert config.sources


def test_an_environment_is_laid_over_the_base(tmp_path: Path) -> None:
    over = {
        "conf/dev/project.yml": "workspace: /data/dev\nnotify: {file: null, command: [notify, send]}\n",
        "conf/dev/models/late_arrival.yml": "model: late_arrival\nsplit: {holdout: 21 days}\ngate: {slices: []}\n",
        "conf/dev/sources/weather.yml": "# nothing to change yet\n",
    }
    root = write_project(tmp_path, over)
    base, dev = load_config(root), load_config(root, "dev")
    assert dev.env == "dev"
    assert dev.workspace == Path("/data/dev")
    assert dev.project.notify.command == ("notify", "send")
    assert dev.project.retention == base.project.retention  # what the environment does not name stays
    model = dev.models["late_arrival"]
    assert (model.split.holdout, model.split.validation) == (timedelta(days=21), timedelta(days=14))
    assert model.gate.slices == {}  # a list is replaced whole
    assert base.models["late_arrival"].gate.slices == {"origin": SliceRule(), "flight": SliceRule()}
    assert dev.files == base.files
    assert dev.spec_hash("model", "late_arrival") != base.spec_hash("model", "late_arrival")
    assert dev.spec_hash("source", "weather") == base.spec_hash("source", "weather")


def test_a_folder_that_cannot_hold_tables_is_refused_wherever_it_is_named(tmp_path: Path) -> None:
    """One library writes below `a%41b`, another below `aAb`."""
    file = "conf/base/project.yml"
    named = write_project(tmp_path / "plain", edited(file, "project: flights", "project: flights\nworkspace: a%41b"))
    (issue,) = issues_of(named)
    assert (issue.file, issue.line, issue.where) == (file, 2, "workspace")
    assert issue.got == f"{named.resolve()}/a%41b, with '%41'"
    assert issue.allowed == "a path without a percent sign before two hexadecimal digits"
    assert issue.remedy == "rename the folder, or name another workspace"
    (above,) = issues_of(write_project(tmp_path / "50%2C000"))
    assert (above.where, above.got) == ("workspace", f"{tmp_path.resolve()}/50%2C000/workspace, with '%2C'")
    assert load_config(write_project(tmp_path / "100%")).root.name == "100%"


@pytest.mark.parametrize(
    ("file", "text", "line", "where", "got", "allowed", "remedy"),
    [
        ("project.yml", "\nseed: -1\n", 2, "seed", "-1", "greater than", "change"),
        ("models/late_arrival.yml", "split:\n  gap: 7 hours", 2, "split.gap", "'7 hours'", "whole days", "that form"),
        ("models/late_arrival.yml", "gate: {slices: [x]}", 1, "gate.slices[0]", "'x'", "known, id", "declare"),
        ("models/late_arrival.yml", "model: later", 1, "model", "'later'", "'late_arrival', as in conf/base", "rename"),
        ("project.yml", "project: other", 1, "project", "'other'", "'flights'", "cannot rename"),
        ("project.yml", "- a", 1, "the file", "['a']", "a section", "key: value"),
        ("models/late.yml", "split: {}", None, "the file", "late.yml", "a file", "models/late_arrival.yml"),
        ("modls/late_arrival.yml", "split: {}", None, "the file", "modls", "models/<name>.yml", "'models'"),
        ("project.yml", "seed: 1\nseed: 2", 2, "seed", "a second time", "once per section", "line 1"),
    ],
)  # fmt: skip
def test_a_mistake_of_an_environment_is_placed_in_its_file(
    tmp_path: Path, file: str, text: str, line: int | None, where: str, got: str, allowed: str, remedy: str
) -> None:
    root = write_project(tmp_path, {f"conf/dev/{file}": text})
    load_config(root)
    (issue,) = issues_of(root, "dev")
    assert (issue.file, issue.line, issue.where) == (f"conf/dev/{file}", line, where)
    assert got in issue.got
    assert allowed in issue.allowed
    assert remedy in issue.remedy


def test_a_mistake_of_the_base_keeps_its_place_under_an_environment(tmp_path: Path) -> None:
    changes = {**edited(MODEL_FILE, "holdout: 28 days", "holdout: 28 hours"), "conf/dev/project.yml": "seed: 1"}
    (issue,) = issues_of(write_project(tmp_path, changes), "dev")
    assert (issue.file, issue.where) == (MODEL_FILE, "split.holdout")


@pytest.mark.parametrize("env", ["prod", "base", "../dev", ""])
def test_an_environment_that_does_not_exist_is_wrong_use(tmp_path: Path, env: str) -> None:
    root = write_project(tmp_path, {"conf/dev/project.yml": "seed: 1"})
    with pytest.raises(UsageError) as raised:
        load_config(root, env)
    assert (raised.value.got, raised.value.allowed) == (repr(env), "dev")


def test_all_mistakes_of_all_files_are_told_at_once_in_their_order(tmp_path: Path) -> None:
    changes = {
        "conf/base/project.yml": PROJECT.replace("retention", "retension"),
        "conf/base/sources/weather.yml": "a: [",
        **edited("conf/base/sources/outcomes.yml", "is_late: {as: delay_minutes", "is_late: {as: dely_minutes"),
        **edited("conf/base/features/carrier_delays.yml", "entity: [carrier]", "entity: [career]"),
        MODEL_FILE: MODEL.replace("metric: log_loss", "metric: logloss").replace("at: 06:00 next day", "at: noon"),
    }
    issues = issues_of(write_project(tmp_path, changes))
    assert [(i.file.removeprefix("conf/base/"), i.line, i.where) for i in issues] == [
        ("features/carrier_delays.yml", 2, "entity[0]"),
        ("models/late_arrival.yml", 11, "label.closes.at"),
        ("models/late_arrival.yml", 22, "gate.metric"),
        ("project.yml", 1, "retention"),
        ("project.yml", 3, "retension"),
        ("sources/outcomes.yml", 10, "derive.is_late.as"),
        ("sources/weather.yml", 1, "the file"),  # and nothing about what stands on the broken file
    ]


@pytest.mark.parametrize("broken", sorted(set(FILES) - {"conf/base/project.yml"}))
def test_what_stands_on_a_broken_file_is_not_reported_on_top(tmp_path: Path, broken: str) -> None:
    issues = issues_of(write_project(tmp_path, {broken: FILES[broken] + "surplus: 1\n"}))
    assert [(issue.file, issue.where) for issue in issues] == [(broken, "surplus")]


@pytest.mark.parametrize("text", ["", "\n# only a comment\n", "---\n", "~"])
def test_a_file_without_content_is_a_mistake(tmp_path: Path, text: str) -> None:
    (issue,) = issues_of(write_project(tmp_path, {"conf/base/sources/extra.yml": text}))
    assert (issue.file, issue.got) == ("conf/base/sources/extra.yml", "a file without content")
    assert "source: <name>" in issue.allowed


def test_a_name_belongs_to_one_file(tmp_path: Path) -> None:
    again = FILES["conf/base/features/readings.yml"]
    (issue,) = issues_of(write_project(tmp_path, {"conf/base/features/zz.yml": again}))
    assert (issue.file, issue.line, issue.where) == ("conf/base/features/zz.yml", 1, "feature_table")
    assert issue.got == "'readings' a second time"
    assert "conf/base/features/readings.yml" in issue.remedy


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("conf/base/sources/extra.yaml", "rename it to extra.yml"),
        ("conf/base/source/extra.yml", "did you mean 'sources'?"),
        ("conf/base/sources/more/extra.yml", "did you mean 'sources'?"),
        ("conf/base/projct.yml", "did you mean 'project.yml'?"),
        ("conf/base/extra.yml", "move it into the folder of its kind"),
    ],
)
def test_a_file_in_the_wrong_place_is_not_passed_over(tmp_path: Path, file: str, remedy: str) -> None:
    (issue,) = issues_of(write_project(tmp_path, {file: "source: extra"}))
    assert (issue.file, issue.line, issue.remedy) == (file, None, remedy)


def test_files_that_are_not_configuration_are_left_alone(tmp_path: Path) -> None:
    load_config(write_project(tmp_path, {"conf/base/README.md": "# hello", "conf/base/sources/.a.yml": "x: ["}))


def test_a_missing_project_file_is_a_mistake(tmp_path: Path) -> None:
    (issue,) = issues_of(write_project(tmp_path, {"conf/base/project.yml": None}))
    assert (issue.file, issue.line, issue.got) == ("conf/base/project.yml", None, "nothing")


def test_a_missing_folder_is_a_mistake(tmp_path: Path) -> None:
    (issue,) = issues_of(tmp_path)
    assert (issue.file, issue.line, issue.remedy) == ("conf/base", None, "run `lakeloop init`")


def test_a_file_that_is_not_utf8_is_a_mistake(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    (root / "conf/base/project.yml").write_bytes(PROJECT.encode() + b"description: caf\xe9\n")
    (issue,) = issues_of(root)
    assert (issue.file, issue.line, issue.got) == ("conf/base/project.yml", 5, "bytes that are not UTF-8")


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"conf/base/project.yml": "\ufeff" + PROJECT.replace("\n", "\r\n")})
    assert load_config(root).project.project == "flights"


def test_a_key_of_the_spine_and_of_the_label_has_one_type(tmp_path: Path) -> None:
    changes = edited("conf/base/sources/outcomes.yml", "flight: {type: integer}", "flight: {type: string}")
    (issue,) = issues_of(write_project(tmp_path, changes))
    assert (issue.file, issue.where) == (MODEL_FILE, "predict.id[1]")
    assert issue.got == "flight, of type integer in source schedules and string in source outcomes"


def test_the_spine_has_the_keys_of_every_feature_table(tmp_path: Path) -> None:
    changes = edited("conf/base/features/readings.yml", "entity: [origin]", "entity: [origin, observed_ts]")
    (issue,) = issues_of(write_project(tmp_path, changes))
    assert (issue.file, issue.where) == (MODEL_FILE, "features[1]")
    assert issue.got == "readings, whose entity has the column 'observed_ts'"
    assert "derive observed_ts in source schedules" in issue.remedy
