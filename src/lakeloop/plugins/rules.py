"""Rules: entry points of the group `lakeloop.rules` name a class that inherits from `DeclaredRule` or `TableRule`.

>>> from typing import Literal
>>> class Even(DeclaredRule):
...     rule: Literal["even"]
...     column: str
...     @property
...     def label(self):
...         return f"even_{self.column}"
...     def conditions(self):
...         return (Condition(self.label, self.column, f"{quoted(self.column)} % 2 = 0", "is odd"),)
>>> Even(rule="even", column="seats").conditions()[0].holds
'`seats` % 2 = 0'
"""

from lakeloop.config.rules.rule import NUMBERS, Condition, DeclaredRule, Expected, Kinds, Place, literal, quoted
from lakeloop.config.rules.table_rule import TableRule
from lakeloop.config.section import Duration, Number, Text, Whole

__all__ = [
    "NUMBERS",
    "Condition",
    "DeclaredRule",
    "Duration",
    "Expected",
    "Kinds",
    "Number",
    "Place",
    "TableRule",
    "Text",
    "Whole",
    "literal",
    "quoted",
]
