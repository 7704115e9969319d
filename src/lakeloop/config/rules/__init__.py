"""Rules over the rows of a source, a file each: a new file is a new word for `rule:` in `conf/*/sources/*.yml`.

Other packages bring more of them, by entry points of the group `lakeloop.rules`.

A rule is a section of the configuration that knows what holds of a row that keeps it, as Spark SQL, and what the
quality gate expects, as Great Expectations names it. Neither is needed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args

from pydantic import Field

from lakeloop.config.plugins import OrPlugin, lacking
from lakeloop.config.rules.rule import Condition, DeclaredRule, Expected
from lakeloop.entry_points import PluginGroup, find_plugin, load_plugin

__all__ = ["RULES", "Condition", "DeclaredRule", "Expected", "Rule", "find_rule", "word_of"]


def _find() -> tuple[type[DeclaredRule], ...]:
    modules = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]
    return tuple(module.RULE for module in modules if hasattr(module, "RULE"))


RULES: tuple[type[DeclaredRule], ...] = _find()
"""The kinds of rules, by file name; those that are built in."""


def word_of(rule: type[DeclaredRule]) -> str:
    """Tell the word by which a kind of rule is declared.

    >>> sorted(word_of(each) for each in RULES)[:3]
    ['allowed', 'column_statistics', 'expression']
    """
    return str(next(iter(get_args(rule.model_fields["rule"].annotation)), ""))


_WORDS = tuple(word_of(each) for each in RULES)


def find_rule(data: Mapping[Any, Any]) -> type[DeclaredRule] | None:
    """Find the rule of a package that some data declares.

    Args:
        data: What is declared, with the key `rule`.

    Returns:
        The kind of rule; None where it is built in, or there is none.

    Raises:
        PluginError: If two packages bring it, or what is brought is no rule.

    >>> find_rule({"rule": "not_null", "columns": ["carrier"]}) is None
    True
    """
    word = data.get("rule")
    plugin = find_plugin(PluginGroup.RULES, word, _WORDS) if isinstance(word, str) else None
    if plugin is None:
        return None
    found: type[DeclaredRule] = load_plugin(plugin, _problem)
    return found


def ask(rule: DeclaredRule) -> None:
    """Ask a rule all that it will be asked, and check what it gives.

    Args:
        rule: A rule as it is declared.

    Raises:
        TypeError: If it gives something else than it should.

    >>> from lakeloop.config.rules.not_null import NotNull
    >>> ask(NotNull(rule="not_null", columns=["carrier"]))
    """
    given: dict[str, tuple[Callable[[], object], type]] = {
        "label": (lambda: rule.label, str),
        "columns_named": (rule.columns_named, dict),
        "texts_compared": (rule.texts_compared, dict),
        "expressions": (rule.expressions, dict),
        "regular_expressions": (rule.regular_expressions, dict),
        "unique_columns": (lambda: rule.unique_columns, tuple),
        "conditions": (rule.conditions, tuple),
    }
    for name, (give, kind) in given.items():
        found = give()
        if not isinstance(found, kind):
            raise TypeError(f"{name} gives {type(found).__name__}, it has to give {kind.__name__}")
    for condition in rule.conditions():
        if not isinstance(condition, Condition):
            raise TypeError(f"conditions gives {type(condition).__name__}, each has to be a Condition")
    rule.expected()
    for place in rule.columns_named():
        rule.kinds(place)


def _problem(found: Any, word: str) -> str | None:
    if not isinstance(found, type) or not issubclass(found, DeclaredRule):
        what = found.__name__ if isinstance(found, type) else type(found).__name__
        return f"it is {what}, not a class that inherits from lakeloop.plugins.rules.DeclaredRule"
    if word_of(found) != word:
        return f'its key `rule` does not say the word of the entry point; write rule: Literal["{word}"]'
    return lacking(found)


if TYPE_CHECKING:
    Rule = DeclaredRule
else:
    Rule = Annotated[
        Union[RULES],  # noqa: UP007 - made of a tuple
        Field(discriminator="rule"),
        OrPlugin(PluginGroup.RULES, RULES, find_rule, key="rule", probe=ask),
    ]
