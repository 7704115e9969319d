"""The words that a configuration can name: rules, aggregates, statistics, functions; a page of Markdown each."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from docs.site.tables import one_line, summary, write_table
from lakeloop.aggregates import AGGREGATES
from lakeloop.config.metric import METRICS_OF
from lakeloop.config.rules import RULES, word_of
from lakeloop.config.rules.table_rule import TableRule
from lakeloop.distances import DISTANCES, TESTS
from lakeloop.on_demand.functions import FUNCTIONS

_MORE = "Packages can bring more: see [plugins](../../docs/plugins.md)."


def render_words() -> Iterator[tuple[str, str, str]]:
    """Write a page for each kind of word: its file's name, its title and its text.

    >>> [name for name, _, _ in render_words()]
    ['rules', 'aggregates', 'statistics', 'on_demand', 'metrics']
    """
    yield "rules", "Rules", f"Words for `rules:` of a source or a feature table. {_MORE}\n\n{_rules()}"
    yield "aggregates", "Aggregates", f"Words for `aggregate[].as` of a feature table. {_MORE}\n\n{_aggregates()}"
    yield "statistics", "Statistics of drift", f"Words for `monitor.statistic` of a model. {_MORE}\n\n{_statistics()}"
    yield "on_demand", "On-demand functions", f"Functions for `on_demand:` of a model. {_MORE}\n\n{_functions()}"
    yield (
        "metrics",
        "Metrics",
        f"Metrics of each kind of task, for `gate`, `decide` and what is recorded.\n\n{_metrics()}",
    )


def _rules() -> str:
    rows = []
    for rule in RULES:
        keys = [
            f"`{name}`" + ("" if field.is_required() else " (optional)")
            for name, field in rule.model_fields.items()
            if name != "rule"
        ]
        judges = "a turn's rows as a whole" if issubclass(rule, TableRule) else "each row"
        rows.append((f"`{word_of(rule)}`", judges, ", ".join(keys), summary(rule.__doc__)))
    return write_table(("rule", "judges", "keys", "meaning"), rows)


def _aggregates() -> str:
    rows = [(f"`{name}`", one_line(each.description), f"`{each.gives}`") for name, each in AGGREGATES.items()]
    return write_table(("aggregate", "meaning", "type"), rows)


def _statistics() -> str:
    distances = [
        (f"`{name}`", one_line(each.description), ", ".join(each.kinds), f"{each.min_effect:g}")
        for name, each in DISTANCES.items()
    ]
    tests = [(f"`{name}`", one_line(each.description), f"`{each.table_column}`") for name, each in TESTS.items()]
    recorded = write_table(("test", "meaning", "column of `monitoring.drift_metrics`"), tests)
    judged = write_table(("statistic", "meaning", "kinds of columns", "least worth an alarm"), distances)
    return f"{judged}\n\n## Tests\n\nThey are recorded; no column is judged by one.\n\n{recorded}"


def _functions() -> str:
    rows = []
    for name, function in FUNCTIONS.items():
        given = ", ".join(
            f"{each.name}=" if each.kind is each.KEYWORD_ONLY else each.name
            for each in inspect.signature(function).parameters.values()
        )
        rows.append((f"`{name}({given})`", summary(function.__doc__)))
    return write_table(("function", "meaning"), rows)


def _metrics() -> str:
    rows = [(f"`{task}`", ", ".join(f"`{each}`" for each in metrics)) for task, metrics in METRICS_OF.items()]
    return write_table(("task", "metrics"), rows)
