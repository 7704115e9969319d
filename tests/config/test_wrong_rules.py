"""What is wrong with a rule of a source is told with its line, what is allowed and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.errors import ConfigError
from tests.config.small_project import FILES, edited, write_project
from tests.config.wrong_project import SCHEDULES, Wrong, assert_refused

OLD = "{rule: range, column: distance, min: 50}"
TURNS, WITHIN = "it as in '7 turns'", "it as in '3 standard deviations' or '20%'"
KEYS = "{rule: foreign_key, columns: [carrier], to: outcomes, references: [carrier]"
STATISTICS = "{rule: column_statistics, column: distance, statistics: [mean]"
HISTORY = "within: 20%, over: 7 turns"


def wrong(new: str, where: str, got: str, allowed: str, remedy: str, issues: int = 1) -> Wrong:
    place = f"rules[1].{where}" if where else "rules[1]"
    return Wrong(SCHEDULES, OLD, new, place, got, allowed, remedy, issues=issues)


WRONG = [
    # pattern
    wrong("{rule: pattern, column: tailnum}", "matches", "nothing", "'matches' is required", "add `matches"),
    wrong("{rule: pattern, colum: tailnum, matches: N}", "colum", "the key 'colum'", "column, matches", "'column'", 2),
    wrong("{rule: pattern, column: tailnm, matches: N}", "column", "'tailnm'", "source schedules", "mean 'tailnum'?"),
    wrong("{rule: pattern, column: distance, matches: N}", "column", "type integer", "of texts", "use a rule: range"),
    wrong("{rule: pattern, column: event_ts, matches: N}", "column", "type timestamp", "of texts", "use a rule: range"),
    wrong(
        "{rule: pattern, column: departure_local, matches: N}", "column", "local_timestamp", "of texts", "use a rule"
    ),
    wrong('{rule: pattern, column: tailnum, matches: "N("}', "matches", "subpattern at character 2", "of Java", "form"),
    wrong('{rule: pattern, column: tailnum, matches: "[N"}', "matches", "unterminated character", "of Java", "form"),
    wrong('{rule: pattern, column: tailnum, matches: "N)|(M"}', "matches", "unbalanced", "of Java", "form"),
    wrong('{rule: pattern, column: tailnum, matches: "*N"}', "matches", "nothing to repeat", "of Java", "form"),
    # foreign_key
    wrong(f"{KEYS}, severity: quarantine}}", "severity", "would depend on whether outcomes", "warn or fail", "form"),
    wrong(KEYS.replace("to: outcomes", "to: outcome") + "}", "to", "'outcome'", "outcomes, schedules", "'outcomes'?"),
    wrong(KEYS.replace("s: [carrier]", "s: [carier]", 1) + "}", "columns[0]", "'carier'", "schedules", "'carrier'?"),
    wrong(
        KEYS.replace("references: [carrier]", "references: [carier]") + "}",
        "references[0]",
        "'carier'",
        "source outcomes",
        "'carrier'?",
    ),
    wrong(
        KEYS.replace("references: [carrier]", "references: [flight]") + "}",
        "references[0]",
        "flight, a column of type integer",
        "type string, as carrier is",
        "name another",
    ),
    wrong(
        KEYS.replace("references: [carrier]", "references: [carrier, flight]") + "}",
        "references",
        "2 columns for 1",
        "one for each of columns",
        "form",
    ),
    wrong(KEYS.replace("columns: [carrier]", "columns: []") + "}", "columns", "[]", "at least 1", "add one"),
    # freshness
    wrong("{rule: freshness}", "within", "nothing", "'within' is required", "add `within"),
    wrong("{rule: freshness, within: 2 dys}", "within", "'2 dys'", "a whole number and a unit", "mean '2 days'?"),
    wrong(
        "{rule: freshness, within: 2 days, column: departure_ts}",
        "column",
        "'departure_ts'",
        "'event_ts' or 'avail",
        "write one",
    ),
    wrong(
        "{rule: freshness, within: 2 days, severity: quarantine}",
        "severity",
        "over all rows of a turn",
        "warn or fail",
        "form",
    ),
    # row_count
    wrong("{rule: row_count}", "", "", "declare min, max, of_history", "contradicts"),
    wrong("{rule: row_count, min: 9, max: 8}", "min", "9", "min 9 is above max 8", "contradicts"),
    wrong("{rule: row_count, min: -1}", "min", "-1", "greater than or equal to 0", "change"),
    wrong("{rule: row_count, min: true}", "min", "true", "a number", "form"),
    wrong("{rule: row_count, of_history: 0.5 to 2.0}", "of_history", "go together", "both, or none", "form"),
    wrong("{rule: row_count, of_history: 2 to 1, over: 7 turns}", "of_history", "'2 to 1'", "'0.5 to 2.0'", "form"),
    wrong("{rule: row_count, of_history: half, over: 7 turns}", "of_history", "'half'", "'0.5 to 2.0'", "form"),
    wrong("{rule: row_count, of_history: 0 to 2, over: 7}", "over", "7", TURNS, "form"),
    wrong("{rule: row_count, of_history: 0 to 2, over: 0 turns}", "over", "'0 turns'", TURNS, "form"),
    # no_gaps
    wrong("{rule: no_gaps}", "every", "nothing", "'every' is required", "add `every"),
    wrong("{rule: no_gaps, every: 1 hour, max_gap: 1 minute}", "max_gap", "shorter than every", "at least", "form"),
    wrong("{rule: no_gaps, every: 1 hour, column: distance}", "column", "type integer", "of instants", "derive"),
    wrong(
        "{rule: no_gaps, every: 1 hour, column: departure_local}", "column", "local_timestamp", "of instants", "derive"
    ),
    wrong("{rule: no_gaps, every: 1 hour, by: [origin, zon]}", "by[1]", "'zon'", "source schedules", "mean 'zone'?"),
    # column_statistics
    wrong(f"{STATISTICS}, over: 7 turns}}", "within", "nothing", "'within' is required", "add `within"),
    wrong(f"{STATISTICS}, within: 20%}}", "over", "nothing", "'over' is required", "add `over"),
    wrong(f"{STATISTICS}, within: 20, over: 7 turns}}", "within", "20", WITHIN, "form"),
    wrong(
        f"{STATISTICS}, within: 2 standard deviations, over: 1 turn}}",
        "over",
        "no standard deviation",
        "'2 turns'",
        "form",
    ),
    wrong(f"{STATISTICS.replace('mean', 'median')}, {HISTORY}}}", "statistics[0]", "'median'", "'mean'", "'mean'?"),
    wrong(f"{STATISTICS.replace('mean', '')}, {HISTORY}}}", "statistics", "[]", "at least 1", "add one"),
    wrong(
        f"{STATISTICS.replace('distance', 'zone')}, {HISTORY}}}",
        "column",
        "type string",
        "numbers or booleans",
        "null_share alone",
    ),
]


PRIVATE = (
    "{rule: column_statistics, column: NAME, statistics: [mean, max, null_share, min], within: 20%, over: 7 turns}"
)


@pytest.mark.parametrize("name", ["distance", "twice"])
def test_the_least_and_the_greatest_value_of_a_person_are_no_statistics(tmp_path: Path, name: str) -> None:
    text = FILES[SCHEDULES].replace(OLD, PRIVATE.replace("NAME", name))
    text = text.replace("derive:\n", "derive:\n  twice: {as: distance * 2, type: integer}\n")
    load_config(write_project(tmp_path, {SCHEDULES: text}))
    tagged = text.replace("distance: {type: integer}", "distance: {type: integer, tags: [pii]}")
    with pytest.raises(ConfigError) as raised:
        load_config(write_project(tmp_path, {SCHEDULES: tagged}))
    assert [(each.where, each.got) for each in raised.value.issues] == [
        ("rules[1].statistics[1]", f"max of {name}, which says something of a person (pii)"),
        ("rules[1].statistics[3]", f"min of {name}, which says something of a person (pii)"),
    ]
    plain = tagged.replace("mean, max, null_share, min", "mean, null_share")
    load_config(write_project(tmp_path, {SCHEDULES: plain}))


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_rule_is_refused_with_the_place_and_the_remedy(tmp_path: Path, wrong: Wrong) -> None:
    assert_refused(tmp_path, wrong)


RIGHT = [
    r'{rule: pattern, column: tailnum, matches: "(?<first>N)\\p{Digit}++[\\w-]*\\z"}',  # Java, and not Python
    "{rule: freshness, within: 2 days, column: available_ts, severity: warn}",
    "{rule: row_count, min: 0, max: 10, of_history: 0 to 1.5, over: 1 turn}",
    "{rule: no_gaps, every: 1 hour, by: [origin], column: departure_ts, max_gap: 1 hour}",
    "{rule: column_statistics, column: zone, statistics: [null_share], within: 1.5 standard deviations, over: 2 turns}",
    "{rule: foreign_key, columns: [carrier, flight], to: schedules, references: [carrier, flight]}",  # to itself
]


@pytest.mark.parametrize("rule", RIGHT)
def test_a_rule_is_read(tmp_path: Path, rule: str) -> None:
    config = load_config(write_project(tmp_path, edited(SCHEDULES, OLD, rule)))
    assert config.sources["schedules"].rules[1].label


def test_two_rules_of_one_kind_over_other_columns_or_severities_are_two(tmp_path: Path) -> None:
    both = f"{STATISTICS}, {HISTORY}}}\n  - {STATISTICS}, within: 1%, over: 2 turns, severity: warn}}"
    assert len(load_config(write_project(tmp_path, edited(SCHEDULES, OLD, both))).sources["schedules"].rules) == 5
