"""Pattern: a text matches a regular expression from its first to its last character."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints

from lakeloop.config.rules.rule import Condition, DeclaredRule, Expected, Kinds, Place, literal, quoted

_WRONG_IN_BOTH = (
    "missing ), unterminated subpattern",
    "unbalanced parenthesis",
    "unterminated character set",
    "bad escape (end of pattern)",
    "min repeat greater than max repeat",
)
"""Mistakes that Python finds and Java would refuse, too; what else Python refuses, Java may take."""
_NOTHING = "nothing to repeat"


def _readable(text: str) -> str:
    """Refuse what no dialect takes; Spark judges the rest before a job begins."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python means to read sets in sets as Java does
        try:
            re.compile(text)
        except re.error as error:
            position = error.pos or 0
            begins = position == 0 or text[position - 1] in "(|"
            if error.msg.startswith(_WRONG_IN_BOTH) or (error.msg == _NOTHING and begins):
                raise ValueError(
                    f"matches: {error.msg} at character {position + 1}; write a regular expression of Java"
                ) from None
        except (OverflowError, RecursionError):
            pass
    return text


Regex = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1), AfterValidator(_readable)]
"""A regular expression; spaces around it are part of it."""


class Pattern(DeclaredRule):
    r"""The whole text matches a Java regular expression; a missing value passes.

    >>> (condition,) = Pattern(rule="pattern", column="carrier", matches="[A-Z0-9]{2}").conditions()
    >>> condition.name, condition.message
    ('pattern_carrier', 'does not match: [A-Z0-9]{2}')
    >>> print(condition.holds)
    `carrier` rlike '\\A(?:[A-Z0-9]{2})\\z'
    """

    rule: Literal["pattern"]
    column: str
    matches: Regex

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return f"pattern_{self.column}"

    def columns_named(self) -> dict[Place, tuple[str, ...]]:
        """Give the column it names."""
        return {("column",): (self.column,)}

    def kinds(self, place: Place) -> Kinds:  # noqa: ARG002 - it names one column
        """Take texts."""
        return Kinds(frozenset({"string"}), "a column of texts", "use a rule: range, allowed or expression")

    def regular_expressions(self) -> dict[Place, str]:
        """Give the expression as it is matched with the whole text."""
        return {("matches",): self._whole}

    @property
    def _whole(self) -> str:
        # `$` would let a line break at the end pass
        return rf"\A(?:{self.matches})\z"

    def conditions(self) -> tuple[Condition, ...]:
        """Give the one condition."""
        holds = f"{quoted(self.column)} rlike {literal(self._whole)}"
        return (Condition(self.label, self.column, holds, f"does not match: {self.matches}"),)

    def computed(self) -> dict[str, Condition]:
        """Nothing: the gate looks at the column itself."""
        return {}

    def expected(self) -> tuple[Expected, ...]:
        """Expect texts that match."""
        matched = {"column": self.column, "regex": self._whole}
        return (Expected(self.label, "ExpectColumnValuesToMatchRegex", matched),)


RULE = Pattern
