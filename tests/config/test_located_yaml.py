from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config.located_yaml import Place, dotted, parse_yaml, shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("2013-01-01", "2013-01-01"),
        ("2013-01-01T00:00:00Z", "2013-01-01T00:00:00Z"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("0123", 123),
        ("0o17", 15),
        ("0xff", 255),
        ("-7", -7),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("~", None),
        ("null", None),
        ("", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: Any) -> None:
    read = parse_yaml(f"key: {text}", "x.yml")
    assert read.issues == ()
    assert read.data == {"key": value}
    assert type(read.data["key"]) is type(value)


def test_keys_are_text() -> None:
    assert parse_yaml("on: 1\n1: 2\ntrue: 3\n2013-01-01: 4\n~: 5", "x.yml").data == {
        "on": 1, "1": 2, "true": 3, "2013-01-01": 4, "~": 5,
    }  # fmt: skip


def test_every_key_and_value_has_its_line() -> None:
    text = "# a comment\na: 1\nb:\n  c:\n    - x\n    - {d: 1,\n       e: 2}\nf: >\n  folded\n  text\n"
    read = parse_yaml(text, "x.yml")
    assert read.data == {"a": 1, "b": {"c": ["x", {"d": 1, "e": 2}]}, "f": "folded text\n"}
    assert {path: (place.key_line, place.value_line) for path, place in read.places.items()} == {
        (): (2, 2),
        ("a",): (2, 2),
        ("b",): (3, 4),
        ("b", "c"): (4, 5),
        ("b", "c", 0): (5, 5),
        ("b", "c", 1): (6, 6),
        ("b", "c", 1, "d"): (6, 6),
        ("b", "c", 1, "e"): (7, 7),
        ("f",): (8, 8),
    }


def test_an_alias_is_read_where_it_stands() -> None:
    read = parse_yaml("a: &days [1, 2]\nb: *days", "x.yml")
    assert read.data == {"a": [1, 2], "b": [1, 2]}
    assert read.issues == ()


@pytest.mark.parametrize(
    ("text", "line", "where", "got", "remedy"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", 4, "b.c", "'c' a second time", "line 3"),
        ("a: 1\n\tb: 2", 2, "the file", "'\\t'", "never with tabs"),
        ("a:\n  - b\n c: 1", 3, "the file", "expected <block end>", "line above"),
        ("a: [1,\n2", 1, "the file", "expected ',' or ']'", "opens here"),
        ("\na: 'x\nb: 1", 2, "the file", "end of stream", "opens here"),
        ("a: b: c", 1, "the file", "mapping values are not allowed", "mend"),
        ("a: 1\n---\nb: 1", 2, "the file", "another document", "remove the line ---"),
        ("a: 1\nb: !!python/object:os.system x", 2, "b", "python/object", "remove the tag"),
        ("a: !custom x", 1, "a", "!custom", "remove the tag"),
        ("a: !!int x", 1, "a", "'x'", "remove the tag"),
        ("a: !!binary x", 1, "a", "binary", "remove the tag"),
        ("path: {{ name }}", 1, "path", "a section or a list as a key", "in quotes"),
        ("a: *missing", 1, "the file", "undefined alias", "mend"),
        ("a: &x [*x]", 1, "a[0]", "repeats without end", "write the value out"),
        ("a: 1\nb: \x07", 2, "the file", "U+0007", "remove the character"),
        ("a: " + "[" * 3000, None, "the file", "nested without end", "flatter"),
    ],
)
def test_mistakes_have_a_place(text: str, line: int | None, where: str, got: str, remedy: str) -> None:
    issue = parse_yaml(text, "x.yml").issues[0]
    assert (issue.file, issue.line, issue.where) == ("x.yml", line, where)
    assert got in issue.got
    assert remedy in issue.remedy


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    assert any("without end" in issue.got for issue in parse_yaml("\n".join(lines), "x.yml").issues)


def test_an_override_merges_sections_and_replaces_the_rest() -> None:
    base = parse_yaml("a:\n  x: 1\n  y: [1, 2, 3]\nb: {c: {d: 1}}\ne: 1", "base.yml")
    over = parse_yaml("\n\na: {y: [9], z: 2}\nb: text", "dev.yml")
    merged = base.overridden_by(over)
    assert merged.data == {"a": {"x": 1, "y": [9], "z": 2}, "b": "text", "e": 1}
    assert merged.file == "base.yml"
    assert merged.places == {
        (): Place("base.yml", 1, 1),
        ("a",): Place("dev.yml", 3, 3),
        ("a", "x"): Place("base.yml", 2, 2),
        ("a", "y"): Place("dev.yml", 3, 3),
        ("a", "y", 0): Place("dev.yml", 3, 3),
        ("a", "z"): Place("dev.yml", 3, 3),
        ("b",): Place("dev.yml", 4, 4),
        ("e",): Place("base.yml", 5, 5),
    }
    assert base.data["a"] == {"x": 1, "y": [1, 2, 3]}  # the base is left as it was


def test_a_missing_key_has_the_line_of_its_section() -> None:
    issue = parse_yaml("a: 1\nb:\n  c: 1", "x.yml").issue(("b", "d", "e"), "nothing", "a key", "add it")
    assert (issue.line, issue.where) == (2, "b.d.e")


@pytest.mark.parametrize(
    ("value", "path", "text"),
    [
        (None, (), "nothing"),
        (True, (), "true"),
        (7, (), "7"),
        ("x" * 200, (), "'" + "x" * 79 + "... (202 characters)"),
        ({}, (), "an empty section"),
        ({str(n): n for n in range(14)}, (), "a section with the keys 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"),
        ("x", ("spark", "fs.s3a.secret.key"), "(hidden)"),
    ],
)
def test_values_are_shown_bounded(value: Any, path: tuple[str | int, ...], text: str) -> None:
    assert shown(value, path) == text


def test_paths_are_written_as_people_do() -> None:
    assert dotted(("rules", 0, "columns", 1)) == "rules[0].columns[1]"
    assert dotted(()) == "the file"


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abcdefgh :-'\"0123456789yno~."),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text("abcy", min_size=1), inside, max_size=4),
    max_leaves=12,
)


@given(data=st.dictionaries(st.text("abcn", min_size=1), plain, min_size=1, max_size=4))
def test_json_is_yaml_and_is_read_back_with_a_place_for_everything(data: dict[str, Any]) -> None:
    read = parse_yaml(json.dumps(data, indent=1), "x.yml")
    assert read.issues == ()
    assert read.data == data
    assert all(read.value_at((key,)) == value for key, value in data.items())


@given(text=st.text("a:[]{}-\n \t'\"#&*!|>%@`,?~1", max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    read = parse_yaml(text, "x.yml")
    assert all(issue.line is None or 1 <= issue.line <= text.count("\n") + 1 for issue in read.issues)
