"""Rules over the rows of a source, a file each: a new file is a new word for `rule:` in `conf/*/sources/*.yml`.

A rule is a section of the configuration that knows what holds of a row that keeps it, as Spark SQL, and what the
quality gate expects, as Great Expectations names it. Neither is needed here.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from lakeloop.config.rules.rule import Condition, DeclaredRule, Expected

__all__ = ["RULES", "Condition", "DeclaredRule", "Expected", "Rule"]


def _find() -> tuple[type[DeclaredRule], ...]:
    modules = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]
    return tuple(module.RULE for module in modules if hasattr(module, "RULE"))


RULES: tuple[type[DeclaredRule], ...] = _find()
"""The kinds of rules, by file name."""

if TYPE_CHECKING:
    Rule = DeclaredRule
else:
    Rule = Annotated[Union[RULES], Field(discriminator="rule")]  # noqa: UP007 - made of a tuple
