"""What is wrong within one file: its YAML, its keys, its values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.wrong_project import DELAYS, MODEL, OUTCOMES, PROJECT, SCHEDULES, Wrong, assert_refused

WRONG = [
    # YAML
    Wrong(
        SCHEDULES,
        '"to_utc_timestamp(departure_local, zone)"',
        "to_utc_timestamp(departure_local, zone)",
        "derive.departure_ts.zone)",
        "the key 'zone)'",
        "as, description, tags, type, unit",
        "in quotes: inside { } a comma ends it",
    ),
    Wrong(
        PROJECT,
        "retention:",
        "timezone: UTC\nretention:",
        "timezone",
        "'timezone' a second time",
        "once per section",
        "in line 2",
        on="timezone: UTC",
    ),
    Wrong(PROJECT, "retention:", "\tretention:", "the file", "'\\t'", "one valid YAML document", "never with tabs"),
    Wrong(
        PROJECT,
        "{file: notifications.jsonl}",
        "{file: notifications.jsonl",
        "the file",
        "expected",
        "one valid YAML document",
        "opens here",
        on="notifications.jsonl",
    ),
    Wrong(
        PROJECT,
        "project: flights",
        "project: !!python/name:os.system flights",
        "project",
        "the tag tag:yaml.org,2002:python/name:os.system",
        "plain",
        "remove the tag",
    ),
    # keys and values of one file
    Wrong(
        PROJECT, "timezone:", "timezon:", "timezon", "the key 'timezon'", "timezone, tracking_uri", "mean 'timezone'?"
    ),
    Wrong(
        PROJECT,
        "America/New_York",
        "America/New_Yorc",
        "timezone",
        "'America/New_Yorc'",
        "Europe",
        "'America/New_York'",
    ),
    Wrong(PROJECT, "retention: 400 days\n", "", "retention", "nothing", "required", "add `retention", on="project:"),
    Wrong(PROJECT, "400 days", "400", "retention", "400", "a whole number and a unit", "in that form"),
    Wrong(PROJECT, "400 days", "0 days", "retention", "'0 days'", "a whole number and a unit", "in that form"),
    Wrong(PROJECT, "400 days", "99999999999 days", "retention", "'99999999999 days'", "a whole number", "in that form"),
    Wrong(PROJECT, "project: flights", "project: Flights", "project", "'Flights'", "lower case letters", "rename it"),
    Wrong(PROJECT, "{file: ", "{command: [x], file: ", "notify", "a section with", "exactly one of", "contradicts"),
    Wrong(PROJECT, "notify:", "seed: -1\nnotify:", "seed", "-1", "greater than or equal to 0", "change", on="seed"),
    Wrong(PROJECT, "notify:", "seed: many\nnotify:", "seed", "'many'", "a whole number", "change", on="seed"),
    Wrong(
        PROJECT, "notify:", "spark: {a.token: [1]}\nnotify:", "spark.a.token", "(hidden)", "text", "one of", on="spark"
    ),
    Wrong(
        SCHEDULES,
        "distance: {type: integer}",
        "distance: {type: intger}",
        "columns.distance.type",
        "'intger'",
        "'integer'",
        "'integer'",
    ),
    Wrong(SCHEDULES, "  zone: {type", "  Zone: {type", "columns.Zone", "'Zone'", "lower case letters", "rename it"),
    Wrong(
        SCHEDULES,
        "  zone: {type: string}",
        "  zone: string",
        "columns.zone",
        "'string'",
        "a section with keys out of description, tags, type, unit",
        "indented",
    ),
    Wrong(
        SCHEDULES,
        "key: [carrier, flight, departure_ts]",
        "key: carrier",
        "key",
        "'carrier'",
        "a list",
        "[first, second]",
    ),
    Wrong(SCHEDULES, "key: [carrier, flight, departure_ts]", "key: []", "key", "[]", "at least 1", "add one"),
    Wrong(
        SCHEDULES, "{rule: range,", "{rule: rnage,", "rules[1].rule", "'rnage'", "row_count, unique", "mean 'range'?"
    ),
    Wrong(SCHEDULES, "{rule: range, column", "{column", "rules[1].rule", "nothing", "'rule' is required", "add `rule"),
    Wrong(
        SCHEDULES,
        "min: 50}",
        "mim: 50, max: 60}",
        "rules[1].mim",
        "the key 'mim'",
        "column, max, min, rule, severity",
        "mean 'min'?",
    ),
    Wrong(
        SCHEDULES, "min: 50}", "min: 50, max: 40}", "rules[1].min", "50", "min 50.0 is above max 40.0", "contradicts"
    ),
    Wrong(SCHEDULES, "min: 50}", "min: .nan}", "rules[1].min", "nan", "a finite number", "change"),
    Wrong(SCHEDULES, "values: [EWR, JFK]", "values: [EWR, 7]", "rules[2].values[1]", "7", "text", "in quotes"),
    Wrong(
        OUTCOMES,
        "path: landing/outcomes",
        "path: landing/outcomes, format: jsonl",
        "landing.format",
        "'jsonl'",
        "'csv', 'json' or 'parquet'",
        "'json'",
        on="landing: {path: landing/outcomes, format: jsonl}",
    ),
    Wrong(
        OUTCOMES,
        "path: landing/outcomes",
        "path: landing/outcomes, new_columns: add",
        "landing.new_columns",
        "'add'",
        "'refuse', 'ignore', 'add_nullable' or 'quarantine'",
        "one of these",
    ),
    Wrong(
        OUTCOMES,
        "path: landing/outcomes",
        "path: landing/outcomes, missing_columns: ignore",
        "landing.missing_columns",
        "'ignore'",
        "'refuse' or 'null'",
        "one of these",
    ),
    Wrong(
        OUTCOMES,
        "path: landing/outcomes",
        "path: landing/outcomes, new_column: ignore",
        "landing.new_column",
        "the key 'new_column'",
        "format, missing_columns, new_columns",
        "mean 'new_columns'?",
    ),
    Wrong(
        OUTCOMES,
        "path: landing/outcomes",
        "path: 's3://feeds/outcomes'",
        "landing.path",
        "'s3://feeds/outcomes'",
        "a folder that this machine sees",
        "in that form",
    ),
    Wrong(
        "conf/base/project.yml",
        "project: flights\n",
        "project: flights\nworkspace: s3a://lake/flights\n",
        "workspace",
        "'s3a://lake/flights'",
        "a folder that this machine sees",
        "in that form",
        on="workspace",
    ),
    Wrong(
        OUTCOMES,
        "trusted_until: 2014-01-01",
        "trusted_until: 2014",
        "history.trusted_until",
        "2014",
        "2014-01-01 or",
        "form",
    ),
    Wrong(
        DELAYS,
        "every: 1 hour\n",
        "",
        "the file",
        "a section with the keys",
        "its tick",
        "contradicts",
        on="feature_table",
    ),
    Wrong(
        DELAYS, "every: 1 hour", "every: 1 hour\nttl: 1 day", "ttl", "1 day", "does not apply", "contradicts", on="ttl"
    ),
    Wrong(
        DELAYS,
        "every: 1 hour",
        "every: 2 hours",
        "aggregate[0].over[0]",
        "'3 hours': window 3h is not a multiple of every: 2h",
        "whole multiples of 2h",
        "in that form",
        on="over: [3 hours",
    ),
    Wrong(
        DELAYS, "as: [mean, count]", "as: [mean, median]", "aggregate[0].as[1]", "'median'", "'stddev'", "mean 'mean'?"
    ),
    Wrong(
        DELAYS,
        "from: outcomes",
        "form: outcomes",
        "form",
        "the key 'form'",
        "every, feature_table, features, from",
        "mean 'from'?",
        issues=1,
    ),
    Wrong(MODEL, "06:00 next day", "6 o'clock", "label.closes.at", '"6 o\'clock"', "'06:00 next day'", "form"),
    Wrong(MODEL, "holdout: 28 days", "holdout: 28 hours", "split.holdout", "'28 hours'", "whole days", "in that form"),
    Wrong(
        MODEL,
        "split: {",
        "split: {train: some, ",
        "split.train",
        "'some'",
        "'all past' or a whole number",
        "one of these",
    ),
    Wrong(
        MODEL,
        "sklearn.linear_model.LogisticRegression",
        "LogisticRegression",
        "estimator.class",
        "'LogisticRegression'",
        "package.module.Class",
        "full import path",
    ),
    Wrong(MODEL, "metric: log_loss", "metric: logloss", "gate.metric", "'logloss'", "'log_loss'", "mean 'log_loss'?"),
    Wrong(
        MODEL,
        "metric: log_loss",
        "metric: mean_absolute_error",
        "gate.metric",
        "does not fit the task classification",
        "one of log_loss, brier",
        "in that form",
    ),
    Wrong(MODEL, "non_inferior_by: 0.005", "non_inferior_by: .nan", "gate.non_inferior_by", "nan", "", "change"),
    Wrong(
        MODEL,
        "roles: {contract",
        "persistence: 4 of 3, roles: {contract",
        "monitor.persistence",
        "'4 of 3'",
        "can never happen",
        "contradicts",
    ),
    Wrong(MODEL, "seasonal:", "seasnal:", "monitor.roles.seasnal", "'seasnal'", "'seasonal'", "mean 'seasonal'?"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_file_is_refused_with_the_place_and_the_remedy(tmp_path: Path, wrong: Wrong) -> None:
    assert_refused(tmp_path, wrong)
